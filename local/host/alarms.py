"""When is it time?

Rings callbacks when the shifted time reaches them: durable timers and timer triggers alike. Never
keeps anything across a restart; whoever sets an alarm sets it again.

Rules:
- due times are shifted UTC; an alarm in the past rings at once;
- the clock is polled every 50 ms, and only while it can move and something waits;
- a callback must be quick; one that raises ends the host, because time would stop unseen.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime

from local.clock import ShiftedClock

_POLL_SECONDS = 0.05
_LONGEST_SLEEP_SECONDS = 3600.0  # an event loop cannot sleep for years; waking is cheap


class Alarms:
    """A queue of callbacks in the order of their due times."""

    def __init__(self, clock: ShiftedClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    def at(self, due: datetime, ring: Callable[[], None]) -> None:
        """Call `ring` once `due` has come."""
        heapq.heappush(self._waiting, (due, next(self._numbers), ring))
        if self._waiting[0][0] == due:
            self._changed.set()

    async def run(self) -> None:
        """Ring until cancelled."""
        while True:
            self._changed.clear()
            pause = self._ring_due()
            if pause is None:
                await self._changed.wait()
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                continue

    def _ring_due(self) -> float | None:
        now = self._clock.now()
        while self._waiting and self._waiting[0][0] <= now:
            heapq.heappop(self._waiting)[2]()
        if not self._waiting:
            return None
        pause = min((self._waiting[0][0] - now).total_seconds(), _LONGEST_SLEEP_SECONDS)
        return min(pause, _POLL_SECONDS) if self._clock.can_move else pause
