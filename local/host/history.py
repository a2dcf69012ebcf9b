"""What does a Durable history look like on the wire?

The event shapes that the Durable extension hands to the Python SDK, and the one question a
restart asks of them: what was begun and not finished. Pure: no clock, no store.

Rules:
- `EventId` numbers what the orchestrator scheduled; everything that happened to it carries -1;
- every event has `EventId`, `IsPlayed` and `Timestamp`, as the SDK's constructor demands;
- timestamps are UTC, ISO 8601 with microseconds and a `Z`: one form, so parsing can be quick;
- `Version` is always present on ExecutionStarted, or the SDK fails.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any

Event = dict[str, Any]


class EventType(IntEnum):
    """The numbers of DurableTask.Core.History.EventType that occur here."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    CHILD_CREATED = 7
    CHILD_COMPLETED = 8
    CHILD_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


ANSWERS = {
    EventType.TASK_COMPLETED: EventType.TASK_SCHEDULED,
    EventType.TASK_FAILED: EventType.TASK_SCHEDULED,
    EventType.CHILD_COMPLETED: EventType.CHILD_CREATED,
    EventType.CHILD_FAILED: EventType.CHILD_CREATED,
    EventType.TIMER_FIRED: EventType.TIMER_CREATED,
}


def stamp(moment: datetime) -> str:
    """`moment` (aware, UTC) as the wire writes it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The aware moment that `text` names."""
    return datetime.fromisoformat(text)


def event(kind: EventType, now: datetime, number: int = -1, **fields: Any) -> Event:
    """One history event of `kind` at `now`."""
    return {
        "EventType": int(kind),
        "EventId": number,
        "IsPlayed": False,
        "Timestamp": stamp(now),
        **fields,
    }


def execution_started(
    now: datetime, name: str, version: str | None, raw_input: str | None, parent: str | None
) -> Event:
    """The event that begins a generation; `raw_input` is JSON text."""
    return event(
        EventType.EXECUTION_STARTED,
        now,
        Name=name,
        Version=version or "",
        Input=raw_input,
        Tags=None,
        ParentInstance=parent and {"OrchestrationInstance": {"InstanceId": parent}},
    )


def answered_number(answer: Event) -> int:
    """The number of the scheduled event that a completion answers."""
    number: int = answer["TimerId" if "TimerId" in answer else "TaskScheduledId"]
    return number


def outstanding(history: Iterable[Event]) -> list[Event]:
    """The activities and timers that were scheduled and have not been answered, in order."""
    waiting: dict[int, Event] = {}
    for each in history:
        kind = EventType(each["EventType"])
        if kind in (EventType.TASK_SCHEDULED, EventType.TIMER_CREATED):
            waiting[each["EventId"]] = each
        elif kind in ANSWERS:
            waiting.pop(answered_number(each), None)
    return list(waiting.values())
