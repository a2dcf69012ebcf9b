"""What waits in a process to be written to the trail: whole appends, taken many at a time.

Rules
- an append is whole or not at all: it is never spread over two batches;
- who waits for an append may have gone meanwhile: that stops nobody else's;
- a failure is told to each caller as a fault of its own.

Never here: writing.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from agent.adapters.audit_rows import BLOCK, BLOCK_BYTES, Body, Group, bodies_of
from agent.errors import Fault, StoreUnusable
from agent.records import Draft, Written

_Done = asyncio.Future[tuple[Written, ...]]


class _Waiting(NamedTuple):
    bodies: tuple[Body, ...]
    size: int
    done: _Done


class Batch(NamedTuple):
    """Appends that share a key, and so one place."""

    group: Group
    size: int
    waiting: tuple[_Waiting, ...]

    def accept(self, seqs: Sequence[int | None]) -> None:
        """Say that all is durable, and where it stands as far as that is known."""
        rest = iter(seqs)
        for waiting in self.waiting:
            written = tuple(Written.of(body, next(rest)) for body in waiting.bodies)
            if not waiting.done.done():
                waiting.done.set_result(written)

    def refuse(self, failure: Exception) -> None:
        """Say that nothing may be taken as written."""
        for waiting in self.waiting:
            own = failure
            if isinstance(failure, Fault):
                own = StoreUnusable(failure.code, failure.sentence)
            if not waiting.done.done():
                waiting.done.set_exception(own)

    def cancel(self) -> None:
        """Say that nobody writes any more."""
        for waiting in self.waiting:
            waiting.done.cancel()


class Queue:
    """The appends of one process that nobody has begun to write."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, drafts: Sequence[Draft]) -> _Done:
        """Let an append wait. Raises StoreUnusable for one that does not fit into a block."""
        bodies, size = bodies_of(drafts)
        done: _Done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(bodies, size, done))
        return done

    def take(self) -> Batch | None:
        """Take as many as fit into one block; None when nothing waits."""
        taken: list[_Waiting] = []
        rows = size = 0
        while self._waiting:
            rows, size = rows + len(self._waiting[0].bodies), size + self._waiting[0].size
            if taken and (rows > BLOCK or size > BLOCK_BYTES):
                break
            taken.append(self._waiting.popleft())
        if not taken:
            return None
        bodies = tuple(body for waiting in taken for body in waiting.bodies)
        total = sum(waiting.size for waiting in taken)
        return Batch(Group(secrets.token_hex(12), bodies), total, tuple(taken))
