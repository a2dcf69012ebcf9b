"""Who takes the next step, and what happens with what came of it?

The loop of the Durable host: messages in, one step, one transaction, work out. Everything runs on
one event loop. Never decides what a step means (step.py, replay.py) or what a request means
(durable_api.py).

Rules:
- one step is one transaction: taken messages, history, status and everything it sends, together;
- a message from outside is on the disk before the caller hears of it; a result or a timer waits in
  memory for its step, for until that commit the work counts as unfinished and would be done again;
- every message of a generation names it; one of an older generation is dropped;
- what is in flight at a start follows from the histories: activities are at least once;
- steps are taken one for each turn of the event loop, so that HTTP stays quick beside them;
- a fault of the host itself ends it: nothing is guessed, the store has the truth.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from local.clock import ShiftedClock
from local.host.activities import Activities
from local.host.alarms import Alarms
from local.host.app import App
from local.host.entities import EntityRunner, operation
from local.host.history import Event, EventType, event, moment, outstanding, stamp
from local.host.instances import AlreadyRunningError, Instance
from local.host.invoke import Invoker
from local.host.outbox import Outbox
from local.host.step import Outcome, Past, Stepper
from local.host.store import EntityRow, Message, Store

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Live:
    """The working copy of an instance that has not ended."""

    row: Instance
    past: Past = field(default_factory=Past)
    queue: list[Message] = field(default_factory=list)


class Engine:
    """Runs the orchestrations and entities of one app over one store."""

    def __init__(
        self,
        app: App,
        store: Store,
        clock: ShiftedClock,
        alarms: Alarms,
        invoker: Invoker,
        activities: Activities,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._store, self._clock, self._alarms = store, clock, alarms
        self._activities, self._on_fault = activities, on_fault
        self._stepper = Stepper(app, invoker.run_inline)
        self._entities = EntityRunner(app, invoker.run_inline)
        self._outbox = Outbox(store, self.is_live)
        self._live: dict[str, _Live] = {}
        self._entity_queues: dict[str, list[Message]] = {}
        self._ready: dict[str, None] = {}
        self._is_turning = False
        self._watchers: dict[str, list[asyncio.Future[None]]] = {}

    def start(self) -> None:
        """Take up everything that was in flight when the host last stopped."""
        for row in self._store.unfinished():
            live = self._live[row.id] = _Live(row)
            for step in self._store.history(row.id):
                live.past.grow(step)
        for message in self._store.waiting():
            self._queue(message)
        for live in self._live.values():
            for each in outstanding(live.past.events):
                self._take_up(live.row, each)

    def stop(self) -> None:
        """Take no further step."""
        self._ready.clear()

    def is_live(self, instance_id: str) -> bool:
        """Whether the instance exists and has not ended."""
        return instance_id in self._live

    def begin(self, row: Instance) -> None:
        """Start `row` in the place of an ended instance; AlreadyRunningError if that one lives."""
        if self.is_live(row.id):
            raise AlreadyRunningError(f"an instance with the id '{row.id}' is still running")
        with self._store.transaction():
            self._store.forget(row.id)
            message = self._outbox.begin(row)
        self._live[row.id] = _Live(row)
        self._queue(message)

    def send(self, instance_id: str, arrived: Event) -> None:
        """Bring an event from outside to a live instance, whatever its generation."""
        with self._store.transaction():
            message = self._store.send(instance_id, None, arrived)
        self._queue(message)

    def signal(self, target: str, name: str, raw_input: str | None) -> None:
        """Send an operation that nobody waits for to the entity `target`."""
        asked = operation(name, raw_input, str(uuid.uuid4()))
        with self._store.transaction():
            message = self._store.send(target, None, asked)
        self._queue(message)

    def forget(self, instance_ids: list[str]) -> None:
        """Remove ended instances."""
        with self._store.transaction():
            for each in instance_ids:
                self._store.forget(each)

    async def ended(self, instance_id: str, seconds: float) -> bool:
        """Wait until the instance has ended; False if it still lives after `seconds`."""
        if not self.is_live(instance_id):
            return True
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(instance_id, []).append(watcher)
        done, _ = await asyncio.wait([watcher], timeout=seconds)
        return bool(done)

    def _queue(self, message: Message) -> None:
        if message.target.startswith("@"):
            self._entity_queues.setdefault(message.target, []).append(message)
        elif live := self._live.get(message.target):
            live.queue.append(message)
        else:
            return
        self._ready[message.target] = None
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turning = bool(self._ready)
        if not self._is_turning:
            return
        target = next(iter(self._ready))
        del self._ready[target]
        try:
            if target.startswith("@"):
                self._run_entity(target)
            elif target in self._live:
                self._step(self._live[target])
        except Exception as fault:
            _log.critical("the host cannot go on: %s", fault, exc_info=fault)
            self._on_fault(fault)
            return
        asyncio.get_running_loop().call_soon(self._turn)

    def _step(self, live: _Live) -> None:
        messages, live.queue = live.queue, []
        row = live.row
        # INVARIANT: test_a_late_result_of_the_old_generation_never_reaches_the_new_one
        arrived = [m.event for m in messages if m.execution_id in (None, row.execution_id)]
        if not arrived:
            self._store.taken(messages)
            return
        now = self._clock.now()
        outcome = self._stepper.take(row, live.past, arrived, now)
        with self._store.transaction():
            self._store.taken(messages)
            texts = live.past.grow(list(outcome.events))
            self._store.append_history(row.id, live.past.steps, texts)
            sent = self._outbox.ask_entities(row, outcome)
            sent += self._begin_children(row, outcome, now)
            live.row, told = self._outbox.settle(row, outcome, now)
        if outcome.status == "ContinuedAsNew":
            live.past = Past()
        elif live.row.is_terminal:
            self._bury(row.id)
        self._dispatch(row, outcome)
        for message in [*sent, *told]:
            self._queue(message)

    def _begin_children(self, row: Instance, outcome: Outcome, now: datetime) -> list[Message]:
        sent = []
        for each in outcome.new:
            if each.kind is EventType.CHILD_CREATED:
                child, message = self._outbox.begin_child(row, each, now)
                if child:
                    self._live[child.id] = _Live(child)
                sent.append(message)
        return sent

    def _bury(self, instance_id: str) -> None:
        del self._live[instance_id]
        for watcher in self._watchers.pop(instance_id, []):
            if not watcher.done():
                watcher.set_result(None)

    def _dispatch(self, row: Instance, outcome: Outcome) -> None:
        for each in outcome.new:
            if each.kind is EventType.TASK_SCHEDULED:
                self._activities.begin(row, each.number, each.name, each.raw_input, self._queue)
            elif each.kind is EventType.TIMER_CREATED and each.fire_at and self.is_live(row.id):
                self._set_timer(row, each.number, each.fire_at)

    def _take_up(self, row: Instance, waiting: Event) -> None:
        number = waiting["EventId"]
        if waiting["EventType"] == EventType.TIMER_CREATED:
            self._set_timer(row, number, moment(waiting["FireAt"]))
        else:
            name, raw_input = waiting["Name"], waiting["Input"]
            self._activities.begin(row, number, name, raw_input, self._queue)

    def _set_timer(self, row: Instance, number: int, fire_at: datetime) -> None:
        self._alarms.at(fire_at, partial(self._ring, row, number, fire_at))

    def _ring(self, row: Instance, number: int, fire_at: datetime) -> None:
        now = self._clock.now()
        fired = event(EventType.TIMER_FIRED, now, TimerId=number, FireAt=stamp(fire_at))
        self._queue(Message(None, row.id, row.execution_id, fired))

    def _run_entity(self, target: str) -> None:
        messages = self._entity_queues.pop(target)
        now = self._clock.now()
        before = self._store.entity(target)
        asked = [each.event for each in messages]
        outcome = self._entities.take(target, before.state if before else None, asked, now)
        with self._store.transaction():
            self._store.taken(messages)
            if outcome.state is None:
                self._store.forget_entity(target)
            else:
                self._store.put_entity(EntityRow(target, outcome.state, stamp(now)))
            sent = [
                self._store.send(each.instance_id, each.execution_id, each.event)
                for each in outcome.replies
                if self.is_live(each.instance_id)
            ]
        for message in sent:
            self._queue(message)
