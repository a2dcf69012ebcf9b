"""What processes of one tenant leave for the one that writes the chain, and which one that is.

Rows      AuditInbox  pk `inbox`  rk `{key}`   a group of bodies, durable before it has a place
          AuditInbox  pk `lease`  rk `lease`   who seals the inbox: `owner`, changed by each beat
Rules
- a row says behind which record (`after`) it can stand at the earliest: where to look whether it
  was sealed already, however late it (or a copy of its sending) arrives;
- a row is removed only by who has seen its group in the chain;
- the lease only spares conflicts: two holders at once do no harm. So no clock is compared: a lease
  that did not beat while somebody watched it for WATCH seconds is taken over.

Never here: what a body means; it is sealed as it was written, of whatever version.
"""

import asyncio
import logging
import secrets
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from agent.adapters.audit_rows import LAST_SEQ, Group, bodies_in, damaged, seq_key, texts_of
from agent.adapters.columns import Row
from agent.adapters.table_removal import remove_all
from agent.adapters.tables import Rows, etag_of
from agent.errors import StoreUnusable, Transient
from agent.values import canonical

BEAT = 0.5  # seconds between two beats of a holder
WATCH = 1.5  # seconds without a beat until a watcher takes over
_INBOX, _LEASE = "inbox", "lease"
_NOBODY, _ANYBODY = "", "anybody"  # owners: nobody is needed, whoever comes first is

_log = logging.getLogger(__name__)


class Pending(NamedTuple):
    """A group that waits in the inbox."""

    group: Group
    after: int
    size: int


class Inbox:
    """The groups that are durable and not yet in the chain."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._named: set[str] = set()  # rows that cannot be read, once each

    async def put(self, group: Group, after: int) -> None:
        """Make a group durable; a second time does no harm. Raises Transient when it is not there.

        A store that says "taken" of a key that nobody else can have is believed when it shows it.
        """
        row = {"PartitionKey": _INBOX, "RowKey": group.key, "after": seq_key(after)}
        stored = await self._rows.insert(row | texts_of(group.bodies))
        if not stored and await self._rows.get(_INBOX, group.key, ["RowKey"]) is None:
            raise Transient("store_busy", f"expected a row added to `{self._rows.table}`, saw none")

    async def keys(self) -> dict[str, int]:
        """Return what waits: keys, and behind which record each can stand."""
        rows = await self._rows.query(_INBOX, select=["RowKey", "after"])
        return {row["RowKey"]: int(row["after"]) if _is_seq(row) else LAST_SEQ for row in rows}

    async def waits(self) -> bool:
        """Whether anything waits that could be sealed, as far as is known here."""
        return bool((await self.keys()).keys() - self._named)

    async def look(self, known: Collection[str] = ()) -> tuple[set[str], list[Pending]]:
        """Return the keys of all that waits, and those groups, oldest first, that are not `known`.

        A row that cannot be read stays where it is, is named in the log, and stops no other's;
        `check` says it to whoever reads the trail.
        """
        rows = await self._rows.query(_INBOX)
        found: list[Pending] = []
        for row in sorted(rows, key=_stored_at):
            if row["RowKey"] not in known:
                try:
                    found.append(_pending(self._rows.table, row))
                except StoreUnusable as fault:
                    if row["RowKey"] not in self._named:
                        _log.error("not sealed: %s", fault)
                        self._named.add(row["RowKey"])
        return {row["RowKey"] for row in rows}, found

    async def check(self) -> None:
        """Raise StoreUnusable when something waits that nobody can read."""
        for row in await self._rows.query(_INBOX):
            _pending(self._rows.table, row)

    async def clear(self, keys: Iterable[str]) -> None:
        """Remove rows whose groups are in the chain."""
        await remove_all(self._rows, _INBOX, list(keys))


class Lease:
    """Who of the processes seals the inbox."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._me = secrets.token_hex(8)
        self._etag: str | None = None  # of our own last beat
        self._watched: tuple[str, float] = ("", 0.0)  # another's beat, and when it was first seen
        self._beaten_at = 0.0

    @property
    def held(self) -> bool:
        """Whether this process may believe that it is the one."""
        return self._etag is not None

    async def others(self) -> bool:
        """Whether somebody seals, or did when they fell silent, or should."""
        row = await self._rows.get(_LEASE, _LEASE, ["owner"])
        return row is not None and row.get("owner") != _NOBODY

    async def take(self) -> bool:
        """Become the holder if nobody is, or whoever is has fallen silent; else keep watching."""
        row = await self._rows.get(_LEASE, _LEASE)
        if row is None:
            first: Row = {"PartitionKey": _LEASE, "RowKey": _LEASE, "owner": _NOBODY}
            await self._rows.insert(first)
            row = await self._rows.get(_LEASE, _LEASE)
        if row is None:
            return False
        now = asyncio.get_running_loop().time()
        if self._watched[0] != etag_of(row):
            self._watched = (etag_of(row), now)
        silent = now - self._watched[1] >= WATCH
        if silent or row.get("owner") in (_NOBODY, _ANYBODY, self._me):
            await self._beat(self._me, etag_of(row))
        return self.held

    async def beat(self) -> None:
        """Say, now and then, that the holder lives; `held` is False when another took over."""
        now = asyncio.get_running_loop().time()
        if self._etag is not None and now - self._beaten_at >= BEAT:
            await self._beat(self._me, self._etag)

    def forget(self) -> None:
        """Stop being the holder without a word: the beats end, and another takes over."""
        self._etag = None

    async def release(self, *, handing_over: bool = False) -> None:
        """Let anybody take over at once; who hands over may leave something to be sealed."""
        if self._etag is not None:
            await self._beat(_ANYBODY if handing_over else _NOBODY, self._etag)
            self._etag = None

    async def _beat(self, owner: str, etag: str) -> None:
        self._beaten_at = asyncio.get_running_loop().time()
        beat = secrets.token_hex(4)
        row: dict[str, Any] = {"PartitionKey": _LEASE, "RowKey": _LEASE}
        self._etag = await self._rows.merge(row | {"owner": owner, "beat": beat}, etag)


def _pending(table: str, row: Row) -> Pending:
    if not _is_seq(row):
        damaged(table, row)
    bodies = tuple(bodies_in(table, row))
    size = sum(len(canonical(body)) for body in bodies)
    return Pending(Group(row["RowKey"], bodies), int(row["after"]), size)


def _is_seq(row: Row) -> bool:
    return isinstance(row.get("after"), str) and row["after"].isdecimal()


def _stored_at(row: Row) -> tuple[str, str]:
    """Return the store's own time of a row: nobody waits behind one that came later."""
    return str(row.metadata["timestamp"]), row["RowKey"]  # type: ignore[attr-defined]
