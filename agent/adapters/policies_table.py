"""The tenant's signed policy: the newest snapshot for acts, a recent one for forecasts.

Rows      as `policy.entity` gives them: Policies (one a rule version, only added), PolicySnapshots
          (parts of an immutable body, only added), PolicyHeads (the one row that counts).
Rules
- `newest` reads the head every time and loads a body only when the head names another one;
- what is believed was verified here, in this process, against the pinned public key; a sequence
  below the highest one seen in this process is refused;
- any doubt is StoreUnusable: there is no last good snapshot to fall back to;
- a head is believed for MAX_AGE: a policy that nobody has signed again for so long is stale.

Never here: what rules mean, and who may publish (the publisher's own identity may write these
tables; the running app's may only read them).
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from agent.adapters.columns import Row
from agent.adapters.tables import Rows, etag_of
from agent.errors import StoreUnusable, Transient
from agent.ports import Clock
from policy.entity import HEAD_KEYS, body_entities, body_of, head_entity, head_of, rule_entity
from policy.rule import Rule
from policy.snapshot import (
    CLOCK_SKEW,
    Body,
    Head,
    Snapshot,
    SnapshotRefused,
    Verify,
    open_snapshot,
    write_body,
)

MAX_AGE = timedelta(days=90)
RECENT = timedelta(seconds=30)
_RULES_AT_ONCE = 50  # rows a transaction: 50 of the largest stay under its 4 MiB
_PLACES = 100

Sign = Callable[[bytes], Awaitable[tuple[str, bytes]]]
"""message -> (kid, raw signature), by a key that only the publisher may use."""


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
            head = await _head(self._heads)
            snapshot = await self._believed(head, before, now)
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
        rows = await self._snapshots.query("snapshot", between=_parts(head.seq))
        # In a thread: a large policy takes a good part of a second to parse and to index.
        snapshot = await asyncio.to_thread(
            open_snapshot,
            head,
            _joined(rows),
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


class PolicyPublisher:
    """Writes a new policy: rule versions, then the snapshot, then the head that makes it count."""

    def __init__(self, policies: Rows, snapshots: Rows, heads: Rows, clock: Clock) -> None:
        self._policies, self._snapshots, self._heads = policies, snapshots, heads
        self._clock = clock

    async def publish(
        self, rules: Sequence[Rule], kid: str, sign: Sign, *, published_by: str, approved_by: str
    ) -> Head:
        """Make these rules the tenant's policy; Transient when another publisher was faster."""
        row = await self._heads.get(*HEAD_KEYS)
        last = None if row is None else _read_head(row)
        await self._keep_versions(rules)
        body = write_body(rules)
        unsigned = Head(
            snapshot_id=body.id,
            seq=await self._keep_body(body, 1 + (last.seq if last else 0)),
            sha256=body.sha256,
            kid=kid,
            published_by=published_by,
            approved_by=approved_by,
            issued_at=self._clock.now(),
            prev=last.snapshot_id if last else None,
        )
        signed_by, signature = await sign(unsigned.signing_bytes())
        if signed_by != kid:
            raise StoreUnusable("wrong_key", f"expected a signature by `{kid}`, saw `{signed_by}`")
        head = unsigned.model_copy(update={"signature": _base64url(signature)})
        counts = (
            await self._heads.insert(head_entity(head))
            if row is None
            else await self._heads.merge(head_entity(head), etag_of(row))
        )
        if not counts:
            raise _race()
        return head

    async def published(self) -> str | None:
        """Return the id of the snapshot that counts now, or None before the first."""
        row = await self._heads.get(*HEAD_KEYS)
        return None if row is None else _read_head(row).snapshot_id

    async def _keep_versions(self, rules: Sequence[Rule]) -> None:
        """Add a row for every rule that is new or changed."""
        newest = {
            row["RowKey"].rpartition("|")[0]: row for row in await self._policies.query("rule")
        }
        fresh: list[Row] = []
        for rule in rules:
            kept = newest.get(f"{rule.layer}|{rule.id}")
            row = rule_entity(rule, 1 + (kept["version"] if kept else 0))
            if kept is None or kept["body"] != row["body"]:
                fresh.append(row)
        for at in range(0, len(fresh), _RULES_AT_ONCE):
            if not await self._policies.transaction(fresh[at : at + _RULES_AT_ONCE]):
                raise _race()

    async def _keep_body(self, body: Body, first: int) -> int:
        """Add the snapshot at the first free sequence number, and return that number."""
        for seq in range(first, first + _PLACES):
            # A publisher that was stopped before its head leaves a body behind: its place is taken.
            kept = [await self._snapshots.insert(row) for row in body_entities(body, seq)]
            if all(kept):
                return seq
        raise _race()


async def _head(heads: Rows) -> Head | None:
    row = await heads.get(*HEAD_KEYS)
    return None if row is None else _read_head(row)


def _read_head(row: Mapping[str, object]) -> Head:
    try:
        return head_of(row)
    except ValueError:
        raise StoreUnusable("head_unreadable", "expected a policy head, saw another row") from None


def _joined(rows: Sequence[Row]) -> bytes:
    try:
        return body_of(rows)
    except (KeyError, TypeError, ValueError):
        raise SnapshotRefused("body_missing", "expected all parts of the snapshot") from None


def _parts(seq: int) -> tuple[str, str]:
    return f"{seq:010d}|00", f"{seq:010d}|99"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _race() -> Transient:
    return Transient("publish_race", "expected to publish alone, saw another publisher")
