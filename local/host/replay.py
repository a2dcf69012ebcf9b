"""Given a history and the SDK's list of actions, what is new?

The extension's half of the out-of-process protocol (its OutOfProcOrchestrationShim on top of the
Durable Task Framework). The SDK answers every step with *all* actions so far; replaying them over
the history tells which of them are not in it yet. Pure: no clock, no ids of its own making.

Rules, the extension's own:
- actions are awaited one after another; only what that replay reaches is scheduled;
- every scheduling call takes the next number, in the order of the calls; waiting for an event
  takes none; a retry takes its numbers when the failure is seen, not before;
- an attempt that fails is followed by a timer, the last one too;
- "all" waits for every child, failed or not; "any" for the first;
- event waiters of one name are a stack; events nobody waits for are a queue; case is ignored;
- a cancelled timer still takes a number and is still created;
- history that names something else under a number means the code is not deterministic.
"""

import json
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from local.host.actions import Action, ActionType, Replayed, ReplayError, Scheduled
from local.host.history import Event, EventType, answered_number, moment


class _Task:
    """A thing that will be done once, well or badly."""

    __slots__ = ("_then", "done", "ok")

    def __init__(self, *, done: bool = False) -> None:
        self.done, self.ok = done, True
        self._then: list[Callable[[], None]] = []

    def settle(self, *, ok: bool = True) -> None:
        if self.done:
            return
        self.done, self.ok = True, ok
        for call in self._then:
            call()

    def then(self, call: Callable[[], None]) -> None:
        if self.done:
            call()
        else:
            self._then.append(call)


class Replay:
    """One replay of one generation; make a new one for every step."""

    def __init__(self, instance_id: str, execution_id: str, actions: list[Action]) -> None:
        self._instance_id, self._execution_id = instance_id, execution_id
        self._actions = deque(actions)
        self._finished = self._continued = False
        self._next_input: str | None = None
        self._next_number = 0
        self._now: datetime | None = None
        self._open: dict[int, _Task] = {}
        self._unconfirmed: dict[int, Scheduled] = {}
        self._waiters: defaultdict[str, list[_Task]] = defaultdict(list)
        self._unclaimed: defaultdict[str, int] = defaultdict(int)

    def run(self, history: Iterable[Event]) -> Replayed:
        """Follow the actions over `history`; ReplayError when they cannot be."""
        for each in history:
            self._apply(each)
        return Replayed(
            new=tuple(each for _, each in sorted(self._unconfirmed.items())),
            finished=self._finished,
            continued=self._continued,
            next_input=self._next_input,
        )

    def _apply(self, each: Event) -> None:
        match EventType(each["EventType"]):
            case EventType.ORCHESTRATOR_STARTED:
                self._now = moment(each["Timestamp"])
            case EventType.EXECUTION_STARTED:
                self._advance()
            case (
                EventType.TASK_SCHEDULED
                | EventType.CHILD_CREATED
                | EventType.TIMER_CREATED
                | EventType.EVENT_SENT
            ) as kind:
                self._confirm(kind, each)
            case EventType.TASK_COMPLETED | EventType.CHILD_COMPLETED | EventType.TIMER_FIRED:
                self._settle(each, ok=True)
            case EventType.TASK_FAILED | EventType.CHILD_FAILED:
                self._settle(each, ok=False)
            case EventType.EVENT_RAISED:
                self._raise(each["Name"].lower())

    def _advance(self) -> None:
        while self._actions:
            task = self._begin(self._actions.popleft())
            if not task.done:
                task.then(self._advance)
                return
        self._finished = True

    def _confirm(self, kind: EventType, each: Event) -> None:
        # INVARIANT: test_code_that_changes_its_mind_fails_with_a_sentence
        asked = self._unconfirmed.pop(each["EventId"], None)
        named = kind in (EventType.TASK_SCHEDULED, EventType.CHILD_CREATED)
        if asked and asked.kind == kind and not (named and asked.name != each["Name"]):
            return
        wanted = f"{_WORDS[asked.kind]} {asked.name!r}" if asked else "nothing"
        raise ReplayError(
            f"non-deterministic orchestrator: number {each['EventId']} of the history is"
            f" {_WORDS[kind]} {each.get('Name', '')!r}, but the code now asks for {wanted}"
        )

    def _settle(self, each: Event, *, ok: bool) -> None:
        task = self._open.get(answered_number(each))
        if task:
            task.settle(ok=ok)

    def _raise(self, name: str) -> None:
        if self._waiters[name]:
            self._waiters[name].pop().settle()
        else:
            self._unclaimed[name] += 1

    def _begin(self, action: Action) -> _Task:
        return _BEGIN[ActionType(action["actionType"])](self, action)

    def _schedule(self, kind: EventType, **fields: Any) -> _Task:
        number, self._next_number = self._next_number, self._next_number + 1
        self._unconfirmed[number] = Scheduled(kind, number, **fields)
        task = self._open[number] = _Task()
        return task

    def _activity(self, action: Action) -> _Task:
        return self._schedule(
            EventType.TASK_SCHEDULED,
            name=action["functionName"],
            raw_input=json.dumps([action.get("input")]),
        )

    def _child(self, action: Action) -> _Task:
        given = action.get("instanceId")
        if given == self._instance_id:
            raise ReplayError(f"a sub-orchestration needs an id other than its parent's {given!r}")
        return self._schedule(
            EventType.CHILD_CREATED,
            name=action["functionName"],
            raw_input=json.dumps(action.get("input")),
            instance_id=given or f"{self._execution_id}:{self._next_number:X}",
            version=action.get("version"),
        )

    def _create_timer(self, action: Action) -> _Task:
        task = self._timer(moment(action["fireAt"]))
        if action["isCanceled"]:
            task.settle(ok=False)
        return task

    def _timer(self, fire_at: datetime) -> _Task:
        return self._schedule(EventType.TIMER_CREATED, fire_at=fire_at)

    def _wait_for_event(self, action: Action) -> _Task:
        return self._wait(action["externalEventName"].lower())

    def _wait(self, name: str) -> _Task:
        if self._unclaimed[name]:
            self._unclaimed[name] -= 1
            return _Task(done=True)
        task = _Task()
        self._waiters[name].append(task)
        return task

    def _entity(self, action: Action) -> _Task:
        is_signal = action["actionType"] == ActionType.SIGNAL_ENTITY
        request = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._execution_id}:{self._next_number}")
        self._schedule(
            EventType.EVENT_SENT,
            name=action["operation"],
            raw_input=json.dumps(action.get("input")),
            instance_id=action["instanceId"],
            request_id=str(request),
            is_signal=is_signal,
        )
        return _Task(done=True) if is_signal else self._wait(str(request))

    def _compound(self, action: Action) -> _Task:
        any_will_do = action["actionType"] == ActionType.WHEN_ANY
        children = [self._begin(each) for each in action["compoundActions"]]
        whole = _Task(done=not children)

        def look() -> None:
            if any_will_do or all(each.done for each in children):
                whole.settle()

        for each in children:
            each.then(look)
        return whole

    def _continue_as_new(self, action: Action) -> _Task:
        self._continued, self._next_input = True, json.dumps(action.get("input"))
        return _Task(done=True)

    def _call_http(self, _: Action) -> _Task:
        raise ReplayError("call_http is not served by the local host: use an activity")

    def _retried_activity(self, action: Action) -> _Task:
        return self._retried(lambda: self._activity(action), action["retryOptions"])

    def _retried_child(self, action: Action) -> _Task:
        return self._retried(lambda: self._child(action), action["retryOptions"])

    def _retried(self, make: Callable[[], _Task], options: dict[str, int]) -> _Task:
        whole = _Task()
        pause = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])
        left = options["maxNumberOfAttempts"]

        def attempt() -> None:
            task = make()
            task.then(lambda: whole.settle() if task.ok else rest())

        def rest() -> None:
            nonlocal left
            left -= 1
            if self._now is None:
                raise ReplayError("expected OrchestratorStarted before anything could fail")
            timer = self._timer(self._now + pause)
            timer.then(lambda: attempt() if left > 0 else whole.settle(ok=False))

        attempt()
        return whole


_BEGIN: dict[ActionType, Callable[[Replay, Action], _Task]] = {
    ActionType.CALL_ACTIVITY: Replay._activity,
    ActionType.CALL_ACTIVITY_WITH_RETRY: Replay._retried_activity,
    ActionType.CALL_CHILD: Replay._child,
    ActionType.CALL_CHILD_WITH_RETRY: Replay._retried_child,
    ActionType.CONTINUE_AS_NEW: Replay._continue_as_new,
    ActionType.CREATE_TIMER: Replay._create_timer,
    ActionType.WAIT_FOR_EVENT: Replay._wait_for_event,
    ActionType.CALL_ENTITY: Replay._entity,
    ActionType.CALL_HTTP: Replay._call_http,
    ActionType.SIGNAL_ENTITY: Replay._entity,
    ActionType.WHEN_ANY: Replay._compound,
    ActionType.WHEN_ALL: Replay._compound,
}
_WORDS = {
    EventType.TASK_SCHEDULED: "activity",
    EventType.CHILD_CREATED: "sub-orchestration",
    EventType.TIMER_CREATED: "timer",
    EventType.EVENT_SENT: "entity operation",
}
