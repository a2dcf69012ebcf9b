"""How does an activity get done?

Runs activities beside each other, at most so many at once, and delivers what came of each. Never
repeats one by itself: retries are the orchestrator's.

Rules:
- the input is a one-element array holding the SDK's JSON as a string, as the extension stores it;
- a failure's reason is `Activity function 'X' failed:  Kind: text`, its details are the stack;
- an activity that is cancelled by a stop delivers nothing, and is done again at the next start.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from local.clock import ShiftedClock
from local.host.app import App
from local.host.history import Event, EventType, event
from local.host.instances import Instance
from local.host.invoke import FunctionError, Invoker
from local.host.step import missing
from local.host.store import Message
from local.host.tasks import Tasks

_log = logging.getLogger(__name__)


class Activities:
    """The activities under way."""

    def __init__(
        self,
        app: App,
        invoker: Invoker,
        clock: ShiftedClock,
        tasks: Tasks,
        most_at_once: int,
    ) -> None:
        self._app, self._invoker, self._clock = app, invoker, clock
        self._places = asyncio.Semaphore(most_at_once)
        self._tasks = tasks

    def begin(
        self,
        row: Instance,
        number: int,
        name: str,
        raw_input: str | None,
        deliver: Callable[[Message], None],
    ) -> None:
        """Do the activity that `row` scheduled under `number`, then `deliver` its answer."""

        async def work() -> None:
            async with self._places:
                answer = await self._answer(row, number, name, raw_input)
            deliver(Message(None, row.id, row.execution_id, answer))

        self._tasks.spawn(work())

    async def _answer(self, row: Instance, number: int, name: str, raw_input: str | None) -> Event:
        try:
            result = await self._call(name, raw_input)
        except FunctionError as fault:
            reason = f"Activity function '{name}' failed:  {fault}"
            _log.warning("%s (instance %s)", reason, row.id)
            return event(
                EventType.TASK_FAILED,
                self._clock.now(),
                TaskScheduledId=number,
                Reason=reason,
                Details=fault.stack,
            )
        return event(
            EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=number, Result=result
        )

    async def _call(self, name: str, raw_input: str | None) -> str:
        function = self._app.find("activityTrigger", name)
        if function is None:
            raise FunctionError(LookupError(missing("activity", name)))
        payload = json.loads(raw_input)[0] if raw_input else None
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return await self._invoker.run_activity(function, text)
