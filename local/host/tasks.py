"""Who looks after work that nobody awaits?

Keeps background tasks alive, ends them together, and reports the ones that fail.

Rules:
- a task that raises is a fault of the host: user code's exceptions were turned into values before;
- a task that will not be cancelled is left behind after a second; the store has what it needs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_STOP_SECONDS = 1.0
OnFault = Callable[[BaseException], None]


class Tasks:
    """A set of background tasks."""

    def __init__(self, on_fault: OnFault) -> None:
        self._on_fault = on_fault
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    async def stop(self) -> None:
        """Cancel everything."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_STOP_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self._on_fault(fault)
