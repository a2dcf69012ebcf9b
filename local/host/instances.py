"""What is known of one orchestration from outside?

The row that status queries read and steps change, and how to ask for many. Pure data.

Rules:
- `execution_id` names the generation: it changes at every start and every continue-as-new;
- an ended instance may be replaced by a new one of the same id, a live one never.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from local.host.history import stamp

TERMINAL = ("Completed", "Failed", "Terminated", "Canceled")


class AlreadyRunningError(Exception):
    """An instance of that id has not ended."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One orchestration; `input` and `custom_status` are JSON text, `output` too or a sentence."""

    id: str
    execution_id: str
    name: str
    version: str | None
    status: str
    input: str | None
    output: str | None
    custom_status: str | None
    parent: str | None
    created: str
    updated: str

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """Which instances a query or a filtered purge means; empty fields do not constrain."""

    prefix: str = ""
    created_from: str = ""
    created_to: str = ""
    statuses: tuple[str, ...] = ()
    after_id: str = ""
    limit: int = -1


def new_instance(
    instance_id: str, name: str, version: str | None, raw_input: str | None, now: datetime
) -> Instance:
    """An instance that has not taken its first step; `raw_input` is JSON text."""
    return Instance(
        id=instance_id,
        execution_id=uuid.uuid4().hex,
        name=name,
        version=version,
        status="Pending",
        input=raw_input,
        output=None,
        custom_status=None,
        parent=None,
        created=stamp(now),
        updated=stamp(now),
    )
