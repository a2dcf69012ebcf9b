"""Who seals: puts what the processes of a tenant left in the inbox into the chain.

Rules
- what was left is sealed in the store's own order of its arrival, and before anything of the
  sealer's own that was asked for before the inbox was read: a record comes after every record
  whose append had returned when its own began;
- before a group is sealed it is looked for in the chain, behind the record that its row names; so
  it is there once, whoever sealed, died or was robbed of the lease in between;
- a row leaves the inbox after its group was seen in the chain: who left it removes it, many at a
  time; or the sealer does when they are gone;
- what comes while others write is waited for a little, so that it is sealed together.

Never here: whether to seal at all.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from agent.adapters.audit_chain import Chain
from agent.adapters.audit_inbox import Inbox, Lease, Pending
from agent.adapters.audit_rows import BLOCK, BLOCK_BYTES, Group

SHORTEST, LONGEST = 0.004, 0.08  # seconds between two looks into the inbox
_ORPHAN = 5.0  # seconds until a sealed row is taken for that of a process that died


class Sealer:
    """The sealing end of a tenant's inbox, in one process."""

    def __init__(self, chain: Chain, inbox: Inbox, lease: Lease) -> None:
        self._chain, self._inbox, self._lease = chain, inbox, lease
        self._sealed: dict[str, float] = {}  # in the chain and still in the inbox, since when
        self._came: deque[int] = deque(maxlen=8)  # groups, in the last seals
        self._gather = SHORTEST

    async def turn(self, own: Group | None = None, size: int = 0) -> int:
        """Wait a little, then seal; return how many groups of the inbox there were."""
        if self._came:
            await asyncio.sleep(self._gather)
        came = await self.seal(own, size)
        if came:
            self._came.append(came)
            self._gather *= 1.2 if came < max(self._came) else 0.9
            self._gather = min(LONGEST, max(SHORTEST, self._gather))
        return came

    def rest(self) -> None:
        """Forget how busy it was."""
        self._came.clear()
        self._gather = SHORTEST

    async def seal(self, own: Group | None = None, size: int = 0) -> int:
        """Add what waits and then a group of our own, unless another is first: ask the chain."""
        fresh: list[Pending] = []
        now = asyncio.get_running_loop().time()
        present, waiting = await self._inbox.look(self._sealed)
        self._sealed = {key: at for key, at in self._sealed.items() if key in present}
        for pending in waiting:
            if await self._chain.find(pending.group.key, pending.after):
                self._sealed[pending.group.key] = now
            elif own is None or pending.group.key != own.key:
                fresh.append(pending)
        for groups in _blocks(fresh, own, size):
            added = await self._chain.add(groups)
            await self._lease.beat()
            if not added:
                break  # what comes behind must not come before
        for pending in fresh:
            if self._chain.placed(pending.group.key):
                self._sealed[pending.group.key] = now
        if left := [key for key, at in self._sealed.items() if now - at > _ORPHAN]:
            await self._inbox.clear(left)
        return len(fresh)


def _blocks(pending: Sequence[Pending], own: Group | None, size: int) -> Iterator[list[Group]]:
    """Yield the groups in order, as many at a time as fit into one block."""
    waiting = [(one.group, one.size) for one in pending]
    if own is not None:
        waiting.append((own, size))
    groups: list[Group] = []
    rows = total = 0
    for group, its_size in waiting:
        rows, total = rows + len(group.bodies), total + its_size
        if groups and (rows > BLOCK or total > BLOCK_BYTES):
            yield groups
            groups, rows, total = [], len(group.bodies), its_size
        groups.append(group)
    if groups:
        yield groups
