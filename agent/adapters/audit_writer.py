"""Who writes the chain when: alone, for all, or through the one that writes for all.

Rules
- whoever waits in a process is written together, at most 100 records in one transaction, each
  `append` whole or not at all; it returns when its records are in the chain. So a record whose
  append returned comes before every record whose append began later, in any process;
- a process writes by itself until it meets another that does: where one process serves a tenant,
  inbox and lease cost nothing (`_alone`);
- where several write, one of them seals for all (`_for_all`); the others leave their groups in the
  inbox, durable at once, and wait until they see them in the chain (`_by_inbox`). When nobody
  seals, whoever waits takes the lease and does: no process can keep another from writing;
- one group of its own at a time, and what waits in the inbox in the store's order: nobody starves.

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
from agent.adapters.audit_inbox import LARGEST, Inbox, Lease, Pending
from agent.adapters.audit_rows import GROUP, GROUP_BYTES, Group, bodies_of, records_of
from agent.errors import Fault, StoreUnusable, Transient
from agent.records import AuditRecord, Draft

PATIENCE = 20.0  # seconds for one group: a caller waits with an act not yet begun, or just done
TRIES = 2  # a place lost so often in a row means that somebody else writes, too
TOGETHER = 3.0  # seconds without anybody else until a process writes by itself again
LOOK = 30.0  # seconds of writing alone between two looks into the inbox
STALL = 1.0  # seconds without a seal until somebody looks whether the holder lives
_IDLE = 2 * TOGETHER  # a holder stays longer than anybody relies on it
_SWEEP = 16  # sealed rows of the inbox that are removed at once
_SHORTEST, _LONGEST = 0.004, 0.08  # seconds between two looks

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """One `append` that waits for its place; its caller may have gone meanwhile."""

    group: Group
    size: int
    done: "asyncio.Future[tuple[AuditRecord, ...]]"

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


class AuditWriter:
    """The writing end of one tenant's trail; one instance a process."""

    def __init__(
        self, chain: Chain, inbox: Inbox, lease: Lease, grown: Callable[[int], Awaitable[None]]
    ) -> None:
        self._chain, self._inbox, self._lease = chain, inbox, lease
        self._grown = grown  # told after a write, before the next: the index may have to catch up
        self._queue: deque[_Waiting] = deque()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._together_until = 0.0
        self._led_until = 0.0
        self._others_at = 0.0
        self._looked_at: float | None = None
        self._sealed: dict[str, None] = {}  # in the chain, and still in the inbox
        self._pause = _SHORTEST
        self._usual = 0.03  # seconds a seal takes, as seen from the inbox

    async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""
        if not drafts:
            return ()
        bodies, size = bodies_of(drafts)
        done: asyncio.Future[tuple[AuditRecord, ...]]
        done = asyncio.get_running_loop().create_future()
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
            waiting = {
                key: after
                for key, after in waiting.items()
                if not await self._chain.find(key, after)
            }
            if waiting and _now() >= until:
                await self._inbox.check()
                await self._seal(None)
            elif waiting:
                await asyncio.sleep(_LONGEST)

    async def close(self) -> None:
        """Stop writing, and let another process seal at once."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._lease.release()

    async def _write_all(self) -> None:
        batch: _Batch | None = None
        try:
            while self._queue or self._lease.held:
                batch = self._next() if self._queue else None
                try:
                    async with asyncio.timeout(PATIENCE):
                        await self._write(batch)
                except TimeoutError:
                    self._refuse(
                        batch,
                        StoreUnusable(
                            "audit_unusable", f"expected a place in the chain in {PATIENCE:g} s"
                        ),
                    )
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
            _log.error("the audit inbox is not being sealed: %s", failure)
            self._lease.forget()  # whoever waits will see that it does not beat

    def _next(self) -> _Batch:
        """Take whole appends from the queue, as many as fit into one transaction."""
        taken = [self._queue.popleft()]
        rows, size = len(taken[0].group.bodies), taken[0].size
        while self._queue:
            rows += len(self._queue[0].group.bodies)
            size += self._queue[0].size
            if rows > GROUP or size > GROUP_BYTES:
                size -= self._queue[0].size
                break
            taken.append(self._queue.popleft())
        bodies = tuple(body for waiting in taken for body in waiting.group.bodies)
        return _Batch(Group(secrets.token_hex(12), bodies), tuple(taken), size)

    async def _write(self, batch: _Batch | None) -> None:
        """Bring a batch into the chain, or see after the others' groups when there is none."""
        if batch is None:
            await self._for_all(None)
            await self._tell()
            return
        if not self._lease.held and _now() >= self._together_until:
            await self._alone(batch.group)
        while not self._chain.placed(batch.group.key):
            try:
                if self._lease.held:
                    await self._for_all(batch)
                else:
                    await self._by_inbox(batch)
            except Transient:
                await asyncio.sleep(_LONGEST)
        links = iter(records_of(batch.group, self._chain.placed(batch.group.key)))
        for waiting in batch.waiting:
            records = tuple(next(links) for _ in waiting.group.bodies)
            if not waiting.done.done():
                waiting.done.set_result(records)
        await self._tell()

    async def _tell(self) -> None:
        """Say how far the chain is, unless another process writes it and will say so."""
        if self._lease.held or _now() >= self._together_until:
            await self._grown((await self._chain.tail()).seq)

    async def _alone(self, group: Group) -> None:
        """Write as if nobody else did; after TRIES lost places somebody does."""
        if self._looked_at is None or _now() - self._looked_at > LOOK:
            if await self._inbox.keys():
                self._together_until = _now() + TOGETHER
                return
            self._looked_at = _now()
        for _ in range(TRIES):
            if await self._chain.add([group]) or self._chain.placed(group.key):
                return
        self._together_until = _now() + TOGETHER

    async def _by_inbox(self, batch: _Batch) -> None:
        """Leave a batch to who seals; returns when it is in the chain, or when we are to seal."""
        if _now() >= self._led_until or batch.size > LARGEST:
            if await self._lease.take(by_force=batch.size > LARGEST):
                self._others_at = _now()
                return
            self._led_until = _now() + TOGETHER
        await self._inbox.put(batch.group, (await self._chain.tail()).seq)
        began = _now()
        pause = self._usual * 0.8
        while True:
            await asyncio.sleep(min(_LONGEST, max(_SHORTEST, pause)))
            await self._chain.follow()
            waited = _now() - began
            if self._chain.placed(batch.group.key):
                self._usual += (min(waited, STALL) - self._usual) / 8
                self._together_until = self._led_until = _now() + TOGETHER
                return
            if waited > STALL and await self._lease.take():
                self._others_at = _now()
                return
            pause = self._usual / 4

    async def _for_all(self, batch: _Batch | None) -> None:
        """Seal what waits in the inbox, and a batch of our own; then say that we live, or leave."""
        try:
            others = await self._seal(batch)
            await self._lease.beat()
        except Transient:
            others = 0
        if others:
            self._others_at, self._pause = _now(), _SHORTEST
        elif _now() - self._others_at > _IDLE:
            await self._leave()
        if batch is None and self._lease.held:
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), self._pause)
            self._pause = min(_LONGEST, self._pause * 1.5)

    async def _seal(self, batch: _Batch | None) -> int:
        """Add what waits, and a batch of our own; return how many groups of others there were."""
        fresh: list[Pending] = []
        for pending in await self._inbox.look(self._sealed):
            if await self._chain.find(pending.group.key, pending.after):
                self._sealed[pending.group.key] = None
            elif batch is None or pending.group.key != batch.group.key:
                fresh.append(pending)
        others = _fitting(fresh)
        groups = [pending.group for pending in others]
        own = [batch.group] if batch and not self._chain.placed(batch.group.key) else []
        if groups and batch and not _together(others, batch):
            await self._chain.add(groups)  # so that neither keeps the other from a place
            groups = []
        if groups or own:
            await self._chain.add([*own, *groups])
        self._sealed |= {p.group.key: None for p in others if self._chain.placed(p.group.key)}
        if len(self._sealed) >= _SWEEP or (self._sealed and not fresh):
            await self._inbox.clear(self._sealed)
            self._sealed.clear()
        return len(fresh)

    async def _leave(self) -> None:
        """Stop sealing for others, who have been gone for a while, unless one just came."""
        await self._lease.release()
        self._together_until = 0.0
        self._looked_at = None  # look once more before writing alone
        if await self._inbox.keys() and await self._lease.take():
            self._others_at = _now()


def _fitting(pending: Sequence[Pending]) -> list[Pending]:
    """Return the oldest that fit into one transaction."""
    rows = size = 0
    for place, one in enumerate(pending):
        rows, size = rows + len(one.group.bodies), size + one.size
        if rows > GROUP or size > GROUP_BYTES:
            return list(pending[:place])
    return list(pending)


def _together(pending: Sequence[Pending], batch: _Batch) -> bool:
    rows = sum(len(one.group.bodies) for one in pending) + len(batch.group.bodies)
    return rows <= GROUP and sum(one.size for one in pending) + batch.size <= GROUP_BYTES


def _now() -> float:
    return asyncio.get_running_loop().time()
