"""The tenant's audit chain as rows that are only ever added.

Rows      Audit        pk `{segment}`  rk `{seq}`      one record; segment is that of the first
                                                       record of its transaction
          AuditIndex   pk `{request}`  rk `{segment}`  this segment may hold records of the request
Rules
- adding the row of a sequence number *is* the compare-and-swap: there is no head to update;
- one writer a process: whoever waits is written together, at most 100 records in one transaction,
  each `append` whole or not at all. A transaction that begins near the end of a segment ends in
  it, so up to 99 rows lie past its end: readers look there;
- `append` returns when the records are durable. After a conflict the last row sent decides: equal
  hash, equal chain, so it was our own write whose answer was lost; else the tail is read again;
- an index row is written before the first record it points to, and points to a segment, not to a
  record: a crash between leaves a pointer too many, never one too few, and nothing to repair.

Never here: what a record says, and any update or deletion.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from agent.adapters.columns import Row, at_most, is_key, key, unreadable
from agent.adapters.tables import Rows
from agent.audit.chain import ZERO, body_of, chain
from agent.errors import Fault, StoreUnusable, Transient
from agent.records import AuditRecord, Draft
from agent.values import RequestId, canonical

SEGMENT_ROWS = 1_000
GROUP = 100  # records a transaction: the limit of Azure Tables
RECORD_BYTES = 60_000
GROUP_BYTES = 1_000_000  # with the worst escaping still under the 4 MiB of a transaction
PATIENCE = 20.0  # seconds for one group: a caller waits with an act not yet begun, or just done
LAST_SEQ = 10**12 - 1
LONGEST_PAUSE_MS = 60
_CHUNK = 16_000  # characters a column: never over 32,768 UTF-16 units
_BODY = ("body", "body1", "body2", "body3")  # RECORD_BYTES fit into so many chunks


class _Tail(NamedTuple):
    seq: int
    hash: str


class _Waiting(NamedTuple):
    """One `append` that waits for its place; its caller may have gone meanwhile."""

    drafts: tuple[Draft, ...]
    size: int
    done: "asyncio.Future[tuple[AuditRecord, ...]]"

    def accept(self, records: tuple[AuditRecord, ...]) -> None:
        """Hand over what was written."""
        if not self.done.done():
            self.done.set_result(records)

    def refuse(self, failure: Exception) -> None:
        """Say that nothing may be taken as written."""
        if not self.done.done():
            if isinstance(failure, Fault):  # a fault of its own for each caller
                failure = StoreUnusable(failure.code, failure.sentence)
            self.done.set_exception(failure)


class AuditTable:
    """The audit log of one tenant; one instance a process."""

    def __init__(self, audit: Rows, index: Rows) -> None:
        self._audit = audit
        self._index = index
        self._queue: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._tail: _Tail | None = None
        self._indexed: tuple[int, set[str]] = (0, set())  # a segment, and requests pointed to it

    async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""
        if not drafts:
            return ()
        done: asyncio.Future[tuple[AuditRecord, ...]]
        done = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(tuple(drafts), _size(drafts), done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await done

    async def of_request(self, request: RequestId) -> list[AuditRecord]:
        """Return a request's records in order of sequence."""
        if not is_key(request):
            return []
        pointers = await self._index.query(request)
        found = await at_most(
            self._audit.query(row["RowKey"], equals={"request": request}) for row in pointers
        )
        records = [self._record(row) for rows in found for row in rows]
        return sorted(records, key=lambda record: record.seq)

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        """Return up to `limit` records from sequence `first` on."""
        first = max(first, 1)
        last = first + limit - 1
        spilled = (first - 1) % SEGMENT_ROWS < GROUP - 1
        begin = max(0, _segment(first) - (1 if spilled else 0))
        records: list[AuditRecord] = []
        for segment in range(begin, _segment(last) + 1):
            rows = await self._audit.query(_pk(segment), between=(_rk(first), _rk(last)))
            records += [self._record(row) for row in rows]
            if not rows and segment > begin:
                break  # past the tail
        return records

    async def _write_all(self) -> None:
        while self._queue:
            group = self._group()
            try:
                links = iter(await self._commit([one for w in group for one in w.drafts]))
            except asyncio.CancelledError:
                for waiting in (*group, *self._queue):
                    waiting.done.cancel()
                raise
            except Exception as failure:
                for waiting in group:
                    waiting.refuse(failure)
                continue
            for waiting in group:
                waiting.accept(tuple(next(links) for _ in waiting.drafts))

    def _group(self) -> list[_Waiting]:
        """Take whole appends from the queue, as many as fit into one transaction."""
        group = [self._queue.popleft()]
        rows, size = len(group[0].drafts), group[0].size
        while self._queue:
            rows, size = rows + len(self._queue[0].drafts), size + self._queue[0].size
            if rows > GROUP or size > GROUP_BYTES:
                break
            group.append(self._queue.popleft())
        return group

    async def _commit(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        """Chain the drafts to the tail, again and again until their place is theirs."""
        pause = 0
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    tail = self._tail or await self._find_tail(_Tail(0, ZERO))
                    links = chain(drafts, tail.seq, tail.hash)
                    if await self._store(links):
                        self._tail = _Tail(links[-1].seq, links[-1].hash)
                        return links
                    self._tail = await self._find_tail(tail)
                    pause = min(LONGEST_PAUSE_MS, pause + 5)
                    await asyncio.sleep(secrets.randbelow(pause) / 1_000)
        except TimeoutError:
            raise StoreUnusable(
                "audit_unusable", f"expected a place in the chain in {PATIENCE:g} s"
            ) from None

    async def _store(self, links: Sequence[AuditRecord]) -> bool:
        """Add the rows; False when their places are another writer's."""
        segment = _segment(links[0].seq)
        await self._point(segment, links)
        rows = [_row(segment, link) for link in links]
        try:
            if len(rows) == 1:
                stored = await self._audit.insert(rows[0])
            else:
                stored = await self._audit.transaction(rows)
        except Transient:
            stored = False  # perhaps durable, perhaps not: what is there says which
        return stored or await self._is_ours(segment, links[-1])

    async def _is_ours(self, segment: int, link: AuditRecord) -> bool:
        row = await self._audit.get(_pk(segment), _rk(link.seq), ["RowKey", "hash"])
        return row is not None and row.get("hash") == link.hash

    async def _point(self, segment: int, links: Sequence[AuditRecord]) -> None:
        """Say in the index which requests this segment may hold, once for each."""
        if self._indexed[0] != segment:
            self._indexed = (segment, set())
        known = self._indexed[1]
        fresh = {str(link.body["request"]) for link in links if "request" in link.body} - known
        await at_most(
            self._index.insert({"PartitionKey": key(request), "RowKey": _pk(segment)})
            for request in fresh
        )
        known |= fresh

    async def _find_tail(self, known: _Tail) -> _Tail:
        """Return the last record: `known`, or what was added after it, in O(log n) reads."""
        low = _segment(known.seq + 1)
        tail = await self._last(low, known)
        if tail.seq < (low + 1) * SEGMENT_ROWS:
            return tail  # a segment that is not full is the last one
        step = 1
        while await self._holds(low + step):
            low, step = low + step, step * 2
        high = low + step  # holds nothing
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self._holds(middle) else (low, middle)
        return await self._last(low, tail)

    async def _holds(self, segment: int) -> bool:
        return bool(await self._audit.query(_pk(segment), select=["RowKey"], first=1))

    async def _last(self, segment: int, known: _Tail) -> _Tail:
        """Return the last record of a segment, or `known` when none comes after it there."""
        after = (_rk(known.seq + 1), _rk(LAST_SEQ))
        rows = await self._audit.query(_pk(segment), between=after, select=["RowKey", "hash"])
        return _Tail(int(rows[-1]["RowKey"]), rows[-1]["hash"]) if rows else known

    def _record(self, row: Row) -> AuditRecord:
        parts = [row[name] for name in _BODY if name in row]
        try:
            return AuditRecord(
                seq=int(row["RowKey"]),
                body=json.loads("".join(parts)),
                prev=row["prev"],
                hash=row["hash"],
            )
        except (KeyError, TypeError, ValueError):
            unreadable(self._audit.table, "body")


def _segment(seq: int) -> int:
    return (seq - 1) // SEGMENT_ROWS


def _pk(segment: int) -> str:
    return f"{segment:09d}"


def _rk(seq: int) -> str:
    return f"{seq:012d}"


def _row(segment: int, link: AuditRecord) -> Row:
    text = canonical(link.body).decode()
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    row: Row = {
        "PartitionKey": _pk(segment),
        "RowKey": _rk(link.seq),
        "prev": link.prev,
        "hash": link.hash,
        **dict(zip(_BODY, chunks, strict=False)),
    }
    if "request" in link.body:
        row["request"] = link.body["request"]
    return row


def _size(drafts: Sequence[Draft]) -> int:
    """Return how many bytes the drafts take; StoreUnusable when they cannot be written at once."""
    sizes = [len(canonical(body_of(draft))) for draft in drafts]  # type: ignore[arg-type]
    if len(sizes) > GROUP or max(sizes) > RECORD_BYTES or sum(sizes) > GROUP_BYTES:
        raise StoreUnusable(
            "audit_too_large",
            f"expected at most {GROUP} records of {RECORD_BYTES} bytes and {GROUP_BYTES} in all, "
            f"saw {len(sizes)} of up to {max(sizes)}",
        )
    return sum(sizes)
