"""What does an entity do with the operations that wait for it?

One batch: state and operations in, new state and answers out. Pure but for calling the entity.

Rules, the extension's:
- an entity's name is compared in lower case, its key as it is;
- operations run one after another in the order they came, in one batch;
- an operation that raises answers with its text and leaves the others alone;
- a batch that fails as a whole answers every call with the fault and keeps the old state;
- the answer to a call is an event of the caller named by the request.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.host.app import App, Function
from local.host.history import Event, EventType, event
from local.host.invoke import FunctionError
from local.host.step import missing


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way to the orchestration that called."""

    instance_id: str
    execution_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class EntityOutcome:
    """What a batch came to; `state` is JSON text, None when the entity no longer exists."""

    state: str | None
    replies: tuple[Reply, ...]


def operation(
    name: str,
    raw_input: str | None,
    request_id: str,
    caller: tuple[str, str] | None = None,
) -> Event:
    """An operation to send to an entity; `caller` (instance, execution) awaits an answer."""
    return {"name": name, "input": raw_input, "id": request_id, "caller": caller}


def entity_id(name: str, key: str) -> str:
    """The id under which the entity is stored and addressed."""
    return f"@{name.lower()}@{key}"


class EntityRunner:
    """Runs the batches of one app's entities."""

    def __init__(self, app: App, run: Callable[[Function, str], str]) -> None:
        self._app, self._run = app, run

    def take(
        self, target: str, state: str | None, operations: list[Event], now: datetime
    ) -> EntityOutcome:
        """Run `operations` on the entity `target`."""
        _, name, key = target.split("@", 2)
        batch = [
            {"name": each["name"], "input": each["input"], "isSignal": each["caller"] is None}
            for each in operations
        ]
        given = {
            "self": {"name": name, "key": key},
            "exists": state is not None,
            "state": state,
            "batch": batch,
        }
        try:
            answer = self._ask(name, given)
        except FunctionError as fault:
            failed = {"isError": True, "result": json.dumps(str(fault))}
            answer = {"entityExists": state is not None, "entityState": state}
            answer["results"] = [failed for _ in operations]
        pairs = zip(operations, answer["results"], strict=True)
        replies = tuple(_reply(each, result, now) for each, result in pairs if each["caller"])
        return EntityOutcome(answer["entityState"] if answer["entityExists"] else None, replies)

    def _ask(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        function = self._app.find("entityTrigger", name)
        if function is None:
            raise FunctionError(LookupError(missing("entity", name)))
        answer: dict[str, Any] = json.loads(self._run(function, json.dumps(given)))
        return answer


def _reply(asked: Event, result: dict[str, Any], now: datetime) -> Reply:
    content = {"result": result["result"]}
    if result["isError"]:
        content["exceptionType"] = "Error"
    instance_id, execution_id = asked["caller"]
    raised = event(EventType.EVENT_RAISED, now, Name=asked["id"], Input=json.dumps(content))
    return Reply(instance_id, execution_id, raised)
