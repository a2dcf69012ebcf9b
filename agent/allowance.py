"""The place that one attempt takes in the budgets of the hour, until it is known whether it acts.

Rules
- reserve first, then count: of any that run at once, the one that reserved last sees all others, so
  that they may all be refused but never all be let through;
- what cannot be reserved is not done; what cannot be counted is Unknown;
- a place is given back when nothing was sent; a crash leaves it to end by itself after the hour.

Never here: limits, and what a refusal means. An undo takes no place: it gives back.
"""

import asyncio
import logging

from agent.budget import Hour, Reservation, Touch
from agent.errors import Fault
from agent.ports import Budget

_log = logging.getLogger("warrant.allowance")


class Allowance:
    """One reservation on its way: being written and counted while the world is read."""

    def __init__(self, budget: Budget, reservation: Reservation) -> None:
        self._budget = budget
        self._reservation = reservation
        self._taking = asyncio.ensure_future(self._take())

    async def counted(self, touch: Touch) -> Hour:
        """Return what the hour holds, this place included, once it stands for what is touched now.

        Raises what the store raised when the place could not be reserved.
        """
        hour = await self._taking
        if touch == self._reservation.touch:
            return hour
        self._reservation = self._reservation.model_copy(update={"touch": touch})
        self._taking = asyncio.ensure_future(self._take())
        return await self._taking

    async def release(self) -> None:
        """Give the place back; where that fails, it ends by itself."""
        # a write that is still on its way would come after its own removal
        await asyncio.gather(self._taking, return_exceptions=True)
        try:
            await self._budget.release(self._reservation)
        except Fault as fault:
            _log.warning("a place in the budget ends by itself: %s", fault)

    async def _take(self) -> Hour:
        # INVARIANT: reserve, then count (tests/stores/test_budget_table.py)
        await self._budget.reserve(self._reservation)
        return await self._budget.last_hour(self._reservation.requester)
