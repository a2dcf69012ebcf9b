"""What a permit still owes just before the act, and what discharges it."""

from datetime import timedelta
from typing import Any

import pytest

from agent import approve
from agent.domain import Step
from agent.receipts import Vote
from policy.decide import Decision
from tests.unit.approvals import decided, need, needing, owed_by
from tests.unit.values import NOW, SAM, request, vote


def owed(decision: Decision, step: Step, votes: list[Vote], **changes: Any) -> tuple[str, ...]:
    return approve.owed(
        decision.obligations, step.approvals, votes, request(**changes), step.digest, NOW
    )


def test_an_approval_is_owed_until_it_stands() -> None:
    step, decision = needing(), decided(owed_by())
    assert owed(decision, step, []) == ("approval by resource_owner",)
    assert owed(decision, step, [vote(step, digest="0" * 64)]) == ("approval by resource_owner",)
    assert owed(decision, step, [vote(step)]) == ()
    assert owed(decision, step, [vote(step), vote(step, SAM, "reject")]) != ()


def test_what_may_come_afterwards_is_not_owed_before_but_must_have_been_asked() -> None:
    step, decision = needing(when="provisional"), decided(owed_by(when="provisional"))
    assert owed(decision, step, []) == ()
    unasked = step.model_copy(update={"approvals": ()})
    assert owed(decision, unasked, []) != ()


def test_an_approval_asked_of_others_discharges_nothing() -> None:
    manager = need().model_copy(update={"by": "manager", "slot": "manager"})
    step = needing().model_copy(update={"approvals": (manager,)})
    assert owed(decided(owed_by()), step, [vote(step, slot="manager")]) != ()


def test_a_smaller_quorum_than_is_owed_now_discharges_nothing() -> None:
    step = needing()
    decision = decided(owed_by(quorum=2))
    assert owed(decision, step, [vote(step), vote(step, SAM)]) != ()


@pytest.mark.parametrize(
    "obligation",
    [
        {"kind": "time_bound", "max": "P30D"},
        {"kind": "notify", "who": "manager"},
        {"kind": "ticket"},
    ],
)
def test_what_is_not_understood_here_is_owed_for_ever(obligation: dict[str, Any]) -> None:
    step = needing()
    assert owed(decided(obligation), step, [vote(step)]) == (obligation["kind"],)


def test_a_justification_is_what_the_requester_wrote() -> None:
    step, decision = needing(), decided({"kind": "justify"})
    assert owed(decision, step, []) == ("justify",)
    said = {"text": "let me in", "justification": "month-end"}
    assert owed(decision, step, [], ask=said) == ()


def test_a_fresh_sign_in_is_as_old_as_policy_says() -> None:
    step, decision = needing(), decided({"kind": "step_up", "max_age": "PT10M"})
    assert owed(decision, step, [], signed_in_at=NOW - timedelta(minutes=10)) == ()
    assert owed(decision, step, [], signed_in_at=NOW - timedelta(minutes=11)) == ("step_up",)
    assert owed(decision, step, [], signed_in_at=None) == ("step_up",)


def test_drift_is_an_approval_owed_now_that_nobody_was_asked_for() -> None:
    asked = (need(),)
    assert approve.unasked(decided(owed_by()), asked) == ()
    assert approve.unasked(decided(), asked) == ()
    assert approve.unasked(decided(owed_by()), ()) != ()
    assert approve.unasked(decided(owed_by(quorum=2)), asked) != ()
    assert approve.unasked(decided(owed_by(by="manager")), asked) != ()


def test_an_approval_owed_before_the_act_now_was_not_asked_for_as_a_provisional_one() -> None:
    """Policy tightened between plan and act: a provisional question is no leave to wait for."""
    provisional = (need(when="provisional"),)
    stricter = decided(owed_by(when="before"))
    step = needing(when="provisional")
    assert approve.unasked(stricter, provisional) or owed(stricter, step, [])
