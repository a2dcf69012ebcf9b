"""Where to look for a person, a rule, a request: rows made of whole segments, after the fact.

Rows      AuditIndex  pk `{era}.{bucket}`  rk `{word}.{value's digest}.{place}.{part}`
                                              the lines of one segment with that value, newest first
          AuditIndex  pk `{era}.done`      rk `{segment}`   the segment is in the index, wholly
Rules
- a segment is indexed once it is full, so an append never waits for an index row, and a thousand
  records share a few hundred rows, written a bucket at a time. Whoever fills the next segment
  before that is done waits: the index is never more than two segments behind its writer;
- what is not yet in the index is read from the trail itself: the index is complete exactly for the
  segments that say so, which is written last. A process that died in between leaves rows that the
  next to come finds equal to its own;
- a row holds the lines themselves: an answer needs no second read;
- an era of a thousand segments is the most that ever lies in one partition.

Never here: what a question wants (`agent.trail`), and any update or deletion.
"""

import asyncio
import hashlib
import logging
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from agent.adapters.audit_rows import (
    LAST_SEQ,
    AddOnly,
    damaged,
    records_of,
    segment_key,
    segment_of,
    seq_key,
)
from agent.adapters.columns import Row, at_most
from agent.errors import Fault
from agent.trail import AuditLine, line_of, sought

EVERY = "every"  # the word under which each line is found
_ERA = 1_000  # segments
_BUCKETS = 16
_LINES = 250  # at most, in one row
_PART = 64 * 1024  # the most one binary property holds
_PARTS = 12
_LARGEST = 64 * 1024 * 1024  # of what a row unpacks to
_AT_ONCE, _BYTES = 100, 3_000_000  # of a transaction
_CATCH_UP = 4  # segments at a time

_Lines = TypeAdapter(tuple[AuditLine, ...])
_log = logging.getLogger(__name__)


class Span(NamedTuple):
    """The time that the records of an indexed segment cover."""

    first_at: datetime
    last_at: datetime


class Posting(NamedTuple):
    """One row of the index, read: where it is, and its lines, newest first."""

    segment: int
    rk: str
    lines: tuple[AuditLine, ...]


class AuditIndex:
    """The index of one tenant's trail."""

    def __init__(self, audit: AddOnly, index: AddOnly) -> None:
        self._audit, self._index = audit, index
        self._spans: dict[int, Span | None] = {}  # None: indexed, and nothing in it
        self._full = 0  # segments that were full when last looked
        self._task: asyncio.Task[None] | None = None

    async def grown(self, seq: int) -> None:
        """Index what was filled by record `seq`, after this call; waits for an earlier one."""
        full = segment_of(seq + 1)
        if full > self._full:
            if self._task is not None:
                await asyncio.shield(self._task)
            self._full = full
            self._task = asyncio.create_task(self._catch_up(full))

    async def close(self) -> None:
        """Wait for what is being indexed."""
        if self._task is not None:
            await self._task

    async def catch_up(self, full: int, most: int = LAST_SEQ) -> None:
        """Index the first `full` segments where they are not, the newest first.

        Raises StoreUnusable and Transient.
        """
        spans = await self.spans(0, full - 1)
        for segment in [one for one in reversed(range(full)) if one not in spans][:most]:
            await self._write(segment)

    async def spans(self, low: int, high: int) -> dict[int, Span | None]:
        """Return which of these segments are indexed, and what time each covers."""
        missing = [era for era in _eras(low, high) if not self._knows(era, low, high)]
        found = await at_most(self._done(era) for era in missing)
        for rows in found:
            self._spans |= {int(row["RowKey"]): self._span(row) for row in rows}
        return {one: self._spans[one] for one in range(low, high + 1) if one in self._spans}

    async def postings(
        self, word: str, value: str, low: int, high: int, first: int, behind: str | None = None
    ) -> list[Posting]:
        """Return lines with this value in these segments of one era, newest first.

        `first` is how many rows at most, `behind` the row key of the last one read before.
        """
        pk, prefix = _place(high // _ERA, word, value)
        begin = f"{behind}." if behind else f"{prefix}{_inverted(high)}"
        between = (begin, f"{prefix}{_inverted(low)}~")
        rows = await self._index.query(pk, between=between, first=first)
        return [self._posting(row) for row in rows]

    async def segments(self, word: str, value: str, low: int, high: int) -> list[int]:
        """Return in which of these indexed segments there are lines with this value."""

        async def of(era: int) -> list[Row]:
            pk, prefix = _place(era, word, value)
            return await self._index.query(
                pk, between=(prefix, f"{prefix}~"), select=["PartitionKey", "RowKey"]
            )

        found = await at_most(of(era) for era in _eras(low, high))
        places = {_segment(row) for rows in found for row in rows}
        return sorted(one for one in places if low <= one <= high)

    async def _catch_up(self, full: int) -> None:
        try:
            await self.catch_up(full, _CATCH_UP)
        except Fault as fault:  # nobody's answer is wrong for it: it is read from the trail
            _log.warning("the audit index is behind: %s", fault)

    async def _write(self, segment: int) -> None:
        bounds = (seq_key(1), seq_key(LAST_SEQ))
        rows = await self._audit.query(segment_key(segment), between=bounds)
        lines = [line for row in rows for line in self.lines(row)]
        postings = await asyncio.to_thread(rows_for, segment, lines)
        for batch in _batches(postings):
            if not await self._index.transaction(batch):
                await at_most(self._index.insert(row) for row in batch)
        done: Row = {"PartitionKey": _done_key(segment // _ERA), "RowKey": segment_key(segment)}
        if lines:
            done["first_at"] = min(line.at for line in lines).isoformat()
            done["last_at"] = max(line.at for line in lines).isoformat()
        await self._index.insert(done)
        self._spans[segment] = self._span(done)

    def lines(self, row: Row) -> list[AuditLine]:
        """Return a block of the trail as lines; StoreUnusable naming it when it is none."""
        try:
            return [line_of(record) for record in records_of(self._audit.table, row)]
        except ValueError:
            damaged(self._audit.table, row)

    async def _done(self, era: int) -> list[Row]:
        segments = range(era * _ERA, (era + 1) * _ERA)
        low = next((one for one in segments if one not in self._spans), segments[-1])
        between = (segment_key(low), segment_key(segments[-1]))
        return await self._index.query(_done_key(era), between=between)

    def _knows(self, era: int, low: int, high: int) -> bool:
        segments = range(max(low, era * _ERA), min(high, (era + 1) * _ERA - 1) + 1)
        return all(one in self._spans for one in segments)

    def _span(self, row: Row) -> Span | None:
        if "first_at" not in row:
            return None
        try:
            ends = (datetime.fromisoformat(row[name]) for name in ("first_at", "last_at"))
            return Span(*ends)
        except (KeyError, TypeError, ValueError):
            damaged(self._index.table, row)

    def _posting(self, row: Row) -> Posting:
        parts = [row[name] for name in (f"lines{n}" for n in range(_PARTS)) if name in row]
        try:
            unpacked = zlib.decompressobj().decompress(b"".join(parts), _LARGEST)
            return Posting(_segment(row), row["RowKey"], _Lines.validate_json(unpacked))
        except (TypeError, ValueError, zlib.error, ValidationError):
            damaged(self._index.table, row)


def rows_for(segment: int, lines: Sequence[AuditLine]) -> list[Row]:
    """Return all rows of a segment: the same for the same lines, whoever makes them."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: -line.seq):
        text = line.model_dump_json(exclude_defaults=True)
        found[EVERY, ""].append(text)
        for word_and_value in dict.fromkeys(sought(line)):
            found[word_and_value].append(text)
    rows: list[Row] = []
    for (word, value), texts in sorted(found.items()):
        pk, prefix = _place(segment // _ERA, word, value)
        for part, packed in enumerate(_packed(texts)):
            row: Row = {"PartitionKey": pk, "RowKey": f"{prefix}{_inverted(segment)}.{part:04d}"}
            at = range(0, len(packed), _PART)
            rows.append(row | {f"lines{n}": packed[a : a + _PART] for n, a in enumerate(at)})
    return rows


def _packed(texts: Sequence[str]) -> Iterator[bytes]:
    """Yield the texts as lists that fit into a row each, in order."""
    for at in range(0, len(texts), _LINES):
        yield from _halved(texts[at : at + _LINES])


def _halved(texts: Sequence[str]) -> Iterator[bytes]:
    packed = zlib.compress(("[" + ",".join(texts) + "]").encode(), level=3)
    if len(packed) <= _PART * _PARTS or len(texts) == 1:
        yield packed
    else:
        yield from _halved(texts[: len(texts) // 2])
        yield from _halved(texts[len(texts) // 2 :])


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows as transactions: of one partition, not too many, not too large."""
    batch: list[Row] = []
    size = 0
    for row in sorted(rows, key=lambda row: (row["PartitionKey"], row["RowKey"])):
        more = 500 + sum(len(value) * 4 // 3 for value in row.values())
        other = batch and batch[0]["PartitionKey"] != row["PartitionKey"]
        if other or len(batch) == _AT_ONCE or size + more > _BYTES:
            if batch:
                yield batch
            batch, size = [], 0
        batch.append(row)
        size += more
    if batch:
        yield batch


def _place(era: int, word: str, value: str) -> tuple[str, str]:
    """Return the partition of a value, and how its row keys begin: hostile values are digested."""
    digest = hashlib.sha256(f"{word}\n{value}".encode()).hexdigest()
    return f"{era:06d}.{int(digest[:2], 16) % _BUCKETS:02d}", f"{word}.{digest[:32]}."


def same_era(one: int, other: int) -> bool:
    """Whether two segments lie in the same partitions of the index."""
    return one // _ERA == other // _ERA


def _done_key(era: int) -> str:
    return f"{era:06d}.done"


def _inverted(segment: int) -> str:
    return f"{_ERA - 1 - segment % _ERA:03d}"


def _segment(row: Row) -> int:
    place = _ERA - 1 - int(row["RowKey"].split(".")[2])
    return int(row["PartitionKey"].split(".")[0]) * _ERA + place


def _eras(low: int, high: int) -> range:
    return range(low // _ERA, high // _ERA + 1) if high >= low else range(0)
