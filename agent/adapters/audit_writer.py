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
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from agent.adapters.audit_chain import Chain
from agent.adapters.audit_inbox import Inbox, Lease
from agent.adapters.audit_rows import BLOCK, BLOCK_BYTES, Group, bodies_of, placed_as
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
_FOLLOW = 0.5  # seconds between two looks at what became of them

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """One `append` that waits; its caller may have gone meanwhile."""

    group: Group
    size: int
    done: "asyncio.Future[tuple[Written, ...]]"

    def accept(self, seqs: Sequence[int | None]) -> None:
        """Say that all is durable, and where it stands as far as that is known."""
        if not self.done.done():
            pairs = zip(self.group.bodies, seqs, strict=True)
            self.done.set_result(tuple(Written.of(body, seq) for body, seq in pairs))

    def refuse(self, failure: Exception) -> None:
        """Say that nothing may be taken as written."""
        if not self.done.done():
            if isinstance(failure, Fault):  # a fault of its own for each caller
                failure = StoreUnusable(failure.code, failure.sentence)
            self.done.set_exception(failure)


class _Batch(NamedTuple):
    """Appends of this process that share a key, and so one place."""

    group: Group
    waiting: tuple[_Waiting, ...]
    size: int

    def accept(self, seqs: Sequence[int | None]) -> None:
        """Say so to every append."""
        rest = iter(seqs)
        for waiting in self.waiting:
            waiting.accept([next(rest) for _ in waiting.group.bodies])


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
        self._queue: deque[_Waiting] = deque()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._together_until = self._others_at = 0.0
        self._glanced_at: float | None = None
        self._looked_at: float | None = None
        self._led: tuple[float, float] | None = None  # by another: known since, and lately
        self._left: dict[str, _Left] = {}  # ours in the inbox, not yet seen in the chain
        self._followed_at = 0.0
        self._pause = SHORTEST

    async def append(self, drafts: Sequence[Draft]) -> tuple[Written, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""
        if not drafts:
            return ()
        bodies, size = bodies_of(drafts)
        done: asyncio.Future[tuple[Written, ...]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(Group("", bodies), size, done))
        self._more.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await done

    async def settle(self) -> None:
        """See to it that what was durable before this call is in the chain after it."""
        waiting = await self._inbox.keys()
        until = _now() + STALL
        while waiting:
            await self._chain.follow()
            found = {key: await self._chain.find(key, after) for key, after in waiting.items()}
            waiting = {key: after for key, after in waiting.items() if not found[key]}
            if waiting and _now() >= until:
                await self._inbox.check()
                await self._sealer.seal()
            elif waiting:
                await asyncio.sleep(LONGEST)

    async def close(self) -> None:
        """Stop writing, and let another process seal at once."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._lease.release(handing_over=True)

    async def _write_all(self) -> None:
        batch: _Batch | None = None
        try:
            while self._queue or self._lease.held or self._left:
                batch = self._next() if self._queue else None
                try:
                    async with asyncio.timeout(PATIENCE):
                        await (self._write(batch) if batch else self._attend())
                except TimeoutError:
                    seen = f"expected a place in the chain in {PATIENCE:g} s"
                    self._refuse(batch, StoreUnusable("audit_unusable", seen))
                except Exception as failure:
                    self._refuse(batch, failure)
        except asyncio.CancelledError:
            for waiting in (*(batch.waiting if batch else ()), *self._queue):
                waiting.done.cancel()
            self._queue.clear()
            raise

    def _refuse(self, batch: _Batch | None, failure: Exception) -> None:
        for waiting in batch.waiting if batch else ():
            waiting.refuse(failure)
        if batch is None:
            _log.error("what is in the audit inbox is not being sealed: %s", failure)
            self._lease.forget()  # whoever waits will see that it does not beat
            self._left.clear()  # it stays in the inbox, for the next that looks

    def _next(self) -> _Batch:
        """Take whole appends from the queue, as many as fit into one block."""
        taken = [self._queue.popleft()]
        rows, size = len(taken[0].group.bodies), taken[0].size
        while self._queue:
            rows += len(self._queue[0].group.bodies)
            if rows > BLOCK or size + self._queue[0].size > BLOCK_BYTES:
                break
            size += self._queue[0].size
            taken.append(self._queue.popleft())
        bodies = tuple(body for waiting in taken for body in waiting.group.bodies)
        return _Batch(Group(secrets.token_hex(12), bodies), tuple(taken), size)

    async def _write(self, batch: _Batch) -> None:
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
            if await self._lease.others() or (look and await self._inbox.keys()):
                self._together_until = _now() + TOGETHER
                return
            self._glanced_at, self._looked_at = at, at if look else self._looked_at
        for _ in range(TRIES):
            if await self._chain.add([group]) or self._chain.placed(group.key):
                return
        self._together_until = _now() + TOGETHER

    async def _by_inbox(self, batch: _Batch) -> bool:
        """Leave a batch to who seals. True when it may be taken as written."""
        if not await self._is_led() or self._led is None:
            return False  # we are to seal
        if batch.group.key not in self._left:  # else it is sent again, behind the same record
            after = (await self._chain.tail()).seq
            self._left[batch.group.key] = _Left(batch.group, after, _now())
        await self._inbox.put(batch.group, self._left[batch.group.key].after)
        self._together_until = _now() + TOGETHER
        known_since, lately = self._led
        if lately - known_since >= SURE and len(self._left) < MOST_LEFT:
            batch.accept([None] * len(batch.group.bodies))
            if _now() - self._followed_at > _FOLLOW:
                with contextlib.suppress(Transient):
                    await self._follow()
            return True
        while not self._chain.placed(batch.group.key) and await self._is_led():
            await asyncio.sleep(LONGEST / 4)
            await self._follow()
        return False

    async def _is_led(self) -> bool:
        """Whether another process is to seal; else we are, from now on."""
        before = _now()
        if self._led is not None and before - self._led[1] < GLANCE:
            return True
        if await self._lease.take():
            self._led, self._others_at = None, _now()
            self._sealer.rest()
            return False
        lasting = self._led is not None and before - self._led[1] < TOGETHER
        self._led = (self._led[0] if self._led and lasting else _now(), before)
        return True

    async def _for_all(self, batch: _Batch | None) -> None:
        """Seal what waits in the inbox, and a batch of our own; then say that we live, or leave."""
        own = (batch.group, batch.size) if batch else (None, 0)
        came = await self._sealer.turn(*own)
        await self._lease.beat()  # where there was nothing to seal
        self._see()
        if came:
            self._others_at, self._pause = _now(), SHORTEST
        elif _now() - self._others_at > QUIET:
            await self._lease.release()
            self._glanced_at = self._looked_at = None  # look once more before writing alone
            if await self._inbox.keys():
                await self._lease.take()

    async def _follow(self) -> None:
        """Look what became of what we left."""
        self._followed_at = _now()
        late = [key for key, left in self._left.items() if _now() - left.at > STALL]
        waiting = await self._inbox.keys() if late else {}
        await self._chain.follow()
        self._see()
        for key in late:
            # in neither: its sending failed, and its caller was told; or it was read past here
            if key in self._left and key not in waiting:
                del self._left[key]

    def _see(self) -> None:
        for key in [key for key in self._left if self._chain.placed(key)]:
            placed_as(self._left.pop(key).group, self._chain.placed(key))


def _now() -> float:
    return asyncio.get_running_loop().time()
