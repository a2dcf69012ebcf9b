"""What people are told: never more than the receipts say.

INVARIANT 5 (done means read back) at the last hop: `done` stands only on DONE and FOUND receipts.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import compose, plain, tell
from agent.domain import Intent, Status, Step, Work
from agent.receipts import Outcome, Receipt
from tests.unit.answers import JUST_ONE, ONE, TWO, WORK, because, told
from tests.unit.values import HELEN, act, findings, found, receipt, record

outcomes = st.sampled_from(list(Outcome))
refusals = st.none() | st.sampled_from(["denied", "rejected", "owed_ticket", "forbidden"]).map(
    because
)


@st.composite
def receipts_of(draw: st.DrawFn, one: Step) -> list[Receipt]:
    return [
        receipt(
            one,
            draw(outcomes),
            direction,
            ours=draw(st.booleans()),
            sent=draw(st.booleans()),
            refusal=draw(refusals),
        )
        for direction in ("do", "undo")
        if draw(st.booleans())
    ]


any_receipts = st.tuples(receipts_of(ONE), receipts_of(TWO)).map(lambda pair: pair[0] + pair[1])


@given(any_receipts)
def test_done_is_said_only_when_every_step_was_read_back(receipts: list[Receipt]) -> None:
    answer = told(WORK, *receipts)
    held = {r.step for r in receipts if r.direction == "do" and r.outcome in ("done", "found")}
    if answer.status is Status.DONE:
        assert held == {"s1", "s2"}


@given(any_receipts)
def test_what_was_undone_is_never_told_as_done(receipts: list[Receipt]) -> None:
    if any(r.direction == "undo" and r.outcome is Outcome.UNDONE for r in receipts):
        assert told(WORK, *receipts).status is not Status.DONE


@given(any_receipts)
def test_every_step_is_told_and_only_a_receipt_makes_it_sound_done(receipts: list[Receipt]) -> None:
    answer = told(WORK, *receipts)
    for one in (ONE, TWO):
        mine = {r.direction: r for r in receipts if r.step == one.id}
        line = tell(one, mine.get("do"), mine.get("undo"))
        assert line in answer.text
        done = mine.get("do")
        if "checked that it is so" in line:
            assert done is not None
            assert done.outcome is Outcome.DONE
        if one.achieved in line:
            assert done is not None
            assert done.outcome in (Outcome.DONE, Outcome.FOUND)
        if "checked that it is gone" in line:
            assert mine["undo"].outcome is Outcome.UNDONE
        if "nothing of it remains" in line:
            assert done is not None
            assert done.outcome is Outcome.FAILED


@given(any_receipts)
def test_what_may_be_left_behind_always_reaches_a_person(receipts: list[Receipt]) -> None:
    """INVARIANT 10: never silent. Something of ours that may remain is a ticket."""
    answer = told(WORK, *receipts)
    do = {r.step: r for r in receipts if r.direction == "do"}
    undone = {r.step for r in receipts if r.direction == "undo" and r.outcome is Outcome.UNDONE}
    left = [r for r in do.values() if r.ours and r.step not in undone]
    doubt = [r for r in do.values() if r.outcome is Outcome.UNKNOWN]
    if (left or doubt) and answer.status is not Status.DONE:
        assert answer.ticket is not None
        assert answer.ticket.to == HELEN
        assert answer.ticket.id in answer.text


def test_a_step_that_began_and_left_no_receipt_is_doubt_and_a_ticket() -> None:
    answer = compose(record(JUST_ONE), [], HELEN, [ONE.id])
    assert answer.status is Status.PARTLY_DONE
    assert "cannot see whether it took effect" in answer.text


def test_no_work_at_all_is_handed_over() -> None:
    answer = told(None)
    assert answer.status is Status.ESCALATED
    assert answer.ticket is not None


def intent(kind: str, **more: Any) -> Intent:
    return Intent.model_validate({"kind": kind, "intent": "other", "say": "Hello there", **more})


@pytest.mark.parametrize(
    ("work", "status", "says"),
    [
        (Work(intent=intent("smalltalk")), Status.DONE, "Hello there"),
        (Work(intent=intent("escalate")), Status.ESCALATED, "one for a person"),
        (Work(intent=act(), refusal=because()), Status.REFUSED, "Because of denied."),
        (Work(intent=act(), refusal=because("undo_denied")), Status.REFUSED, "undo_denied"),
        (Work(intent=act(), refusal=because("unchangeable")), Status.REFUSED, "unchangeable"),
        (Work(intent=act(), refusal=because("owed_justify")), Status.REFUSED, "owed_justify"),
        (Work(intent=act(), refusal=because("no_reply")), Status.CANCELLED, "no_reply"),
        (Work(intent=act(), refusal=because("no_approver")), Status.ESCALATED, "service desk"),
        (Work(intent=act(), refusal=because("policy_unusable")), Status.ESCALATED, "service desk"),
        (Work(intent=act(operation="remove")), Status.DONE, "not a member"),
        (Work(intent=act()), Status.ESCALATED, "trouble lies elsewhere"),
    ],
)
def test_what_needed_no_step_is_told_as_it_is(work: Work, status: Status, says: str) -> None:
    answer = told(work)
    assert answer.status is status
    assert says in answer.text


def test_a_ticket_carries_the_whole_account() -> None:
    doubtful = found("history", ONE.target.id, None, unknown="forbidden: no sponsor")
    work = WORK.model_copy(update={"findings": (*findings(), doubtful)})
    answer = told(work, receipt(ONE, "unknown", refusal=because("throttled")))
    assert answer.ticket is not None
    account = "\n".join(answer.ticket.account)
    for part in (
        "Asked: I can't get into the Finance SharePoint.",
        "Found risk of",
        "forbidden: no sponsor",
        f"Planned s1: {ONE.summary}",
        f"Planned s2: {TWO.summary}",
        "cannot see whether it took effect",
        "not started",
    ):
        assert part in account


def test_a_plain_no_is_a_no_of_policy_or_of_a_person_and_nothing_else() -> None:
    for code in ("denied", "undo_denied", "rejected", "no_answer", "owed", "owed_step_up"):
        assert plain(because(code))
    for code in ("no_authority", "authority_moved", "forbidden", "throttled", "unclassified", ""):
        assert not plain(because(code))
