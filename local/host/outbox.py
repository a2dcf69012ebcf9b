"""What does a step write down, and whom does it tell?

The consequences of one outcome, written inside the step's transaction: the instance's row and
history, children begun, entities asked, the parent told. Never runs anything.

Rules:
- all of it belongs to the caller's transaction; the messages it returns are queued after it;
- a child whose id is still running is not replaced: its parent is told that it failed;
- an instance that ends, or begins a new generation, takes nothing of the old one along;
- only a completed child succeeded; a failed or terminated one is a failure to its parent.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from local.host.actions import Scheduled
from local.host.entities import operation
from local.host.history import Event, EventType, event, execution_started, moment, stamp
from local.host.instances import Instance, new_instance
from local.host.step import Outcome
from local.host.store import Message, Store


class Outbox:
    """Writes outcomes into the store; `is_live` says whether an instance has not ended."""

    def __init__(self, store: Store, is_live: Callable[[str], bool]) -> None:
        self._store, self._is_live = store, is_live

    def begin(self, row: Instance) -> Message:
        """Write a new instance or generation and the message that starts it."""
        parent = json.loads(row.parent)["instance_id"] if row.parent else None
        now = moment(row.created)
        started = execution_started(now, row.name, row.version, row.input, parent)
        self._store.put_instance(row)
        return self._store.send(row.id, row.execution_id, started)

    def ask_entities(self, row: Instance, outcome: Outcome) -> list[Message]:
        """Send the entity operations of `outcome`."""
        sent = []
        for each in outcome.new:
            if each.kind is EventType.EVENT_SENT:
                caller = None if each.is_signal else (row.id, row.execution_id)
                asked = operation(each.name, each.raw_input, each.request_id, caller)
                sent.append(self._store.send(each.instance_id, None, asked))
        return sent

    def begin_child(
        self, row: Instance, asked: Scheduled, now: datetime
    ) -> tuple[Instance | None, Message]:
        """Begin the child that `row` asked for, with its first message."""
        if self._is_live(asked.instance_id):
            reason = f"an instance with the id '{asked.instance_id}' is still running"
            failed = _child_failed(now, asked.number, reason, "")
            return None, self._store.send(row.id, row.execution_id, failed)
        parent = {"instance_id": row.id, "execution_id": row.execution_id, "number": asked.number}
        child = new_instance(asked.instance_id, asked.name, asked.version, asked.raw_input, now)
        child = replace(child, parent=json.dumps(parent))
        self._store.forget(child.id)
        return child, self.begin(child)

    def settle(
        self, row: Instance, outcome: Outcome, now: datetime
    ) -> tuple[Instance, list[Message]]:
        """Write the row as `outcome` leaves it, with what follows from its end or renewal."""
        changed = replace(
            row,
            status=outcome.status,
            output=outcome.output,
            custom_status=outcome.custom_status,
            updated=stamp(now),
        )
        if outcome.status == "ContinuedAsNew":
            return self._renew(changed, outcome, now)
        self._store.put_instance(changed)
        if not changed.is_terminal or changed.parent is None:
            return changed, []
        parent = json.loads(changed.parent)
        if not self._is_live(parent["instance_id"]):
            return changed, []
        told = _told(changed, outcome, parent["number"], now)
        return changed, [self._store.send(parent["instance_id"], parent["execution_id"], told)]

    def _renew(
        self, row: Instance, outcome: Outcome, now: datetime
    ) -> tuple[Instance, list[Message]]:
        # INVARIANT: test_a_timer_of_the_old_generation_never_reaches_the_new_one
        renewed = replace(
            row,
            execution_id=uuid.uuid4().hex,
            status="Running",
            input=outcome.next_input,
            created=stamp(now),
        )
        self._store.forget_history(row.id)
        return renewed, [self.begin(renewed)]


def _told(row: Instance, outcome: Outcome, number: int, now: datetime) -> Event:
    if row.status != "Completed":
        return _child_failed(now, number, row.output, outcome.details)
    return event(EventType.CHILD_COMPLETED, now, TaskScheduledId=number, Result=row.output)


def _child_failed(now: datetime, number: int, reason: str | None, details: str | None) -> Event:
    return event(
        EventType.CHILD_FAILED, now, TaskScheduledId=number, Reason=reason, Details=details
    )
