"""How does an instance look to whoever asks for its status?

The JSON of the Durable management API. Pure.

Rules, the extension's:
- texts that are JSON are shown as JSON, others as strings: an SDK start's input is a string
  holding JSON, a webhook start's is the object;
- times are cut to seconds;
- the history leaves out the host's own events, joins what was scheduled to how it ended, and shows
  results only when asked.
"""

import json
from collections.abc import Iterable
from typing import Any

from local.host.history import ANSWERS, Event, EventType, answered_number
from local.host.instances import Instance

_UNSEEN = (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
_HIDDEN = (
    *("EventId", "IsPlayed", "Input", "Version", "Tags", "ParentInstance"),
    *("TaskScheduledId", "TimerId"),
)
_NAMES = {
    EventType.CHILD_CREATED: "SubOrchestrationInstanceCreated",
    EventType.CHILD_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.CHILD_FAILED: "SubOrchestrationInstanceFailed",
}
_JOINED = (EventType.TASK_SCHEDULED, EventType.CHILD_CREATED)


def describe(row: Instance, *, show_input: bool) -> dict[str, Any]:
    """The status of `row`."""
    return {
        "name": row.name,
        "instanceId": row.id,
        "runtimeStatus": row.status,
        "input": shown(row.input) if show_input else None,
        "customStatus": shown(row.custom_status),
        "output": shown(row.output),
        "createdTime": row.created[:19] + "Z",
        "lastUpdatedTime": row.updated[:19] + "Z",
    }


def describe_history(events: Iterable[Event], *, show_results: bool) -> list[dict[str, Any]]:
    """The history as the status API shows it."""
    described: list[dict[str, Any]] = []
    scheduled: dict[int, dict[str, Any]] = {}
    for each in events:
        kind = EventType(each["EventType"])
        if kind in _UNSEEN:
            continue
        item = _item(kind, each, show_results=show_results)
        if ANSWERS.get(kind) in _JOINED and (begun := scheduled.get(answered_number(each))):
            described.remove(begun)
            item |= {"ScheduledTime": begun["Timestamp"], "FunctionName": begun["Name"]}
        elif kind in _JOINED:
            scheduled[each["EventId"]] = item
        described.append(item)
    return described


def shown(text: str | None) -> Any:
    """JSON text as its value, any other text as it is."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


def _item(kind: EventType, each: Event, *, show_results: bool) -> dict[str, Any]:
    item = {key: value for key, value in each.items() if key not in _HIDDEN}
    item["EventType"] = _NAMES.get(kind, kind.name.title().replace("_", ""))
    if kind is EventType.EXECUTION_STARTED:
        item["FunctionName"] = item.pop("Name")
    if "Result" in item:
        result = item.pop("Result")
        if show_results:
            item["Result"] = shown(result)
    return item
