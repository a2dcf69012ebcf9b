"""The tail of the audit chain: what comes next is whoever adds it first.

Rules
- adding the row of a sequence number *is* the compare-and-swap: there is no head to update. Two
  writers that believe the same tail cannot both succeed, so nobody's belief, lease or clock is
  needed for the chain to be one and gapless;
- after a conflict, or an answer that was lost, the rows that were added meanwhile say which groups
  are in the chain: whoever looks for its key there cannot be written twice, nor miss that it was;
- what was read of the chain is remembered (`_recent`, complete from `_since` on); a group that may
  be older is looked for in the store.

Never here: who should write, and what.
"""

from collections.abc import Sequence

from agent.adapters.audit_rows import (
    BLOCK,
    LAST_SEQ,
    START,
    TOMBSTONE,
    AddOnly,
    Group,
    Link,
    Tail,
    block_of,
    damaged,
    links_of,
    segment_end,
    segment_key,
    segment_of,
    seq_key,
)
from agent.adapters.columns import Row, at_most
from agent.errors import StoreUnusable, Transient

_REMEMBERED = 1_000  # groups
_COLUMNS = ("PartitionKey", "RowKey", "prev", "hashes", "groups", "last", "hash")
_ALL = (seq_key(1), seq_key(LAST_SEQ))


class Chain:
    """One process's view of the end of a tenant's chain."""

    def __init__(self, audit: AddOnly) -> None:
        self._audit = audit
        self._tail: Tail | None = None
        self._since = 0
        self._recent: dict[str, list[Link]] = {}
        self.conflicts = 0

    async def tail(self) -> Tail:
        """Return the last record as far as known here."""
        return self._tail or await self.follow()

    async def add(self, groups: Sequence[Group]) -> bool:
        """Add groups behind the tail, all or none; False when `placed` has to say what is true."""
        row, links = block_of(await self.tail(), groups)
        try:
            stored = await self._audit.insert(row)
        except Transient:
            stored = False  # perhaps durable, perhaps not: what is there says which
        if stored:
            self._note(links)
        else:
            self.conflicts += 1
            await self.follow()
        return stored

    def placed(self, key: str) -> Sequence[Link]:
        """Return where a group stands, if it was added or seen here; else nothing."""
        return self._recent.get(key, ())

    async def find(self, key: str, after: int) -> Sequence[Link]:
        """Return where a group stands that can only be behind sequence `after`; else nothing."""
        tail = await self.tail()
        if after >= self._since or key in self._recent:
            return self.placed(key)
        low = max(0, segment_of(after + 1) - 1)  # a block that began just before a border
        found = await at_most(
            self._audit.query(segment_key(segment), between=_ALL, select=_COLUMNS)
            for segment in range(low, segment_of(tail.seq) + 1)
        )
        links = [one for rows in found for row in rows for one in links_of(self._audit.table, row)]
        return [link for name, link in links if name == key]

    async def follow(self) -> Tail:
        """Read what was added behind the known tail, in O(log n) reads, and return the new one."""
        known = self._tail or START
        low = segment_of(known.seq + 1)
        tail = await self._read(low, known)
        if tail.seq < segment_end(low):
            return tail  # a segment that is not full is the last one
        first, step = low, 1
        while await self.holds(low + step):
            low, step = low + step, step * 2
        high = low + step  # holds nothing
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self.holds(middle) else (low, middle)
        if low == first:
            return tail
        if low > first + 1:  # segments between were not read: what came in them is not known
            self._recent.clear()
            self._since = segment_end(low - 1) + BLOCK  # behind all that lies in `low - 1`
        return await self._read(low, tail)

    async def holds(self, segment: int) -> bool:
        """Whether anything is in a segment: records, or what retention left of them."""
        return bool(await self._audit.query(segment_key(segment), select=["RowKey"], first=1))

    async def _read(self, segment: int, known: Tail) -> Tail:
        """Take note of a segment's rows behind `known`."""
        after = (seq_key(known.seq + 1), TOMBSTONE)
        rows = await self._audit.query(segment_key(segment), between=after, select=_COLUMNS)
        if rows and rows[-1]["RowKey"] == TOMBSTONE:
            self._tail = _removed(self._audit.table, rows[-1])
            return self._tail
        links = [one for row in rows for one in links_of(self._audit.table, row)]
        if links and links[0][1].seq == known.seq + 1 and links[0][1].prev != known.hash:
            raise StoreUnusable(
                "audit_forked", f"expected record {known.seq + 1} to follow what was read before it"
            )
        self._note(links)
        self._tail = self._tail or known
        return self._tail

    def _note(self, links: Sequence[tuple[str, Link]]) -> None:
        known = self._tail.seq if self._tail else 0
        for key, link in links:
            if link.seq > known:  # another task of this process may have read it before
                self._recent.setdefault(key, []).append(link)
                self._tail = Tail(link.seq, link.hash)
        while len(self._recent) > _REMEMBERED:
            oldest = next(iter(self._recent))
            self._since = self._recent.pop(oldest)[-1].seq


def _removed(table: str, row: Row) -> Tail:
    try:
        tail = Tail(int(row["last"]), str(row["hash"]))
    except (KeyError, ValueError):
        damaged(table, row)
    if not 0 < tail.seq <= LAST_SEQ:
        damaged(table, row)
    return tail
