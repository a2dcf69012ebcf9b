"""The end of old records: a whole segment gives way to a signed tombstone. Nothing else removes.

Rules
- only full segments whose records are all older than asked, and answer no standing hold: a legal
  hold wins, also over a removal that was begun;
- a segment that does not hold together is evidence, and stays: StoreUnusable("audit_altered");
- the tombstone is durable before anything is removed: its range, the hashes at both ends and a
  Merkle root, signed. Then go the index rows made of the records, then the records; a job that
  died goes on where it was, and a second run changes nothing;
- the segment that is being written is never removed; the chain goes on from a tombstone as from a
  record.

Never here: how long is long enough, and who may ask.
"""

from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from agent.adapters.audit_chain import Chain
from agent.adapters.audit_holds import AuditHolds
from agent.adapters.audit_index import AuditIndex, rows_for
from agent.adapters.audit_rows import (
    TOMBSTONE,
    records_of,
    segment_key,
    segment_of,
    seq_key,
)
from agent.adapters.columns import Row
from agent.adapters.table_removal import remove_all
from agent.adapters.tables import Rows
from agent.audit.chain import verify_chain
from agent.errors import StoreUnusable
from agent.records import AuditRecord
from agent.trail import AuditLine, Tombstone, answers, line_of
from agent.values import Frozen

Sign = Callable[[bytes], Awaitable[tuple[str, bytes]]]
Root = Callable[[Sequence[str]], str]


class Removal(Frozen):
    """What a run of the job did: tombstones set, and segments that are held."""

    removed: tuple[Tombstone, ...]
    held: tuple[int, ...]


class AuditRetention:
    """Removes old segments of one tenant's trail."""

    def __init__(
        self, tenant: str, audit: Rows, index: Rows, holds: AuditHolds, *, sign: Sign, root: Root
    ) -> None:
        self._tenant = tenant
        self._audit, self._index, self._holds = audit, index, holds
        self._sign, self._root = sign, root

    async def remove(self, older_than: datetime, at: datetime) -> Removal:
        """Remove what is older, oldest first. Raises StoreUnusable and Transient."""
        last = segment_of((await Chain(self._audit).follow()).seq + 1)
        await AuditIndex(self._audit, self._index).catch_up(last)
        removed: list[Tombstone] = []
        held: list[int] = []
        for segment in range(last):
            rows = await self._audit.query(segment_key(segment))
            stone = next((row for row in rows if row["RowKey"] == TOMBSTONE), None)
            rows = [row for row in rows if row["RowKey"] != TOMBSTONE]
            if not rows:
                continue  # it is gone
            records = [one for row in rows for one in records_of(self._audit.table, row)]
            lines = [line_of(record) for record in records]
            if any(line.at >= older_than for line in lines):
                continue
            if await self._is_held(lines):
                held.append(segment)
                continue
            if stone is None:
                removed.append(await self._bury(segment, records, older_than, at))
            await self._clear(segment, rows, lines)
        return Removal(removed=tuple(removed), held=tuple(held))

    async def _is_held(self, lines: Sequence[AuditLine]) -> bool:
        holds = await self._holds.standing()
        return any(answers(hold.held, line) for hold in holds for line in lines)

    async def _bury(
        self, segment: int, records: Sequence[AuditRecord], older_than: datetime, at: datetime
    ) -> Tombstone:
        if verify_chain(records, records[0].seq, records[0].prev):
            raise StoreUnusable(
                "audit_altered", f"expected segment {segment} to hold together, saw otherwise"
            )
        bare = Tombstone(
            tenant=self._tenant,
            first=records[0].seq,
            last=records[-1].seq,
            prev=records[0].prev,
            hash=records[-1].hash,
            root=self._root([record.hash for record in records]),
            older_than=older_than,
            at=at,
        )
        kid, signature = await self._sign(bare.message)
        text = urlsafe_b64encode(signature).rstrip(b"=").decode()
        stone = bare.model_copy(update={"kid": kid, "signature": text})
        row: Row = {"PartitionKey": segment_key(segment), "RowKey": TOMBSTONE}
        row |= {"last": seq_key(stone.last), "hash": stone.hash}
        if not await self._audit.insert(row | {"tombstone": stone.model_dump_json()}):
            raise StoreUnusable("audit_busy", f"expected to bury segment {segment}, saw it buried")
        return stone

    async def _clear(self, segment: int, rows: Sequence[Row], lines: Sequence[AuditLine]) -> None:
        postings: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows_for(segment, lines):
            postings[row["PartitionKey"]].append(row["RowKey"])
        for pk, rks in postings.items():
            await remove_all(self._index, pk, rks)
        await remove_all(self._audit, segment_key(segment), [row["RowKey"] for row in rows])
