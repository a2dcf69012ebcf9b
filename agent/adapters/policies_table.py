"""The tenant's signed policy: the newest snapshot for acts, a recent one for forecasts.

Rows      as `policy.entity` gives them: Policies (one a rule version, only added), PolicySnapshots
          (parts of an immutable body, only added), PolicyHeads (the one row that counts).
Rules
- `newest` reads the head every time and loads a body only when the head names another one;
- what is believed was verified here, in this process, against the pinned public key; a sequence
  below the highest one seen in this process is refused;
- any doubt is StoreUnusable: there is no last good snapshot to fall back to;
- a head is believed for MAX_AGE: a policy that nobody has signed again for so long is stale.

Never here: what rules mean, and any write: the running app's identity may only read these tables.
Who may write them is `policy_publisher`, which the app never loads.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from agent.adapters.columns import Row
from agent.adapters.tables import Rows
from agent.errors import StoreUnusable
from agent.ports import Clock
from policy.entity import HEAD_KEYS, body_of, head_of, seq_key
from policy.snapshot import (
    CLOCK_SKEW,
    Head,
    Snapshot,
    SnapshotRefused,
    Verify,
    open_snapshot,
)

MAX_AGE = timedelta(days=90)
RECENT = timedelta(seconds=30)


class PolicyTable:
    """The policy store of one tenant, as the running app reads it."""

    def __init__(
        self,
        heads: Rows,
        snapshots: Rows,
        clock: Clock,
        verify: Verify,
        max_age: timedelta = MAX_AGE,
    ) -> None:
        self._heads, self._snapshots = heads, snapshots
        self._clock, self._verify, self._max_age = clock, verify, max_age
        self._held: tuple[Head, Snapshot] | None = None
        self._read_at: datetime | None = None  # when the head that is held was last seen to count
        self._loading = asyncio.Lock()

    async def newest(self) -> Snapshot:
        """Read the head now and return its snapshot. Raises StoreUnusable on any doubt."""
        # What was seen before this read began: a head that others load meanwhile proves nothing
        # against the one we are about to read.
        before, now = self._held, self._clock.now()
        self._read_at = None
        try:
            found = await head_now(self._heads)
            snapshot = await self._believed(found[0] if found else None, before, now)
        except SnapshotRefused as refused:
            raise StoreUnusable(refused.code, refused.sentence) from None
        self._read_at = now
        return snapshot

    async def recent(self) -> Snapshot:
        """Return a snapshot whose head was read at most 30 s ago: for forecasts only."""
        held, read_at = self._held, self._read_at
        if held and read_at and timedelta(0) <= self._clock.now() - read_at <= RECENT:
            return held[1]
        return await self.newest()

    async def _believed(
        self, head: Head | None, before: tuple[Head, Snapshot] | None, now: datetime
    ) -> Snapshot:
        if head is None:
            raise SnapshotRefused("no_policy", "expected a policy head, saw none")
        if self._held is None or self._held[0] != head:
            async with self._loading:
                if self._held is None or self._held[0] != head:
                    return await self._load(head, before, now)
        held, snapshot = self._held
        # Its signature and bytes were believed when it was loaded; its age goes on.
        if not -CLOCK_SKEW <= now - held.issued_at <= self._max_age:
            raise SnapshotRefused("too_old", f"expected at most {self._max_age} of age, saw more")
        return snapshot

    async def _load(
        self, head: Head, before: tuple[Head, Snapshot] | None, now: datetime
    ) -> Snapshot:
        head.check_signature(self._verify)  # nothing is fetched for a head that nobody signed
        body = await body_now(self._snapshots, "snapshot", seq_key(head.seq))
        # In a thread: a large policy takes a good part of a second to parse and to index.
        snapshot = await asyncio.to_thread(
            open_snapshot,
            head,
            body,
            verify=self._verify,
            now=now,
            max_age=self._max_age,
            last_seq_seen=before[0].seq if before else 0,
        )
        if before and before[0].seq == head.seq:
            raise SnapshotRefused("two_heads", f"expected one head of {head.seq}, saw another")
        if self._held is None or self._held[0].seq < head.seq:
            self._held = (head, snapshot)
        return snapshot


async def head_now(heads: Rows) -> tuple[Head, Row] | None:
    """Return the head that is stored and its row, unverified; StoreUnusable for any other row."""
    row = await heads.get(*HEAD_KEYS)
    return None if row is None else (read_head(row), row)


def read_head(row: Mapping[str, object]) -> Head:
    """Return the head of a row, unverified; StoreUnusable when it is no head."""
    try:
        return head_of(row)
    except ValueError:
        raise StoreUnusable("head_unreadable", "expected a policy head, saw another row") from None


async def body_now(snapshots: Rows, partition: str, name: str) -> bytes:
    """Return the joined parts of a body, unverified; SnapshotRefused where one is missing."""
    rows = await snapshots.query(partition, between=(f"{name}|00", f"{name}|99"))
    try:
        return body_of(rows)
    except (KeyError, TypeError, ValueError):
        raise SnapshotRefused("body_missing", "expected all parts of the snapshot") from None
