"""What a permit still owes, and what discharges it: votes on exactly this change, in time, by
persons who were asked."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import approve
from agent.approve import Standing
from agent.authorize import approvals_of
from agent.domain import ApprovalNeed, Step
from agent.plan import decide_on
from agent.receipts import Vote
from agent.records import Pending
from agent.values import PersonId, RequestId, StepId
from policy.decide import Decision
from tests.unit.values import (
    FREYA,
    NADIA,
    NOW,
    OLGA,
    SAM,
    adding,
    alone,
    findings,
    planned,
    request,
    require,
    rules,
    scene,
    vote,
)

HOUR = timedelta(hours=1)


def owed_by(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "approval",
        "by": "resource_owner",
        "expires_after": "PT8H",
        "when": "before",
        **changes,
    }


def needing(**changes: Any) -> Step:
    """A step that owes the owner's approval; Olga and Sam own the group."""
    at = scene(rules(require(owed_by(**changes))), findings(owners=[OLGA, SAM]))
    return planned(at).steps[0]


def need(**changes: Any) -> ApprovalNeed:
    return needing(**changes).approvals[0]


def decided(*obligations: dict[str, Any]) -> Decision:
    at = scene(rules(require(*obligations)) if obligations else rules(), findings(owners=[OLGA]))
    return decide_on(at, adding(), alone()).decision


STEP = needing()


def test_what_nobody_voted_on_is_open_until_its_hour_and_not_a_second_longer() -> None:
    asked = need()
    assert asked.expires_at == NOW + 8 * HOUR
    just_before = asked.expires_at - timedelta(microseconds=1)
    assert approve.standing(asked, [], STEP.digest, just_before) is Standing.OPEN
    assert approve.standing(asked, [], STEP.digest, asked.expires_at) is Standing.EXPIRED


def test_a_yes_of_somebody_asked_approves() -> None:
    assert approve.standing(need(), [vote(STEP)], STEP.digest, NOW) is Standing.APPROVED


def test_a_yes_given_in_time_stands_after_the_hour() -> None:
    late = NOW + 9 * HOUR
    assert approve.standing(need(), [vote(STEP)], STEP.digest, late) is Standing.APPROVED


def test_a_quorum_wants_distinct_persons() -> None:
    two = need(quorum=2)
    votes = [vote(STEP), vote(STEP)]
    assert approve.standing(two, votes, STEP.digest, NOW) is Standing.OPEN
    assert approve.standing(two, [*votes, vote(STEP, SAM)], STEP.digest, NOW) is Standing.APPROVED


def test_a_yes_of_somebody_who_was_not_asked_counts_for_nothing() -> None:
    for stranger in (FREYA, NADIA):
        assert approve.standing(need(), [vote(STEP, stranger)], STEP.digest, NOW) is Standing.OPEN


def test_one_no_is_final_whatever_else_is_said() -> None:
    votes = [vote(STEP), vote(STEP, SAM, "reject")]
    assert approve.standing(need(), votes, STEP.digest, NOW) is Standing.REJECTED
    assert approve.standing(need(), votes[::-1], STEP.digest, NOW + 9 * HOUR) is Standing.REJECTED


def test_a_vote_on_another_digest_counts_for_nothing() -> None:
    for said in ("approve", "reject"):
        other = vote(STEP, decision=said, digest="0" * 64)
        assert approve.standing(need(), [other], STEP.digest, NOW) is Standing.OPEN
    assert approvals_of([vote(STEP, digest="0" * 64)], STEP.digest) == ()


def test_a_vote_for_another_slot_counts_for_nothing() -> None:
    manager = vote(STEP, slot="manager")
    assert approve.standing(need(), [manager], STEP.digest, NOW) is Standing.OPEN


people = st.sampled_from([OLGA, SAM, FREYA, NADIA])
votes_cast = st.lists(
    st.builds(
        vote,
        st.just(STEP),
        people,
        st.sampled_from(["approve", "reject"]),
        slot=st.sampled_from(["resource_owner", "manager"]),
        digest=st.sampled_from([STEP.digest, "0" * 64]),
    ),
    max_size=6,
)


@given(votes_cast, st.integers(1, 3), st.integers(0, 12))
def test_approved_means_enough_distinct_yes_of_those_asked_and_no_no(
    votes: list[Vote], quorum: int, hours: int
) -> None:
    asked = need().model_copy(update={"quorum": quorum})
    now = NOW + hours * HOUR
    state = approve.standing(asked, votes, STEP.digest, now)
    mine = [v for v in votes if v.slot == asked.slot and v.digest == STEP.digest]
    yes = {v.approver for v in mine if v.decision == "approve"} & {OLGA, SAM}
    no = any(v.decision == "reject" for v in mine)
    assert (state is Standing.APPROVED) == (not no and len(yes) >= quorum)
    assert (state is Standing.REJECTED) == no
    if state is Standing.OPEN:
        assert now < asked.expires_at


def pending(**changes: Any) -> Pending:
    said = {
        "request": RequestId("0123456789abcdef" * 2),
        "step": STEP.id,
        "digest": STEP.digest,
        "requester": FREYA,
        "target": STEP.target,
        "summary": STEP.summary,
        "need": need(),
    }
    return Pending.model_validate(said | changes)


@pytest.mark.parametrize(
    ("who", "digest", "after", "code"),
    [
        (OLGA, STEP.digest, 0, None),
        (SAM, STEP.digest, 7, None),
        (NADIA, STEP.digest, 0, "not_an_approver"),
        (FREYA, STEP.digest, 0, "not_an_approver"),
        (OLGA, "0" * 64, 0, "other_digest"),
        (OLGA, STEP.digest, 8, "expired"),
        (FREYA, "0" * 64, 9, "not_an_approver"),  # a stranger learns nothing else
    ],
)
def test_who_may_vote_on_what_until_when(
    who: PersonId, digest: str, after: int, code: str | None
) -> None:
    refusal = approve.may_vote(pending(), who, digest, NOW + after * HOUR)
    assert (refusal.code if refusal else None) == code


def test_the_requester_never_votes_even_where_a_row_says_they_may() -> None:
    forged = need().model_copy(update={"approvers": (FREYA, OLGA)})
    refusal = approve.may_vote(pending(need=forged), FREYA, STEP.digest, NOW)
    assert refusal is not None
    assert refusal.code == "not_an_approver"


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


def test_each_wait_has_an_event_name_of_its_own() -> None:
    asked = need()
    first, second = approve.wait_for(asked, [], NOW), approve.wait_for(asked, [vote(STEP)], NOW)
    assert first.event != second.event
    assert first.until == second.until == asked.expires_at
    elsewhere = approve.needs_of(
        decided(owed_by()),
        request(id="f" * 32),
        STEP.id,
        STEP.digest,
        frozenset({OLGA, SAM}),
        FREYA,
        NOW,
    )
    assert isinstance(elsewhere, tuple)
    assert elsewhere[0].event != asked.event


def test_a_long_wait_is_taken_in_legs_that_end_at_the_deadline() -> None:
    asked = need(expires_after="P30D")
    now, legs = NOW, 0
    while now < asked.expires_at:
        wait = approve.wait_for(asked, [], now)
        assert now < wait.until <= min(asked.expires_at, now + approve.LONGEST_SLEEP)
        now, legs = wait.until, legs + 1
    assert (now, legs) == (asked.expires_at, 6)


def test_two_steps_never_wait_for_one_event() -> None:
    names = {
        made[0].event
        for step in ("s1", "s2")
        if isinstance(
            made := approve.needs_of(
                decided(owed_by()),
                request(),
                StepId(step),
                STEP.digest,
                frozenset({OLGA}),
                FREYA,
                NOW,
            ),
            tuple,
        )
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("state", "code"), [(Standing.REJECTED, "rejected"), (Standing.EXPIRED, "no_answer")]
)
def test_a_no_and_silence_are_told_apart(state: Standing, code: str) -> None:
    assert approve.no(state).code == code
