"""Which steps a run carries out, which it undoes, and how often it tries before it tells.

Driven as in `test_run_orders`; nothing here depends on what arrives first.
"""

import json
from typing import Any

import pytest

from agent.workflow import MOST_WAKES, PAUSES
from local.host.app import App
from local.host.history import EventType
from tests.durable.machine import Machine, run
from tests.durable.scripts import Part, Script, executed, hops

# The SDK warns of each event that comes before it is awaited; that it may come early is the point.
pytestmark = pytest.mark.filterwarnings("ignore:Potential duplicate Task completion:UserWarning")


def test_a_request_without_approval_takes_three_hops(app: App) -> None:
    script = Script([Part()])
    machine = run(app, script)
    assert (machine.status, machine.output) == ("Completed", '{"status": "done"}')
    assert hops(script) == ["assess", "execute", "answer"]


def test_a_request_that_needs_nothing_takes_two(app: App) -> None:
    script = Script()
    run(app, script)
    assert hops(script) == ["assess", "answer"]


def test_steps_are_carried_out_in_order(app: App) -> None:
    script = Script([Part(), Part(outcome="found", ours=False), Part()])
    run(app, script)
    assert executed(script) == ["s1", "s2", "s3"]
    assert executed(script, "undo") == []


@pytest.mark.parametrize("outcome", ["refused", "failed", "unknown"])
def test_what_does_not_hold_stops_the_run_and_undoes_what_was_ours_in_reverse(
    app: App, outcome: str
) -> None:
    found = Part(outcome="found", ours=False)
    script = Script([Part(), found, Part(), Part(outcome=outcome, ours=False), Part()])
    run(app, script)
    assert executed(script) == ["s1", "s2", "s3", "s4"]
    assert executed(script, "undo") == ["s3", "s1"]
    assert hops(script)[-1] == "answer"


def test_a_provisional_grant_that_does_not_stand_is_itself_undone(app: App) -> None:
    script = Script([Part(waits=1, outcome="refused")])
    machine = Machine(app, script)
    machine.finish_activity()  # assess
    machine.finish_activity()  # execute: granted, and waiting
    assert (machine.activities, len(machine.timers)) == ([], 1)
    machine.finish()
    assert executed(script) == ["s1", "s1"]
    assert executed(script, "undo") == ["s1"]


def test_an_undo_that_fails_does_not_keep_the_others_from_being_undone(app: App) -> None:
    script = Script([Part(), Part(undo="unknown"), Part(outcome="failed", ours=False)])
    run(app, script)
    assert executed(script, "undo") == ["s2", "s1"]


def test_an_assessment_that_fails_is_answered_and_nothing_is_done(app: App) -> None:
    script = Script([Part()], assess_faults=100)
    machine = run(app, script)
    assert machine.status == "Completed"
    assert executed(script) == []
    assert hops(script)[-1] == "answer"


def test_a_step_that_only_fails_ends_in_doubt_after_a_few_tries_and_is_told(app: App) -> None:
    script = Script([Part(), Part(faults=1_000)])
    machine = run(app, script)
    assert machine.status == "Completed"
    assert 1 <= executed(script).count("s2") <= 1 + len(PAUSES)
    assert executed(script, "undo") == ["s1"]
    assert hops(script)[-1] == "answer"


def test_a_step_that_fails_once_is_tried_again(app: App) -> None:
    script = Script([Part(faults=1)])
    machine = run(app, script)
    assert executed(script) == ["s1", "s1"]
    assert executed(script, "undo") == []
    assert machine.status == "Completed"


def test_an_answer_is_tried_until_it_is_told(app: App) -> None:
    script = Script([Part()], answer_faults=len(PAUSES))
    machine = run(app, script)
    assert machine.status == "Completed"
    assert hops(script).count("answer") == len(PAUSES) + 1


def test_a_step_that_waits_for_ever_is_given_up_after_sixty_looks(app: App) -> None:
    """An event raised over and over must not spin the run for ever."""
    for by_event in (True, False):
        script = Script([Part(), Part(waits=10_000, by_event=by_event)])
        machine = run(app, script)
        assert machine.status == "Completed"
        assert executed(script).count("s2") == MOST_WAKES
        assert hops(script)[-1] == "answer"


def test_questions_without_end_are_given_up_too(app: App) -> None:
    script = Script([Part()], questions=10_000)
    machine = run(app, script)
    assert machine.status == "Completed"
    assert hops(script) == ["assess"] * MOST_WAKES + ["answer"]


def test_nothing_but_ids_outcomes_and_times_is_in_a_history(app: App) -> None:
    script = Script([Part(waits=1), Part(outcome="refused", ours=False)], questions=1)
    machine = run(app, script)
    for each in machine.history:
        if EventType(each["EventType"]) is EventType.TASK_SCHEDULED:
            (text,) = json.loads(each["Input"])
            given: dict[str, Any] = json.loads(text)
            assert set(given) <= {"tenant", "request", "step", "direction"}
