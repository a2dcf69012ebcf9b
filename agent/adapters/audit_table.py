"""The tenant's audit trail, as the product has it: appended to, read back, asked.

Rules
- what was durable before a reading began is in what it returns: what waits in the inbox is sealed
  first;
- a segment from which everything is gone is named, not taken for the end.

Never here: what a record says, and any update or deletion. How the trail lies in rows and who
writes it: `audit_rows`, `audit_chain`, `audit_writer`; how it is asked: `audit_index`,
`audit_search`; how it ends: `audit_retention`.
"""

from collections.abc import Sequence

from pydantic import TypeAdapter

from agent.adapters.audit_chain import Chain
from agent.adapters.audit_inbox import Inbox, Lease
from agent.adapters.audit_index import AuditIndex
from agent.adapters.audit_rows import (
    BLOCK,
    LAST_SEQ,
    TOMBSTONE,
    AddOnly,
    records_of,
    segment_key,
    segment_of,
    seq_key,
)
from agent.adapters.audit_search import AuditSearch
from agent.adapters.audit_writer import AuditWriter
from agent.adapters.columns import at_most, is_key, parsed
from agent.adapters.tables import Rows
from agent.errors import StoreUnusable
from agent.records import AuditRecord, Draft, Written
from agent.trail import AuditPage, AuditQuery, Tombstone
from agent.values import RequestId

_Stone = TypeAdapter(Tombstone)
_BEYOND = (1, 2, 4, 8)  # segments that are looked into where one holds nothing


class AuditTable:
    """The audit log of one tenant; one instance a process."""

    def __init__(self, audit: AddOnly, index: AddOnly, inbox: Rows) -> None:
        self._audit = audit
        self._chain = Chain(audit)
        self._index = AuditIndex(audit, index)
        self._search = AuditSearch(audit, self._index)
        self._writer = AuditWriter(self._chain, Inbox(inbox), Lease(inbox), self._index.grown)

    @property
    def conflicts(self) -> int:
        """How often a place in the chain was lost to another process."""
        return self._chain.conflicts

    async def append(self, drafts: Sequence[Draft]) -> tuple[Written, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""
        return await self._writer.append(drafts)

    async def of_request(self, request: RequestId) -> list[AuditRecord]:
        """Return a request's records in order of sequence."""
        if not is_key(request):
            return []
        await self._writer.settle()
        full = segment_of((await self._chain.follow()).seq + 1)
        spans = await self._index.spans(0, full)
        segments = set(range(full + 1)) - set(spans)
        segments |= set(await self._index.segments("request", request, 0, full))
        found = await at_most(self._records(one) for one in sorted(segments))
        return [one for records in found for one in records if one.body.get("request") == request]

    async def search(
        self, query: AuditQuery, continuation: str | None = None, limit: int = 50
    ) -> AuditPage:
        """Return a page of answers, newest first. Raises Permanent("bad_continuation")."""
        await self._writer.settle()
        last = (await self._chain.follow()).seq
        return await self._search.page(query, last, continuation, limit)

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        """Return up to `limit` records from sequence `first` on, past what retention removed."""
        await self._writer.settle()
        first = max(first, 1)
        segment = segment_of(max(1, first - BLOCK + 1))  # where the block with `first` may begin
        records: list[AuditRecord] = []
        while len(records) < limit:
            found = await self._records(segment, max(1, first - BLOCK + 1))
            records += [record for record in found if record.seq >= first]
            if not found and segment >= segment_of(first) and await self._ends_at(segment):
                break
            segment += 1
        return records[:limit]

    async def removed(self) -> list[Tombstone]:
        """Return what stands for the segments that retention removed, in order."""
        full = segment_of((await self._chain.follow()).seq + 1)
        rows = await at_most(self._audit.get(segment_key(one), TOMBSTONE) for one in range(full))
        table = self._audit.table
        return [parsed(_Stone, str(row.get("tombstone")), table, TOMBSTONE) for row in rows if row]

    async def index_all(self) -> None:
        """Index every full segment that is not yet. Raises StoreUnusable and Transient."""
        await self._index.catch_up(segment_of((await self._chain.follow()).seq + 1))

    async def close(self) -> None:
        """Stop writing, leave the lease to others, and finish what is being indexed."""
        await self._writer.close()
        await self._index.close()

    async def _records(self, segment: int, first: int = 1) -> list[AuditRecord]:
        between = (seq_key(first), seq_key(LAST_SEQ))
        rows = await self._audit.query(segment_key(segment), between=between)
        return [record for row in rows for record in records_of(self._audit.table, row)]

    async def _ends_at(self, segment: int) -> bool:
        if await self._chain.holds(segment):
            return False  # what retention left of it
        if any(await at_most(self._chain.holds(segment + step) for step in _BEYOND)):
            raise StoreUnusable(
                "audit_gap",
                f"expected records in segment {segment} of `{self._audit.table}`, saw none, "
                "and later ones",
            )
        return True
