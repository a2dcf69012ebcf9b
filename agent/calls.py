"""Typed handles of the activities: the seam between the deterministic run and the world.

What crosses it is stored by Durable Functions in the clear, so it holds ids, outcomes and times
only (INVARIANT 9: tests/laws/test_calls.py).
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from agent.domain import Status, Wait
from agent.receipts import Outcome
from agent.values import Frozen, RequestId, StepId, TenantId

In = TypeVar("In", bound=Frozen)
Out = TypeVar("Out", bound=Frozen)


class Ref(Frozen):
    """Which request of which tenant a run is about."""

    tenant: TenantId
    request: RequestId


class StepRef(Ref):
    """One step of it, to be done or undone."""

    step: StepId
    direction: Literal["do", "undo"] = "do"


class OutlineStep(Frozen):
    """A step the run will carry out, and what it waits for first."""

    id: StepId
    wait: Wait | None = None


class Outline(Frozen):
    """What an assessment came to: steps, or a reply to wait for, or nothing to do."""

    steps: tuple[OutlineStep, ...]
    wait: Wait | None = None


class StepResult(Frozen):
    """What a step came to, as far as the run must know."""

    step: StepId
    outcome: Outcome
    ours: bool = False
    wait: Wait | None = None


class Ended(Frozen):
    """How the request ended."""

    status: Status


@dataclass(frozen=True, slots=True)
class Call(Generic[In, Out]):
    """An activity by name, with what it takes and what it gives."""

    name: str
    takes: type[In]
    gives: type[Out]


ASSESS: Call[Ref, Outline] = Call("assess", Ref, Outline)
EXECUTE: Call[StepRef, StepResult] = Call("execute", StepRef, StepResult)
ANSWER: Call[Ref, Ended] = Call("answer", Ref, Ended)


def instance_id(ref: Ref) -> str:
    """Return the Durable instance id of a request's run: one tenant's never meets another's."""
    return f"{ref.tenant}.{ref.request}"
