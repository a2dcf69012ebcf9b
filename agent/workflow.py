"""The run: from a request to an answer. The product in one page.

    assess -> [clarify] -> for each step: [approve] -> execute -> answer
    a step that does not hold: undo what was ours, in reverse, then answer

This file is replayed from history many times over: it may read only its input, the results of calls
and `context`. Events are wake-ups and prove nothing: `execute` reads the approvals itself. Ids,
outcomes and times pass through here; tokens, names and content never do.
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, TypeVar

from agent.calls import ANSWER, ASSESS, EXECUTE, Call, Ended, Outline, Ref, StepRef, StepResult
from agent.domain import Wait
from agent.receipts import Outcome
from agent.values import Frozen, StepId

In = TypeVar("In", bound=Frozen)
Out = TypeVar("Out", bound=Frozen)
T = TypeVar("T")
Run = Generator[Any, Any, T]

HOLDS = (Outcome.DONE, Outcome.FOUND)
PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3_600, 21_600, 86_400, 259_200))
MOST_WAKES = 60  # an event raised over and over must not spin the run for ever


def run(context: Any) -> Generator[Any, Any, dict[str, Any]]:
    """Assess, carry out what was planned, and answer."""
    ref = Ref.model_validate(context.get_input())
    outline = yield from assessed(context, ref)
    done: list[StepResult] = []
    for step in outline.steps:
        result = yield from carried_out(context, ref, step.id, "do", step.wait)
        done.append(result)
        if result.outcome not in HOLDS:
            yield from undone(context, ref, done)
            break
    return (yield from answered(context, ref))


def assessed(context: Any, ref: Ref) -> Run[Outline]:
    """Assess, and again after each reply; a fault leaves nothing to do and `answer` says why."""
    for _ in range(MOST_WAKES):
        try:
            outline: Outline = yield from call(context, ASSESS, ref)
        except Exception:  # Durable re-raises whatever an activity raised as a bare Exception
            break
        if outline.wait is None:
            return outline
        yield from woken(context, outline.wait)
    return Outline(steps=())


def carried_out(
    context: Any, ref: Ref, step: StepId, direction: Any, wait: Wait | None
) -> Run[StepResult]:
    """Carry out one step, waiting as often as it says; a fault is a step that does not hold."""
    what = StepRef(tenant=ref.tenant, request=ref.request, step=step, direction=direction)
    pauses, ours = list(PAUSES[:3]), False
    for wake in range(MOST_WAKES):
        if wait is not None:
            yield from woken(context, wait, by_event=wake < MOST_WAKES // 2)
        try:
            result: StepResult = yield from call(context, EXECUTE, what)
        except Exception:  # trying again is safe: `execute` observes, and knows what it began
            if not pauses:
                break
            wait = Wait(until=context.current_utc_datetime + pauses.pop(0))
            continue
        if result.outcome is not Outcome.WAITING:
            return result
        wait, ours = result.wait, result.ours
    return StepResult(step=step, outcome=Outcome.UNKNOWN, ours=ours)


def undone(context: Any, ref: Ref, done: list[StepResult]) -> Run[None]:
    """Undo in reverse what was verified as ours; each undo is under policy and audited."""
    for result in reversed(done):
        if result.ours:
            yield from carried_out(context, ref, result.step, "undo", None)


def answered(context: Any, ref: Ref) -> Generator[Any, Any, dict[str, Any]]:
    """Tell how it ended; a store that is down for a while must not keep a person waiting."""
    for pause in PAUSES:
        try:
            ended: Ended = yield from call(context, ANSWER, ref)
            return ended.model_dump(mode="json")
        except Exception:
            yield context.create_timer(context.current_utc_datetime + pause)
    ended = yield from call(context, ANSWER, ref)
    return ended.model_dump(mode="json")


def woken(context: Any, wait: Wait, by_event: bool = True) -> Run[None]:
    """Sleep until the event or the time, whichever comes first."""
    timer = context.create_timer(wait.until)
    if wait.event is None or not by_event:
        yield timer
        return
    event = context.wait_for_external_event(wait.event)
    yield context.task_any([event, timer])
    if not timer.is_completed:
        timer.cancel()


def call(context: Any, what: Call[In, Out], given: In) -> Run[Out]:
    """Call an activity with a value and return its value."""
    told = yield context.call_activity(what.name, given.model_dump(mode="json"))
    return what.gives.model_validate(told)
