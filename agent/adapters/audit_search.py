"""Questions to the trail: answered newest first, a page at a time, from the index and its rest.

Rules
- one word of the question chooses the rows, the most particular first; the others are compared
  with the lines that those rows hold;
- segments that the index does not hold wholly are read from the trail: no answer is ever missing
  because the index is behind;
- a page ends when it is full, or when it has read enough: then it may be short, even empty, and
  its continuation goes on from there. A continuation belongs to its question.

Never here: sealing what waits in the inbox (the caller has done that), and any write.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from agent.adapters.audit_index import EVERY, AuditIndex, Span, same_era
from agent.adapters.audit_rows import LAST_SEQ, AddOnly, segment_key, segment_of, seq_key
from agent.errors import Permanent
from agent.trail import AuditLine, AuditPage, AuditQuery, answers
from agent.values import digest_of

MOST = 200  # lines a page
_ROWS = 24  # of the index, at a time
_INDEX_ROW, _TRAIL_ROW, _ENOUGH = 10, 2, 6_000  # what a row costs, and how much a page may
_BY = ("request", "person", "rule", "action", "decision", "phase")  # the most particular first


class _Cursor(NamedTuple):
    """Where to go on: in this segment and those below it, with records below this one."""

    segment: int
    before: int


class _Page:
    """One page while it is being filled."""

    def __init__(self, query: AuditQuery, begin: _Cursor, limit: int) -> None:
        self.query, self.begin, self.next = query, begin, begin
        self._limit, self._cost = limit, 0
        self.lines: list[AuditLine] = []
        self.rows = 0

    @property
    def full(self) -> bool:
        """Whether to stop: enough was found, or enough was read."""
        return len(self.lines) >= self._limit or self._cost >= _ENOUGH

    def take(self, segment: int, lines: Iterable[AuditLine]) -> None:
        """Look at lines of one segment, newest first."""
        for line in lines:
            if len(self.lines) >= self._limit:
                return
            if line.seq < self.begin.before:
                self.next = _Cursor(segment, line.seq)
                if answers(self.query, line):
                    self.lines.append(line)

    def pay(self, rows: int, each: int) -> None:
        """Count what was read."""
        self.rows += rows
        self._cost += rows * each

    def leave(self, segment: int) -> None:
        """Say that nothing more of a segment is wanted, unless the page was full within it."""
        if len(self.lines) < self._limit:
            self.next = _Cursor(segment - 1, self.begin.before)


class AuditSearch:
    """Answers questions from one tenant's trail."""

    def __init__(self, audit: AddOnly, index: AuditIndex) -> None:
        self._audit, self._index = audit, index

    async def page(
        self, query: AuditQuery, last: int, continuation: str | None, limit: int
    ) -> AuditPage:
        """Return the newest answers up to record `last`. Raises Permanent("bad_continuation")."""
        begin = _Cursor(segment_of(last), last + 1)
        if continuation is not None:
            begin = _read(continuation, query)
        page = _Page(query, begin, max(1, min(limit, MOST)))
        spans = await self._index.spans(0, begin.segment)
        for low, high in _runs(begin.segment, spans, query):
            if page.full:
                break
            if high in spans:
                await self._from_index(page, low, high)
            else:
                await self._from_trail(page, high)
        more = page.full and page.next.segment >= 0
        token = _written(page.next, query) if more else None
        return AuditPage(lines=tuple(page.lines), continuation=token, rows=page.rows)

    async def _from_index(self, page: _Page, low: int, high: int) -> None:
        word = next((one for one in _BY if getattr(page.query, one) is not None), EVERY)
        value = "" if word == EVERY else getattr(page.query, word)
        value = value.lower() if word == "person" else value
        behind: str | None = None
        while not page.full:
            found = await self._index.postings(word, value, low, high, _ROWS, behind)
            for posting in found:
                page.take(posting.segment, posting.lines)
                page.pay(1, _INDEX_ROW)
            if len(found) < _ROWS:
                page.leave(low)
                return
            behind = found[-1].rk

    async def _from_trail(self, page: _Page, segment: int) -> None:
        bounds = (seq_key(1), seq_key(min(page.begin.before, LAST_SEQ)))
        rows = await self._audit.query(segment_key(segment), between=bounds)
        page.pay(len(rows), _TRAIL_ROW)
        for row in reversed(rows):
            page.take(segment, reversed(self._index.lines(row)))
        page.leave(segment)


def _runs(
    high: int, spans: Mapping[int, Span | None], query: AuditQuery
) -> Iterator[tuple[int, int]]:
    """Yield runs of segments, newest first: indexed ones together, others one by one."""
    top: int | None = None
    for segment in range(high, -1, -1):
        indexed = segment in spans
        wanted = not indexed or _within(spans[segment], query)
        if top is not None and not (indexed and wanted and same_era(segment, top)):
            yield segment + 1, top
            top = None
        if indexed and wanted and top is None:
            top = segment
        elif not indexed:
            yield segment, segment
    if top is not None:
        yield 0, top


def _within(span: Span | None, query: AuditQuery) -> bool:
    if span is None or (query.frm is not None and span.last_at < query.frm):
        return False
    return query.to is None or span.first_at < query.to


def _written(cursor: _Cursor, query: AuditQuery) -> str:
    said = [1, cursor.segment, cursor.before, _name(query)]
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def _read(continuation: str, query: AuditQuery) -> _Cursor:
    try:
        version, segment, before, name = json.loads(base64.urlsafe_b64decode(continuation))
    except (TypeError, ValueError):
        version = segment = before = name = None
    numbers = type(segment) is int and type(before) is int and 0 <= segment < before <= LAST_SEQ
    if version != 1 or not numbers or name != _name(query):
        raise Permanent(
            "bad_continuation", "expected the continuation of this very question, saw another"
        )
    return _Cursor(segment, before)


def _name(query: AuditQuery) -> str:
    return digest_of(query.model_dump(mode="json"))[:16]
