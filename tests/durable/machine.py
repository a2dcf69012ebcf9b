"""One run, step by step: today's orchestrator under the SDK and the host's own pure replay.

Every step replays the whole history from its beginning, so an orchestrator that looks at anything
but its history fails at once. What arrives next is for the test to say: the result of an activity,
a timer, an event that was awaited or one that nobody awaits yet.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.host.actions import Scheduled
from local.host.app import App, Function, load_app
from local.host.history import Event, EventType, event, execution_started, moment, stamp
from local.host.instances import new_instance
from local.host.invoke import Invoker
from local.host.step import Outcome, Past, Stepper
from tests.durable.scripts import Script

SCRIPTED_APP = Path(__file__).parent / "scripted_app"
TENANT = "af990baf-d101-4320-bcec-be3dd47f7e41"
REQUEST = "0123456789abcdef" * 2
BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MOST_STEPS = 2_000
STRICT = "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING"


@contextmanager
def clean_imports() -> Iterator[None]:
    """Whatever an app brings into this process on being loaded is gone afterwards."""
    path, module = list(sys.path), sys.modules.pop("function_app", None)
    strict = os.environ.get(STRICT)
    os.environ[STRICT] = "1"  # as agent.boot does before the SDK decodes anything
    try:
        yield
    finally:
        sys.path[:] = path
        os.environ.pop(STRICT)
        if strict is not None:
            os.environ[STRICT] = strict
        sys.modules.pop("function_app", None)
        if module is not None:
            sys.modules["function_app"] = module


@contextmanager
def scripted_app() -> Iterator[App]:
    """The scripted app, loaded as the host loads one."""
    with clean_imports():
        yield load_app(SCRIPTED_APP)


class Listening:
    """Calls the orchestrator as the host does, and keeps what the SDK answered."""

    def __init__(self) -> None:
        self._invoker = Invoker()
        self.actions: list[dict[str, Any]] = []

    def run(self, function: Function, payload: str) -> str:
        """Run the orchestrator inline and give the SDK's answer."""
        answer = self._invoker.run_inline(function, payload)
        self.actions = json.loads(answer)["actions"][0]
        return answer


class Machine:
    """One orchestration of `run`, moved by hand."""

    def __init__(self, app: App, script: Script) -> None:
        self.script, self.now = script, BEGAN
        script.now = lambda: self.now
        given = json.dumps({"tenant": TENANT, "request": REQUEST})
        self._row = new_instance(f"{TENANT}.{REQUEST}", "run", None, given, BEGAN)
        self.sdk = Listening()
        self._stepper = Stepper(app, self.sdk.run)
        self._past = Past()
        self.activities: list[Scheduled] = []
        self.timers: list[tuple[datetime, int]] = []
        self.status, self.output = "Running", None
        self._take([execution_started(self.now, "run", None, given, None)])

    @property
    def ended(self) -> bool:
        return self.status not in ("Running", "Suspended")

    @property
    def history(self) -> list[Event]:
        return self._past.events

    def _take(self, arrived: list[Event]) -> None:
        assert not self.ended, "an ended run takes nothing"
        assert self._past.steps < MOST_STEPS, "the run does not end"
        self.now += timedelta(milliseconds=1)
        outcome = self._stepper.take(self._row, self._past, arrived, self.now)
        self._past.grow(list(outcome.events))
        self._follow(outcome)

    def _follow(self, outcome: Outcome) -> None:
        self.status, self.output = outcome.status, outcome.output
        for each in outcome.new:
            if each.kind is EventType.TASK_SCHEDULED:
                self.activities.append(each)
            elif each.kind is EventType.TIMER_CREATED and each.fire_at is not None:
                self.timers.append((each.fire_at, each.number))

    def finish_activity(self) -> bool:
        """Carry out the activity that is scheduled and bring its result."""
        if not self.activities:
            return False
        task = self.activities.pop(0)
        (text,) = json.loads(task.raw_input or "[]")
        try:
            said = self.script.play(task.name, json.loads(text))
        except Exception as fault:
            failed = {"Reason": f"Activity function '{task.name}' failed:  {fault}", "Details": ""}
            self._take([self._event(EventType.TASK_FAILED, TaskScheduledId=task.number, **failed)])
        else:
            result = json.dumps(said)
            done = self._event(EventType.TASK_COMPLETED, TaskScheduledId=task.number, Result=result)
            self._take([done])
        return True

    def fire_timer(self) -> bool:
        """Let the time of the next timer come, a cancelled one too."""
        if not self.timers:
            return False
        self.timers.sort()
        due, number = self.timers.pop(0)
        self.now = max(self.now, due)
        fired = self._event(EventType.TIMER_FIRED, TimerId=number, FireAt=stamp(due))
        self._take([fired])
        return True

    def raise_event(self, name: str) -> None:
        """Raise an event, awaited or not."""
        self._take([self._event(EventType.EVENT_RAISED, Name=name, Input='""')])

    def finish(self) -> None:
        """Let everything that is scheduled happen, activities first, until the run has ended."""
        while not self.ended:
            assert self.finish_activity() or self.fire_timer(), "the run waits for nothing"

    def _event(self, kind: EventType, **fields: Any) -> Event:
        return event(kind, self.now, **fields)


def run(app: App, script: Script) -> Machine:
    """One orchestration of the script, taken to its end."""
    machine = Machine(app, script)
    machine.finish()
    return machine


def replayed(
    app: App, recorded: dict[str, Any], sdk: Listening | None = None
) -> Iterator[tuple[list[Event], Outcome]]:
    """Take every step of a recorded history again: what was written, and what is done today."""
    row = new_instance(recorded["instance"], "run", None, recorded["input"], BEGAN)
    stepper, past = Stepper(app, (sdk or Listening()).run), Past()
    for step in recorded["steps"]:
        started, *rest = step
        arrived = [each for each in rest if EventType(each["EventType"]) in _FROM_OUTSIDE]
        yield step, stepper.take(row, past, arrived, moment(started["Timestamp"]))
        past.grow(step)


_FROM_OUTSIDE = (
    EventType.EXECUTION_STARTED,
    EventType.TASK_COMPLETED,
    EventType.TASK_FAILED,
    EventType.TIMER_FIRED,
    EventType.EVENT_RAISED,
)
