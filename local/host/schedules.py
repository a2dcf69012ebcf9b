"""When does each timer trigger run?

Sets an alarm for every timer trigger and calls its function when it rings. Never runs one twice at
the same time: the next time is counted from when the last run ended.

Rules:
- schedules are read in UTC and by the shifted clock; `%NAME%` is taken from the environment;
- the due time is stored, so a run missed while the host was down comes once at the start;
- a run is past due when it comes a second or more after its time;
- a function that raises is logged; its schedule goes on.
"""

import json
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.functions import meta

from local.clock import ShiftedClock
from local.host.alarms import Alarms
from local.host.app import AppError, Function
from local.host.cron import Schedule, parse_schedule
from local.host.history import moment, stamp
from local.host.invoke import FunctionError, Invoker, converter
from local.host.store import Store
from local.host.tasks import Tasks

_log = logging.getLogger(__name__)
_PAST_DUE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Timed:
    function: Function
    schedule: Schedule


class Schedules:
    """The timer triggers of one app."""

    def __init__(
        self,
        functions: list[Function],
        store: Store,
        clock: ShiftedClock,
        alarms: Alarms,
        invoker: Invoker,
        tasks: Tasks,
        client_payload: str,
    ) -> None:
        self._timed = {each.name: _Timed(each, _schedule(each)) for each in functions}
        self._store, self._clock, self._alarms = store, clock, alarms
        self._invoker, self._client_payload = invoker, client_payload
        self._tasks = tasks

    def start(self) -> None:
        """Set the first alarm of every timer trigger."""
        now = self._clock.now()
        for name, each in self._timed.items():
            noted = self._store.schedule(name)
            due = each.schedule.next_after(now)
            due = min(moment(noted[1]), due) if noted else due
            self._note(name, noted[0] if noted else None, due)
            if each.function.trigger.settings.get("runOnStartup"):
                self.run_now(name)
            self._set(name, due)

    def knows(self, name: str) -> bool:
        """Whether `name` is a timer trigger."""
        return name in self._timed

    def run_now(self, name: str) -> None:
        """Run the timer trigger `name` beside its schedule."""
        self._tasks.spawn(self._run(self._timed[name], past_due=False))

    def _set(self, name: str, due: datetime) -> None:
        self._alarms.at(due, lambda: self._tasks.spawn(self._on_time(name, due)))

    async def _on_time(self, name: str, due: datetime) -> None:
        timed, started = self._timed[name], self._clock.now()
        # Noted before the run: one that is killed half-way is not repeated, as in Azure.
        self._note(name, stamp(started), timed.schedule.next_after(max(started, due)))
        await self._run(timed, past_due=started - due > _PAST_DUE)
        coming = timed.schedule.next_after(max(self._clock.now(), due))
        self._note(name, stamp(started), coming)
        self._set(name, coming)

    def _note(self, name: str, last: str | None, due: datetime) -> None:
        self._store.put_schedule(name, last, stamp(due))

    async def _run(self, timed: _Timed, *, past_due: bool) -> None:
        function = timed.function
        last, due = self._store.schedule(function.name) or (None, None)
        status = {"Last": last, "Next": due, "LastUpdated": last}
        info = {"IsPastDue": past_due, "ScheduleStatus": status, "Schedule": {"AdjustForDST": True}}
        datum = meta.Datum(json.dumps(info), "json")
        request = converter("timerTrigger").decode(datum, trigger_metadata=None)
        values = {each: self._client_payload for each in function.clients}
        try:
            await self._invoker.run(function, {**values, function.trigger.name: request})
        except FunctionError as fault:
            _log.error("timer %s failed: %s\n%s", function.name, fault, fault.stack)


def _schedule(function: Function) -> Schedule:
    text: str = function.trigger.settings["schedule"]
    if text.startswith("%") and text.endswith("%"):
        text = os.environ.get(text[1:-1], "")
    try:
        return parse_schedule(text)
    except ValueError as fault:
        raise AppError(f"timer {function.name!r}: {fault}") from fault
