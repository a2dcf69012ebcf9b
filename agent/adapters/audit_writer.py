"""Who writes the chain when: a process by itself, one for all, or through the one for all.

Rules
- whoever waits in a process is written together, at most 100 records in one block, each
  `append` whole or not at all; it returns when its records are durable;
- a record comes behind every record whose append had returned when its own began, in any process;
- a process writes by itself while no other does (`_alone`): where one process serves a tenant,
  nothing is left in an inbox, and the lease is read now and then, never once a record;
- where several write, one of them holds the lease and seals for all; the others leave their groups
  in the inbox (`_by_inbox`) and go on. Whoever left something sees to it that it is sealed: when
  the holder falls silent they take the lease, so no process can keep another from writing;
- the order across processes: nobody writes by themselves who has not read, in the last GLANCE
  seconds, that nobody holds the lease; and nobody goes on before their group is in the chain who
  has not known for SURE seconds, much longer, that somebody holds it. So what is left in the inbox
  unsealed is passed by nobody, whatever their clocks say: only durations are compared.

Never here: what a record says, how the chain lies in rows, and reading it for people.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from agent.adapters.audit_chain import Chain
from agent.adapters.audit_inbox import Inbox, Lease
from agent.adapters.audit_queue import Batch, Queue
from agent.adapters.audit_rows import Group, placed_as
from agent.adapters.audit_sealer import LONGEST, SHORTEST, Sealer
from agent.errors import Fault, StoreUnusable, Transient
from agent.records import Draft, Written

PATIENCE = 20.0  # seconds for one group: a caller waits with an act not yet begun, or just done
TRIES = 2  # a place lost so often in a row means that somebody else writes, too
GLANCE = 0.5  # seconds that what was read of the lease is relied upon
SURE = 1.5  # seconds of knowing of a holder until an append returns unsealed
TOGETHER = 3.0  # seconds without an append until a process writes by itself again
QUIET = 2 * TOGETHER  # seconds without the others until a holder leaves: nobody relies on it then
LOOK = 30.0  # seconds of writing alone between two looks for what the dead left in the inbox
STALL = 1.0  # seconds that a reader waits for somebody to seal, before it does
MOST_LEFT = 24  # groups of a process in the inbox
_FOLLOW = 0.4  # seconds between two looks at what became of them

_log = logging.getLogger(__name__)


class _Left(NamedTuple):
    """A group of ours in the inbox: behind which record it can stand, and when it was sent."""

    group: Group
    after: int
    at: float


class AuditWriter:
    """The writing end of one tenant's trail; one instance a process."""

    def __init__(
        self, chain: Chain, inbox: Inbox, lease: Lease, grown: Callable[[int], Awaitable[None]]
    ) -> None:
        self._chain, self._inbox, self._lease = chain, inbox, lease
        self._sealer = Sealer(chain, inbox, lease)
        self._grown = grown  # told after a write, before the next: the index may have to catch up
        self._queue = Queue()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None
        self._together_until = self._others_at = 0.0
        self._glanced_at: float | None = None
        self._looked_at: float | None = None
        self._led: tuple[float, float] | None = None  # by another: known since, and lately
        self._left: dict[str, _Left] = {}  # ours in the inbox, not yet seen in the chain
        self._sending = ""  # whose place behind a record is kept while it is sent
        self._followed_at = 0.0
        self._pause = SHORTEST

    async def append(self, drafts: Sequence[Draft]) -> tuple[Written, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""
        if not drafts:
            return ()
        done = self._queue.put(drafts)
        self._more.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await done

    async def settle(self) -> None:
        """See to it that what was durable before this call is in the chain after it."""
        waiting = await self._inbox.keys()
        present, until = waiting, _now() + STALL
        while waiting:
            await self._chain.follow()
            found = {key: await self._chain.find(key, after) for key, after in waiting.items()}
            waiting = {key: after for key, after in waiting.items() if not found[key]}
            if not present.keys() >= waiting.keys():
                seen = "expected what was left in the inbox in the chain, saw it in neither"
                raise StoreUnusable("audit_lost", seen)
            if waiting and _now() >= until:
                await self._inbox.check()
                await self._sealer.seal()
            elif waiting:
                await asyncio.sleep(LONGEST)
            present = await self._inbox.keys() if waiting else {}

    async def close(self) -> None:
        """Stop writing, and let another process seal at once."""
        for task in (self._task, self._tending):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(Fault):  # then it is cleared and taken over, a little later
            await self._follow()
            await self._lease.release(handing_over=True)

    async def _write_all(self) -> None:
        batch: Batch | None = None
        try:
            while self._queue or self._lease.held or self._left:
                batch = self._queue.take()
                try:
                    async with asyncio.timeout(PATIENCE):
                        await (self._write(batch) if batch else self._attend())
                except TimeoutError:
                    seen = f"expected a place in the chain in {PATIENCE:g} s"
                    self._refuse(batch, StoreUnusable("audit_unusable", seen))
                except Exception as failure:
                    self._refuse(batch, failure)
        except asyncio.CancelledError:
            while batch or self._queue:
                batch = batch or self._queue.take()
                if batch:
                    batch.cancel()
                batch = None
            raise

    def _refuse(self, batch: Batch | None, failure: Exception) -> None:
        if batch is not None:
            batch.refuse(failure)
        else:
            _log.error("what is in the audit inbox is not being sealed: %s", failure)
            self._lease.forget()  # whoever waits will see that it does not beat
            self._left.clear()  # it stays in the inbox, for the next that looks

    async def _write(self, batch: Batch) -> None:
        if not (self._lease.held or self._left) and _now() >= self._together_until:
            await self._alone(batch.group)
        while not self._chain.placed(batch.group.key):
            try:
                if self._lease.held:
                    await self._for_all(batch)
                elif await self._by_inbox(batch):
                    return
            except Transient:
                await asyncio.sleep(LONGEST)
        seqs = placed_as(batch.group, self._chain.placed(batch.group.key))
        batch.accept(seqs)
        await self._grown(seqs[-1])

    async def _attend(self) -> None:
        """With nothing to write: seal for the others, or see that somebody seals for us."""
        pause = self._pause if self._lease.held else LONGEST
        self._more.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._more.wait(), pause)
            return
        self._pause = min(LONGEST, self._pause * 1.5)
        with contextlib.suppress(Transient):
            if self._lease.held:
                await self._for_all(None)
                await self._grown((await self._chain.tail()).seq)
            elif await self._is_led():
                await self._follow()

    async def _alone(self, group: Group) -> None:
        """Write as if nobody else did, until somebody does: seen by the lease, or by lost places.

        A process that never loses a place would not know that it keeps the others from theirs.
        """
        if self._glanced_at is None or _now() - self._glanced_at > GLANCE:
            at = _now()
            look = self._looked_at is None or at - self._looked_at > LOOK
            if await self._lease.others() or (look and await self._inbox.waits()):
                self._together_until = _now() + TOGETHER
                return
            self._glanced_at, self._looked_at = at, at if look else self._looked_at
        for _ in range(TRIES):
            if await self._chain.add([group]) or self._chain.placed(group.key):
                return
        self._together_until = _now() + TOGETHER

    async def _by_inbox(self, batch: Batch) -> bool:
        """Leave a batch to who seals. True when it may be taken as written."""
        if not await self._is_led() or self._led is None:
            return False  # we are to seal
        self._sending = batch.group.key
        if batch.group.key in self._left:  # it is sent again, unless it was sealed and cleared
            if (await self._chain.follow()) and self._chain.placed(batch.group.key):
                return False
        else:
            after = (await self._chain.tail()).seq
            self._left[batch.group.key] = _Left(batch.group, after, _now())
        await self._inbox.put(batch.group, self._left[batch.group.key].after)
        self._together_until = _now() + TOGETHER
        known_since, lately = self._led
        if lately - known_since >= SURE and len(self._left) < MOST_LEFT:
            batch.accept([None] * len(batch.group.bodies))
            if _now() - self._followed_at > _FOLLOW and (
                self._tending is None or self._tending.done()
            ):
                self._tending = asyncio.create_task(self._tend())
            return True
        while not self._chain.placed(batch.group.key) and await self._is_led():
            await asyncio.sleep(LONGEST / 4)
            await self._follow()
        return False

    async def _tend(self) -> None:
        """Meanwhile: see that somebody seals what we left, and clear it away."""
        try:
            if await self._is_led(within=_FOLLOW / 2):
                await self._follow()
        except Fault as fault:
            _log.warning("what was left in the audit inbox was not looked after: %s", fault)

    async def _is_led(self, within: float = GLANCE) -> bool:
        """Whether another process is to seal, as read lately; else we are, from now on."""
        before = _now()
        if self._led is not None and before - self._led[1] < within:
            return True
        if await self._lease.take():
            self._led, self._others_at = None, _now()
            self._sealer.rest()
            return False
        lasting = self._led is not None and before - self._led[1] < TOGETHER
        self._led = (self._led[0] if self._led and lasting else _now(), before)
        return True

    async def _for_all(self, batch: Batch | None) -> None:
        """Seal what waits in the inbox, and a batch of our own; then say that we live, or leave."""
        own = (batch.group, batch.size) if batch else (None, 0)
        came = await self._sealer.turn(*own)
        await self._lease.beat()  # where there was nothing to seal
        if self._left and _now() - self._followed_at > _FOLLOW:
            await self._follow()
        if came:
            self._others_at, self._pause = _now(), SHORTEST
        elif _now() - self._others_at > QUIET:
            await self._lease.release()
            self._glanced_at = self._looked_at = None  # look once more before writing alone
            if await self._inbox.waits():
                await self._lease.take()

    async def _follow(self) -> None:
        """Look what became of what we left, and remove what is in the chain."""
        self._followed_at = _now()
        late = [key for key, left in self._left.items() if _now() - left.at > STALL]
        waiting = await self._inbox.keys() if late else {}
        await self._chain.follow()
        done = [key for key in self._left if self._chain.placed(key)]
        for key in done:
            placed_as(self._left.pop(key).group, self._chain.placed(key))
        for key in late:
            if key not in waiting and key != self._sending:  # it never arrived; who asked was told
                self._left.pop(key, None)
        if done:
            await self._inbox.clear(done)


def _now() -> float:
    return asyncio.get_running_loop().time()
