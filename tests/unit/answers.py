"""What the tests of answers are made of: a plan of two steps, a refusal, and what is told."""

from agent.answer import compose
from agent.domain import Plan, Refusal, Work
from agent.receipts import Answer, Receipt
from tests.unit.values import HELEN, SALES, act, findings, record, step

ONE, TWO = step(), step(target=SALES).model_copy(update={"id": "s2"})
WORK = Work(intent=act("Finance", "Sales"), findings=tuple(findings()), plan=Plan(steps=(ONE, TWO)))
JUST_ONE = WORK.model_copy(update={"plan": Plan(steps=(ONE,))})


def because(code: str = "denied") -> Refusal:
    return Refusal(code=code, for_user=f"Because of {code}.", for_admin=f"admin {code}")


def told(work: Work | None, *receipts: Receipt) -> Answer:
    return compose(record(work), receipts, HELEN)
