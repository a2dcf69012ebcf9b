"""What may an orchestrator ask for, and what does a replay answer?

The vocabulary of the out-of-process protocol: the numbers of the SDK's actions, and the things a
replay found to be new. Pure data.

Rules:
- the numbers are the extension's (AsyncActionType); 10, a scheduled signal, the SDK never emits.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from local.host.history import EventType

Action = dict[str, Any]


class ReplayError(Exception):
    """The actions cannot be followed; the orchestration must fail with this sentence."""


class ActionType(IntEnum):
    """The numbers of the SDK's actions."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_CHILD = 2
    CALL_CHILD_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Something the orchestrator wants done and the history does not have yet."""

    kind: EventType
    number: int
    name: str = ""
    raw_input: str | None = None
    fire_at: datetime | None = None
    instance_id: str = ""
    version: str | None = None
    request_id: str = ""
    is_signal: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: new work in order, and whether every action has been awaited."""

    new: tuple[Scheduled, ...]
    finished: bool
    continued: bool
    next_input: str | None
