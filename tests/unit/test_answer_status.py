"""How a request ended, read from its receipts alone: a table of every way to end."""

import pytest

from agent.domain import Status, Step
from agent.receipts import Receipt
from tests.unit.answers import JUST_ONE, ONE, TWO, WORK, because, told
from tests.unit.values import receipt

DID, UNDID = receipt(ONE, "done", ours=True), receipt(ONE, "undone", "undo", ours=True)


def stopped(of: Step, outcome: str, code: str) -> Receipt:
    return receipt(of, outcome, refusal=because(code))


Row = tuple[str, list[Receipt], Status, str]
TABLE: list[Row] = [
    ("both done", [DID, receipt(TWO, "done", ours=True)], Status.DONE, "checked that it is so"),
    (
        "both were so",
        [receipt(ONE, "found"), receipt(TWO, "found")],
        Status.DONE,
        "It was so already",
    ),
    ("one done, one was so", [DID, receipt(TWO, "found")], Status.DONE, "It was so already"),
    ("nothing happened", [], Status.ESCALATED, "not started"),
    ("only one ran", [receipt(ONE, "found")], Status.ESCALATED, "not started"),
    ("done, then the next never ran", [DID], Status.PARTLY_DONE, "not started"),
    ("policy said no", [stopped(ONE, "refused", "denied")], Status.REFUSED, "Because of denied"),
    (
        "an approver said no",
        [stopped(ONE, "refused", "rejected")],
        Status.REFUSED,
        "Because of rejected",
    ),
    ("nobody answered", [stopped(ONE, "refused", "no_answer")], Status.REFUSED, "not done"),
    (
        "no hands",
        [stopped(ONE, "failed", "no_authority")],
        Status.ESCALATED,
        "failed and nothing of it remains",
    ),
    ("a fault", [stopped(ONE, "failed", "throttled")], Status.ESCALATED, "nothing of it remains"),
    (
        "nobody knows",
        [receipt(ONE, "unknown", sent=True)],
        Status.PARTLY_DONE,
        "cannot see whether it took effect",
    ),
    ("still waiting", [receipt(ONE, "waiting")], Status.ESCALATED, "not finished"),
    (
        "sent and still waiting",
        [receipt(ONE, "waiting", sent=True)],
        Status.PARTLY_DONE,
        "before I could see",
    ),
    (
        "a provisional grant was left",
        [receipt(ONE, "waiting", ours=True)],
        Status.PARTLY_DONE,
        "not finished",
    ),
    (
        "a provisional grant was undone",
        [receipt(ONE, "refused", ours=True, refusal=because("no_answer")), UNDID],
        Status.UNDONE,
        "done and then undone again",
    ),
    (
        "the second failed, the first was undone",
        [DID, stopped(TWO, "failed", "forbidden"), UNDID],
        Status.ESCALATED,
        "checked that it is gone",
    ),
    (
        "the second was refused, the first was undone",
        [DID, stopped(TWO, "refused", "denied"), UNDID],
        Status.UNDONE,
        "checked that it is gone",
    ),
    (
        "the first could not be undone",
        [
            DID,
            stopped(TWO, "failed", "forbidden"),
            receipt(ONE, "refused", "undo", refusal=because("denied")),
        ],
        Status.PARTLY_DONE,
        "undoing it did not succeed",
    ),
    (
        "the undo is not seen",
        [DID, stopped(TWO, "refused", "denied"), receipt(ONE, "unknown", "undo", sent=True)],
        Status.PARTLY_DONE,
        "undoing it did not succeed",
    ),
    (
        "the second was found so, and the first stayed",
        [DID, receipt(TWO, "unknown", sent=True)],
        Status.PARTLY_DONE,
        "cannot see",
    ),
]


@pytest.mark.parametrize(
    ("receipts", "status", "says"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_receipts_say_how_it_ended(receipts: list[Receipt], status: Status, says: str) -> None:
    whole = WORK if any(r.step == "s2" for r in receipts) or status is Status.DONE else None
    work = whole or (WORK if "not started" in says else JUST_ONE)
    answer = told(work, *receipts)
    assert answer.status is status
    assert says in answer.text
