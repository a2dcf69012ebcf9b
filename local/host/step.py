"""What does an orchestrator do with what has just arrived?

One step: past and new events in, the SDK's answer replayed, new events and new work out. Pure but
for calling the orchestrator: no store, no clock of its own, no side effects.

Rules, the extension's:
- `current_utc_datetime` is the step's OrchestratorStarted, and never goes back;
- termination ends it at once; while suspended the code is not run, arrivals stay in history;
- it completes only when the replay has awaited every action, failed or not;
- an error text is `Orchestrator function 'X' failed: ...`; the details carry the stack;
- unprocessed events of a generation end with it.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.host.actions import Replayed, ReplayError, Scheduled
from local.host.app import App, Function
from local.host.history import Event, EventType, event, moment, stamp
from local.host.instances import Instance
from local.host.invoke import FunctionError
from local.host.replay import Replay

_OUT_OF_PROCESS_MARK = "\n\n$OutOfProcData$:"
_KINDS = {
    EventType.TASK_SCHEDULED: ("activityTrigger", "activity"),
    EventType.CHILD_CREATED: ("orchestrationTrigger", "orchestrator"),
    EventType.EVENT_SENT: ("entityTrigger", "entity"),
}


@dataclass(slots=True)
class Past:
    """The history of a generation, parsed and as JSON texts, kept from step to step."""

    events: list[Event] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    steps: int = 0

    def grow(self, step: list[Event]) -> list[str]:
        """Add one step's events, now played; gives their texts."""
        played = [{**each, "IsPlayed": True} for each in step]
        texts = [json.dumps(each) for each in played]
        self.events += played
        self.texts += texts
        self.steps += 1
        return texts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to; `output` and `custom_status` are JSON texts."""

    status: str
    events: tuple[Event, ...]
    new: tuple[Scheduled, ...] = ()
    output: str | None = None
    details: str | None = None
    custom_status: str | None = None
    next_input: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The SDK's answer, decoded."""

    state: dict[str, Any]
    error: str | None
    stack: str


class Stepper:
    """Takes the steps of one app's orchestrations."""

    def __init__(self, app: App, run: Callable[[Function, str], str]) -> None:
        self._app, self._run = app, run

    def take(self, row: Instance, past: Past, arrived: list[Event], now: datetime) -> Outcome:
        """One step of `row` with what has `arrived` at `now`."""
        if past.events:
            now = max(now, _last_start(past.events))
        fresh = [event(EventType.ORCHESTRATOR_STARTED, now), *arrived]
        ended = _terminated(fresh)
        if ended is not None:
            return _end("Terminated", fresh, now, ended["Input"], custom_status=row.custom_status)
        if _is_suspended(row.status, arrived):
            fresh.append(event(EventType.ORCHESTRATOR_COMPLETED, now))
            return Outcome("Suspended", tuple(fresh), custom_status=row.custom_status)
        try:
            return self._advance(row, past, fresh, now)
        except (ReplayError, FunctionError) as fault:
            stack = fault.stack if isinstance(fault, FunctionError) else ""
            return _fail(row, fresh, now, str(fault), stack)

    def _advance(self, row: Instance, past: Past, fresh: list[Event], now: datetime) -> Outcome:
        answer = self._ask(row, past, fresh)
        actions = answer.state["actions"][0] if answer.state["actions"] else []
        replayed = Replay(row.id, row.execution_id, actions).run([*past.events, *fresh])
        for each in replayed.new:
            self._check_exists(each)
        status = answer.state.get("customStatus")
        custom_status = row.custom_status if status is None else json.dumps(status)
        fresh += [_recorded(each, now) for each in replayed.new]
        if answer.error is not None and replayed.finished:
            return _fail(row, fresh, now, answer.error, answer.stack, replayed, custom_status)
        if answer.error is None and answer.state["isDone"] and replayed.finished:
            return _done(answer, replayed, fresh, now, custom_status)
        fresh.append(event(EventType.ORCHESTRATOR_COMPLETED, now))
        return Outcome("Running", tuple(fresh), replayed.new, custom_status=custom_status)

    def _ask(self, row: Instance, past: Past, fresh: list[Event]) -> _Answer:
        function = self._app.find("orchestrationTrigger", row.name)
        if function is None:
            raise ReplayError(missing("orchestrator", row.name))
        code = getattr(function.call, "orchestrator_function", function.call)
        if inspect.iscoroutinefunction(code):
            raise ReplayError(
                f"orchestrator {row.name!r} is 'async def': it must be a plain generator function"
            )
        try:
            answer = self._run(function, _context(row, past, fresh))
        except FunctionError as fault:
            text, mark, state = fault.message.partition(_OUT_OF_PROCESS_MARK)
            if not mark:
                raise
            decoded = json.loads(state)
            return _Answer(decoded, decoded.get("error") or text, fault.stack)
        return _Answer(json.loads(answer), None, "")

    def _check_exists(self, wanted: Scheduled) -> None:
        if wanted.kind not in _KINDS:
            return
        trigger, word = _KINDS[wanted.kind]
        name = wanted.instance_id.split("@")[1] if word == "entity" else wanted.name
        if self._app.find(trigger, name) is None:
            raise ReplayError(missing(word, name))


def missing(word: str, name: str) -> str:
    """The extension's sentence for a function that is not there."""
    article = "a" if word[0] not in "aeiou" else "an"
    return f"The function '{name}' doesn't exist, is disabled, or is not {article} {word} function."


def _context(row: Instance, past: Past, fresh: list[Event]) -> str:
    # The history is joined from texts kept since they were written: encoding it anew at every
    # step would cost more than the replay itself.
    history = ",".join([*past.texts, *(json.dumps(each) for each in fresh)])
    parent = json.loads(row.parent)["instance_id"] if row.parent else None
    rest = json.dumps(
        {
            "instanceId": row.id,
            "isReplaying": bool(past.events),
            "parentInstanceId": parent,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 2,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": "6.00:00:00",
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        }
    )
    return f'{{"history":[{history}],"input":{row.input or "null"},{rest[1:]}'


def _last_start(events: list[Event]) -> datetime:
    started = EventType.ORCHESTRATOR_STARTED
    return moment(next(e["Timestamp"] for e in reversed(events) if e["EventType"] == started))


def _terminated(fresh: list[Event]) -> Event | None:
    kind = EventType.EXECUTION_TERMINATED
    return next((each for each in fresh if each["EventType"] == kind), None)


def _is_suspended(status: str, arrived: list[Event]) -> bool:
    suspended = status == "Suspended"
    for each in arrived:
        if each["EventType"] == EventType.EXECUTION_SUSPENDED:
            suspended = True
        elif each["EventType"] == EventType.EXECUTION_RESUMED:
            suspended = False
    return suspended


def _recorded(new: Scheduled, now: datetime) -> Event:
    match new.kind:
        case EventType.TASK_SCHEDULED:
            extra = {"Name": new.name, "Version": "", "Input": new.raw_input}
        case EventType.CHILD_CREATED:
            extra = {"Name": new.name, "InstanceId": new.instance_id, "Input": new.raw_input}
        case EventType.TIMER_CREATED if new.fire_at:
            extra = {"FireAt": stamp(new.fire_at)}
        case _:
            request = {"op": new.name, "signal": new.is_signal, "input": new.raw_input}
            text = json.dumps({**request, "id": new.request_id})
            extra = {"Name": "op", "InstanceId": new.instance_id, "Input": text}
    return event(new.kind, now, new.number, **extra)


def _done(
    answer: _Answer,
    replayed: Replayed,
    fresh: list[Event],
    now: datetime,
    custom_status: str | None,
) -> Outcome:
    if replayed.continued:
        return Outcome(
            "ContinuedAsNew",
            tuple(fresh),
            replayed.new,
            custom_status=custom_status,
            next_input=replayed.next_input,
        )
    output = json.dumps(answer.state["output"]) if "output" in answer.state else None
    return _end("Completed", fresh, now, output, replayed, custom_status)


def _fail(
    row: Instance,
    fresh: list[Event],
    now: datetime,
    text: str,
    stack: str,
    replayed: Replayed | None = None,
    custom_status: str | None = None,
) -> Outcome:
    sentence = f"Orchestrator function '{row.name}' failed: {text}"
    details = f"Message: {text}, StackTrace: {stack}"
    status = custom_status or row.custom_status
    return _end("Failed", fresh, now, sentence, replayed, status, details)


def _end(
    status: str,
    fresh: list[Event],
    now: datetime,
    output: str | None,
    replayed: Replayed | None = None,
    custom_status: str | None = None,
    details: str | None = None,
) -> Outcome:
    completed = event(EventType.EXECUTION_COMPLETED, now, OrchestrationStatus=status, Result=output)
    last = event(EventType.ORCHESTRATOR_COMPLETED, now)
    new = replayed.new if replayed else ()
    return Outcome(status, (*fresh, completed, last), new, output, details, custom_status)
