"""The run under every order of results, timers and events: it always ends, and ends told.

Driven through the SDK's own orchestrator and the host's pure replay; the activities are scripts
that keep the contract of `agent.calls`.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.workflow import HOLDS, MOST_WAKES, PAUSES
from local.host.app import App
from tests.durable.machine import Machine
from tests.durable.scripts import Part, Script, executed, hops

# The SDK warns of each event that comes before it is awaited; that it may come early is the point.
pytestmark = pytest.mark.filterwarnings("ignore:Potential duplicate Task completion:UserWarning")


def test_an_awaited_event_wakes_the_run_before_the_time(app: App) -> None:
    script = Script([Part(wait_first=True)])
    machine = Machine(app, script)
    machine.finish_activity()
    began = machine.now
    machine.raise_event("approval-s1-0")
    machine.finish()
    assert (machine.now - began).total_seconds() < 1
    assert executed(script) == ["s1"]


def test_a_timer_that_lost_is_cancelled(app: App) -> None:
    """Or the run would be kept alive until a deadline that nobody waits for."""
    for event_wins in (True, False):
        machine = Machine(app, Script([Part(wait_first=True)]))
        machine.finish_activity()
        if event_wins:
            machine.raise_event("approval-s1-0")
        machine.finish()
        race = next(a for a in machine.sdk.actions if "compoundActions" in a)
        (timer,) = [a for a in race["compoundActions"] if "fireAt" in a]
        assert timer["isCanceled"] is event_wins


def test_silence_wakes_the_run_at_its_time(app: App) -> None:
    script = Script([Part(wait_first=True)])
    machine = Machine(app, script)
    machine.finish_activity()
    began = machine.now
    machine.finish()
    assert (machine.now - began).total_seconds() >= 3_600
    assert executed(script) == ["s1"]


def test_an_early_event_is_not_lost(app: App) -> None:
    script = Script([Part(wait_first=True)])
    machine = Machine(app, script)
    machine.raise_event("approval-s1-0")
    began = machine.now
    machine.finish()
    assert (machine.now - began).total_seconds() < 1


def test_an_event_that_comes_twice_wakes_once(app: App) -> None:
    script = Script([Part(wait_first=True, waits=1)])
    machine = Machine(app, script)
    machine.finish_activity()
    for _ in range(2):
        machine.raise_event("approval-s1-0")
    machine.finish()
    # the next wait has a name of its own: the second event did not satisfy it
    assert executed(script) == ["s1", "s1"]
    assert (machine.now.hour, machine.now.minute) == (10, 0)


def test_an_event_of_another_name_or_step_wakes_nobody(app: App) -> None:
    script = Script([Part(wait_first=True), Part(wait_first=True)])
    machine = Machine(app, script)
    machine.finish_activity()
    for name in ("approval-s2-0", "approval-s1-1", "Approval-S1-0", "approval-s1"):
        machine.raise_event(name)
    assert executed(script) == []
    machine.finish()
    assert executed(script) == ["s1", "s2"]


def test_the_time_and_the_event_in_one_tick_carry_out_a_step_once(app: App) -> None:
    for first in ("timer", "event"):
        script = Script([Part(wait_first=True)])
        machine = Machine(app, script)
        machine.finish_activity()
        if first == "timer":
            machine.fire_timer()
            machine.raise_event("approval-s1-0")
        else:
            machine.raise_event("approval-s1-0")
            machine.fire_timer()
        machine.finish()
        assert executed(script) == ["s1"]


def test_a_reply_is_waited_for_as_often_as_it_is_asked(app: App) -> None:
    script = Script([Part()], questions=3)
    machine = Machine(app, script)
    for turn in range(1, 4):
        machine.finish_activity()
        machine.raise_event(f"reply-{turn}")
    machine.finish()
    assert hops(script) == ["assess"] * 4 + ["execute", "answer"]


def test_one_name_raised_again_and_again_spins_at_most_half_of_the_looks(app: App) -> None:
    """A holder of the management key can wake a run, and not more often than it listens."""
    script = Script([Part(waits=10_000)])
    script._wait = lambda event: Script._wait(script, event and "same-name")  # type: ignore[method-assign]
    machine = Machine(app, script)
    machine.finish_activity()
    machine.finish_activity()
    for _ in range(MOST_WAKES):
        machine.raise_event("same-name")
        while machine.finish_activity():
            continue
    assert executed(script).count("s1") <= MOST_WAKES // 2 + 1
    assert not machine.ended


parts = st.builds(
    Part,
    outcome=st.sampled_from(["done", "done", "found", "refused", "failed", "unknown"]),
    ours=st.booleans(),
    waits=st.integers(0, 3),
    faults=st.integers(0, 5),
    undo=st.sampled_from(["undone", "undone", "refused", "unknown"]),
    undo_faults=st.integers(0, 2),
    by_event=st.booleans(),
    wait_first=st.booleans(),
)
scripts = st.builds(
    Script,
    st.lists(parts, max_size=3),
    questions=st.integers(0, 2),
    assess_faults=st.integers(0, 2),
    answer_faults=st.integers(0, len(PAUSES)),
)
EVENTS = ("reply-1", "reply-2", "approval-s1-0", "approval-s1-1", "approval-s2-0", "approval-s2-1")
happenings = st.lists(st.sampled_from(["activity", "timer", *EVENTS]), max_size=25)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=scripts, order=happenings)
def test_in_any_order_the_run_ends_told_and_repeats_nothing(
    app: App, script: Script, order: list[str]
) -> None:
    script = Script(script.parts, script.questions, script.assess_faults, script.answer_faults)
    machine = Machine(app, script)
    for what in order:
        if machine.ended:
            break
        if what == "activity":
            machine.finish_activity()
        elif what == "timer":
            machine.fire_timer()
        else:
            machine.raise_event(what)
    if not machine.ended:
        machine.finish()
    assert machine.status == "Completed", machine.output
    laws(script)


def laws(script: Script) -> None:
    """What holds of everything that a run asked of its activities."""
    # it ends with one answer that was told, and asks for nothing after it
    assert script.gave[-1][0] == "answer"
    assert [name for name, *_ in script.gave].count("answer") == 1
    final: dict[tuple[str, str], str] = {}
    for name, step, direction, outcome in script.gave:
        if name != "execute":
            continue
        # a step that came to an end is never carried out again
        assert (step, direction) not in final, f"{step} was {direction}ne twice"
        if outcome != "waiting":
            final[step, direction] = outcome
    # a step begins only when all before it hold; the first that does not is the last
    did = list(dict.fromkeys(executed(script)))
    assert did == [f"s{n}" for n in range(1, len(did) + 1)]
    for step in did[:-1]:
        assert final[step, "do"] in HOLDS
    # what is undone was ours, in reverse, and only when something did not hold
    undone = list(dict.fromkeys(executed(script, "undo")))
    assert undone == sorted(undone, reverse=True)
    if undone:
        assert final.get((did[-1], "do")) not in HOLDS
    for step in undone:
        assert script.parts[int(step[1:]) - 1].ours
