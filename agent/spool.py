"""A part of the trail on its way out: read completely before the first line of it goes.

Rules
- without a last record it ends where nothing follows, but not before what a checkpoint has signed:
  what is missing there is missing, not the end;
- a row that cannot be read is given by its number; who writes the lines says what becomes of it;
- what does not fit into memory lies in a file without a name, for as long as it is read.

Never here: who may read it, and what a line looks like.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from tempfile import SpooledTemporaryFile

from agent.audit.bundle import record_line
from agent.errors import StoreUnusable
from agent.ports import AuditLog
from agent.records import AuditRecord

PAGE = 1_000
IN_MEMORY = 16 * 1024 * 1024  # bytes

Line = Callable[[AuditRecord | int], bytes]
"""A record, or the number of one that cannot be read, as it goes out; may raise AuditRefused."""


class AuditRefused(Exception):  # noqa: N818 - named for what happens to it
    """The trail is not shown, or cannot be; `code` is for programs, `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class Spool:
    """Lines, to be read once; the file is gone after that."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - read long after this returns
        self.last = 0

    def take(self, line: bytes, seq: int) -> None:
        """Add the line of a record."""
        self._file.write(line)
        self.last = max(self.last, seq)

    def close(self) -> None:
        """Forget the lines."""
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        with self._file:
            self._file.seek(0)
            yield from self._file


async def spooled(
    trail: AuditLog, first: int, last: int | None, line: Line, at_least: int = 0
) -> Spool:
    """Read a part of a trail, a line for each record; raises AuditRefused and StoreUnusable."""
    spool = Spool()
    try:
        async for one in _records(trail, first, last, at_least):
            spool.take(line(one), one if isinstance(one, int) else one.seq)
    except BaseException:
        spool.close()
        raise
    return spool


async def _records(
    trail: AuditLog, first: int, last: int | None, at_least: int
) -> AsyncIterator[AuditRecord | int]:
    """Give records in order, and in place of one that cannot be read, its number.

    Without `last` it ends where nothing follows, but not before `at_least`: what is missing
    there is missing, not the end.
    """
    while last is None or first <= last:
        size = PAGE if last is None else min(PAGE, last - first + 1)
        page = await _page(trail, first, size)
        for one in page:
            yield one
        if page:
            end = page[-1]
            first = 1 + (end if isinstance(end, int) else end.seq)
        elif first + size <= max(at_least, last or 0):
            first += size
        else:
            return


async def _page(trail: AuditLog, first: int, size: int) -> Sequence[AuditRecord | int]:
    try:
        return await trail.read(first, size)
    except StoreUnusable as fault:
        if fault.code != "row_unreadable":
            raise
    page: list[AuditRecord | int] = []
    for seq in range(first, first + size):
        try:
            page += await trail.read(seq, 1)
        except StoreUnusable as fault:
            if fault.code != "row_unreadable":
                raise
            page.append(seq)
    return page


def readable_line(one: AuditRecord | int) -> bytes:
    """Return a record as a line; AuditRefused for one that cannot be read or written exactly."""
    seq = one if isinstance(one, int) else one.seq
    try:
        if not isinstance(one, int):
            return record_line(one)
    except (ValueError, RecursionError):
        pass
    sentence = f"expected to read record {seq}, saw no such thing: a bundle says so and goes on"
    raise AuditRefused("unreadable", sentence)
