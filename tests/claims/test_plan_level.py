"""What policy says of a plan as a whole and of an hour holds for the running product too.

Budgets while many act at once, rules that are only reported, and decisions that can be made again.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient

from agent.settings import Settings
from agent.values import TenantId
from agent.wiring import Deployment
from local.stage import Person, Stage
from local.up import World, trusting
from policy.decide import RuleSet, decide
from policy.query import Query
from policy.rule import Rule
from policy.snapshot import write_body
from tests.claims.test_decide_twice import AF, RULES, publish, waiting

pytestmark = pytest.mark.stack
BUDGET = 3
PEOPLE = ("freya.holm", "felix.wagner", "jonas.weber", "mira.kovac", "sam.okoro", "ian.moss")
LIMIT = Rule.of(
    {
        "schema": 1,
        "id": "test-three-people-an-hour",
        "layer": "runtime",
        "effect": "deny",
        "when": {"action": {"undo": False}},
        "unless": {"runtime": {"subjects_last_hour_max": BUDGET}},
        "reason": "Three people an hour are enough for one person.",
        "remedy": "Go on in an hour.",
    }
)
REPORTED = Rule.of(
    {
        "schema": 1,
        "id": "test-one-group-a-plan",
        "layer": "tenant",
        "effect": "deny",
        "mode": "report_only",
        "when": {"plan": {"actions_any": ["group.member.add"]}, "action": {"undo": False}},
        "reason": "One day nobody will be added.",
    }
)
PUBLISHED = {write_body(rules).id: rules for rules in (RULES, (*RULES, LIMIT), (*RULES, REPORTED))}


def under(world: World, stage: Stage, *more: Rule) -> Iterator[None]:
    """The shipped policy and more, until the test is over; a forecast may rest on it for 30 s."""
    asyncio.run(publish(world, (*RULES, *more)))
    stage.advance(31)
    yield
    asyncio.run(publish(world, RULES))
    stage.advance(31)


@pytest.fixture
def limited(world: World, stage: Stage) -> Iterator[None]:
    stage.advance(3_600)  # whatever other stories did is not of this hour
    yield from under(world, stage, LIMIT)


@pytest.fixture
def reported(world: World, stage: Stage) -> Iterator[None]:
    yield from under(world, stage, REPORTED)


def adds(stage: Stage, who: str) -> dict[str, Any]:
    """The owner adds somebody; what became of it."""
    olga = stage.person("olga.brandt" + AF)
    group = stage.group("Budget 2027")["id"]
    reply = olga.do("group.member.add", user=stage.oid(who + AF), group=group)
    assert reply.status == 202, reply
    return olga.follow(reply.body["id"])


def lets_in(stage: Stage, who: str) -> tuple[Person, dict[str, Any]]:
    """Somebody of Finance asks for a site of Finance, and is let in."""
    group = stage.group("Budget 2027")
    left = [m for m in group["members"] if m != stage.oid(who + AF)]
    stage.set_object("groups", group["id"], {"members": left})
    person = stage.person(who + AF)
    seen = person.follow(person.ask("I can't get into the Budget 2027 SharePoint"))
    assert seen["status"] == "done"
    return person, seen


@pytest.mark.usefixtures("limited")
def test_six_requests_at_once_never_exceed_a_budget_of_three(stage: Stage) -> None:
    group = stage.group("Budget 2027")
    olga = [stage.oid("olga.brandt" + AF)]
    stage.set_object("groups", group["id"], {"members": olga})
    try:
        with ThreadPoolExecutor(len(PEOPLE)) as crowd:
            ended = list(crowd.map(lambda who: adds(stage, who), PEOPLE))
        added = set(stage.group("Budget 2027")["members"]) - set(olga)
        assert len(added) <= BUDGET
        assert {one["status"] for one in ended} <= {"done", "refused"}
        assert sum(one["status"] == "done" for one in ended) == len(added)
        refused = [one["answer"] for one in ended if one["status"] == "refused"]
        assert refused
        assert all("enough for one person" in answer for answer in refused)
        # whoever was refused because of others at the same moment gets what is left of the hour
        for who in PEOPLE:
            if stage.oid(who + AF) not in added:
                adds(stage, who)
        assert len(set(stage.group("Budget 2027")["members"]) - set(olga)) == BUDGET
        stage.advance(3_660)
        last = next(who for who in PEOPLE if not stage.is_member(who + AF, "Budget 2027"))
        assert adds(stage, last)["status"] == "done", "the hour is over"
    finally:
        stage.set_object("groups", group["id"], {"members": group["members"]})


async def test_without_a_place_in_the_budget_there_is_no_act(world: World, stage: Stage) -> None:
    """The plan was made while the hour could be counted; now no place in it can be taken."""
    at = world.facts["tables"][world.facts["tenants"][0]["id"]]
    name = at["endpoint"].rstrip("/").rsplit("/", 1)[-1]
    person, request, pending = waiting(stage, "raj.patel")
    mark = stage.mark()
    service = TableServiceClient(
        at["endpoint"], credential=AzureNamedKeyCredential(name, at["key"])
    )
    service.delete_table("Budget")
    try:
        assert stage.person("olga.brandt" + AF).decide(pending, "approve").status == 200
        seen = person.follow(request)
    finally:
        service.create_table("Budget")
        service.close()
    assert [step["status"] for step in seen["steps"]] == ["failed"]
    assert seen["status"] == "escalated"
    assert stage.changes(mark) == []


@pytest.mark.usefixtures("reported")
def test_a_rule_that_is_only_reported_is_shown_and_stops_nothing(stage: Stage) -> None:
    jonas, seen = lets_in(stage, "jonas.weber")
    shadow = [{"rule": "test-one-group-a-plan", "would": "would_deny"}]
    assert seen["steps"][0]["decision"]["shadow"] == shadow
    decisions = [
        record["body"]["decision"]
        for record in jonas.trail(seen["id"])
        if record["body"]["phase"] in ("decision", "intent", "outcome")
    ]
    assert [decision["shadow"] for decision in decisions] == [shadow] * 3
    assert [d.get("drift") for d in decisions] == [None, "none", "none"], "a forecast has none"


async def test_every_decision_so_far_can_be_made_again_to_the_byte(
    world: World, stage: Stage
) -> None:
    """Whatever stories were told in this world, and two that are told here."""
    lets_in(stage, "mira.kovac")
    oscar = stage.person("oscar.lind" + AF)
    assert oscar.follow(oscar.ask("Please give me access to the Board Papers site"))
    with trusting(world.environment):
        deployment = Deployment(Settings.of(world.environment))
        try:
            tenant = await deployment.for_tenant(TenantId(world.facts["tenants"][0]["id"]))
            since = deployment.clock.now() - timedelta(days=30)
            found = await tenant.requests.decisions(since)  # type: ignore[attr-defined]
        finally:
            await deployment.close()
    mine = [d for d in found if d.decision.snapshot.id in PUBLISHED]
    assert {d.phase for d in mine} == {"plan", "execute"}
    assert {d.decision.effect for d in mine} == {"permit", "deny"}
    for stored in mine:
        rules = RuleSet.of(PUBLISHED[stored.decision.snapshot.id], stored.decision.snapshot)
        again = decide(rules, Query.of(stored.facts))
        assert again.model_dump_json() == stored.decision.model_dump_json()
