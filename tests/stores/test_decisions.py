"""Every decision is kept with its question, sealed: asked again, policy gives the same bytes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.adapters.requests_table import RequestTable
from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.tables import Rows
from agent.domain import Plan, Ruling, Status, Step, Work
from agent.errors import StoreUnusable
from agent.plan import Scene, Stopped, decide_on, plan
from agent.records import StoredDecision
from agent.values import RequestId, Secret, StepId
from policy.decide import RuleSet, decide
from policy.query import Query
from tests.stores.pieces import FreshTable, receipt_of
from tests.unit.values import (
    FREYA,
    HELEN,
    NOW,
    act,
    adding,
    alone,
    classes,
    findings,
    removing,
    request,
    require,
    rules,
    scene,
)

pytestmark = pytest.mark.stack
APPROVAL = {"kind": "approval", "by": "resource_owner", "expires_after": "PT8H", "when": "before"}
REPORTED = {
    "id": "test-reported",
    "layer": "tenant",
    "effect": "deny",
    "mode": "report_only",
    "when": {"plan": {"subjects_max": 9}},
}
POLICY: RuleSet = rules(
    REPORTED, require(APPROVAL, action={"undo": False}, requester={"departments": ["Sales"]})
)


@pytest.fixture
async def rows(fresh_table: FreshTable) -> Rows:
    return await fresh_table("Requests")


@pytest.fixture
def store(rows: Rows, sealing: EnvelopeSealing) -> RequestTable:
    return RequestTable(rows, sealing)


def at(minutes: int, number: int, **seen: Any) -> Scene:
    """A request of its own, assessed so many minutes after the others."""
    when = NOW + timedelta(minutes=minutes)
    asked = request(id=RequestId(f"{number:032x}"), created_at=when)
    made = scene(POLICY, findings(**seen), classes(), asked)
    return Scene(
        request=asked,
        intent=made.intent,
        notes=made.notes,
        classes=made.classes,
        hour=made.hour,
        rules=POLICY,
        now=when,
    )


SALES = {"enabled": True, "department": "Sales", "kind": "Member", "display": "canary-name"}
STORIES: dict[str, tuple[Scene, Any]] = {
    "granted": (at(0, 1), adding()),
    "of another department": (at(1, 2, person=SALES), adding()),
    "taken away": (at(2, 3, membership=True), removing()),
    "denied for a risk": (at(3, 4, risk={"level": "high", "state": "atRisk"}), adding()),
    "denied in doubt": (at(4, 5, person=None), adding()),
}


async def kept(store: RequestTable, of: Scene, action: Any) -> Work:
    """Assess and keep one request as the product does."""
    made = plan(of, [action])
    work = Work(intent=act(), plan=made if isinstance(made, Plan) else Plan())
    if isinstance(made, Stopped):
        work = work.model_copy(update={"refusal": made.refusal, "denied": made.denied})
    await store.admit(of.request, "b" * 64, Secret("canary-token"))
    await store.save_work(of.request.id, work, Status.RUNNING)
    return work


async def executed(store: RequestTable, of: Scene, step: Step, minutes: int) -> tuple[Ruling, ...]:
    """Decide twice on one step, ten minutes apart, as two attempts do."""
    rulings: tuple[Ruling, ...] = ()
    for later in (minutes, minutes + 10):
        now = of.now + timedelta(minutes=later)
        moment = alone().model_copy(update={"now": now})
        rulings = (*rulings, decide_on(of, adding(), moment))
        receipt = receipt_of(outcome="waiting")
        await store.save_receipt(of.request.id, receipt, rulings)
    return rulings


def again(decision: StoredDecision) -> bytes:
    return decide(POLICY, Query.of(decision.facts)).model_dump_json().encode()


async def test_all_that_was_decided_can_be_decided_again_to_the_byte(store: RequestTable) -> None:
    for of, action in STORIES.values():
        work = await kept(store, of, action)
        for step in work.plan.steps:
            await executed(store, of, step, 60)
    found = await store.decisions(NOW - timedelta(days=1))
    assert {d.phase for d in found} == {"plan", "execute"}
    assert {d.decision.effect for d in found} == {"permit", "deny"}
    assert any(d.decision.obligations for d in found)
    assert any(d.decision.shadow for d in found)
    # three plans of a step and its undo, two that stopped, and three steps tried twice
    assert len(found) == 3 * 2 + 2 + 3 * 2
    assert [again(d) for d in found] == [d.decision.model_dump_json().encode() for d in found]


async def test_they_are_listed_by_time_from_a_moment_on(store: RequestTable) -> None:
    of, action = STORIES["granted"]
    work = await kept(store, of, action)
    rulings = await executed(store, of, work.plan.steps[0], 60)
    times: list[datetime] = [d.at for d in await store.decisions(of.now)]
    assert times == [of.now, of.now] + [of.now + timedelta(minutes=m) for m in (60, 70)]
    (last,) = await store.decisions(of.now + timedelta(minutes=61))
    assert (last.request, last.step, last.phase) == (of.request.id, StepId("s1"), "execute")
    assert Ruling(facts=last.facts, decision=last.decision) == rulings[-1]
    assert await store.decisions(of.now + timedelta(days=1)) == []


async def test_a_request_without_a_decision_has_none(store: RequestTable) -> None:
    await store.admit(request(), "b" * 64, Secret("canary-token"))
    await store.claim(request().id, StepId("s1"), "do")
    await store.save_work(request().id, Work(intent=act()), Status.RUNNING)
    assert await store.decisions(NOW - timedelta(days=9)) == []


async def test_what_was_asked_of_policy_lies_sealed(store: RequestTable, rows: Rows) -> None:
    of, action = STORIES["of another department"]
    work = await kept(store, of, action)
    await executed(store, of, work.plan.steps[0], 60)
    whole = [dict(row) async for row in rows.scan(("!", "~"))]
    assert len(whole) == 3, "no row of their own: the index, the request, the step"
    for row in whole:
        text = repr(row)
        for word in ("canary", "Sales", FREYA.upper(), HELEN, "department"):
            assert word not in text


async def test_a_row_that_was_tampered_with_is_an_error_and_not_left_out(
    store: RequestTable, rows: Rows
) -> None:
    for name in ("granted", "of another department"):
        of, action = STORIES[name]
        work = await kept(store, of, action)
        await executed(store, of, work.plan.steps[0], 60)
    one, other = (STORIES[name][0].request.id for name in ("granted", "of another department"))
    foreign = await rows.get(other, "step|s1|do") or {}
    damage = {"PartitionKey": one, "RowKey": "step|s1|do", "rulings0": foreign["rulings0"]}
    await rows.upsert(damage)
    with pytest.raises(StoreUnusable):
        await store.decisions(NOW)
