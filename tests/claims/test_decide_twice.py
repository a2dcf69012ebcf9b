"""INVARIANT 3: the decision at execution, on fresh facts and the newest snapshot, is what counts.

Each test lets something change between the plan and the act, while the approval is waited for.
"""

from collections.abc import Callable
from typing import Any

import pytest

from agent.adapters.policies_table import PolicyPublisher
from agent.onboard import SIGNING_KEY
from agent.settings import Settings
from agent.wiring import Deployment
from local.onboarding import PACKS
from local.stage import Stage
from local.up import World, trusting
from policy.pack import load
from policy.rule import Rule

pytestmark = pytest.mark.stack
AF = "@alderfinch.example"
RULES = load(PACKS / "global", PACKS / "tenant-default")
FREEZE = Rule.of(
    {
        "schema": 1,
        "id": "freeze",
        "layer": "tenant",
        "effect": "deny",
        "when": {"action": {"families": ["group"], "undo": False}},
        "reason": "Changes are frozen.",
        "remedy": "Ask again when the freeze is over.",
    }
)


async def publish(world: World, rules: tuple[Rule, ...]) -> None:
    """Publish a policy for the first organisation, as its publisher would."""
    with trusting(world.environment):
        deployment = Deployment(Settings.of(world.environment))
        try:
            registered = await deployment.registry().find(world.facts["tenants"][0]["id"])
            assert registered is not None
            account = deployment.account(registered.tables_endpoint, registered.identity)
            vault = deployment.vault(registered.vault_url, registered.identity)
            rows = (account.rows(t) for t in ("Policies", "PolicySnapshots", "PolicyHeads"))
            await PolicyPublisher(*rows, deployment.clock).publish(
                rules,
                registered.signing_kid,
                lambda message: vault.sign(SIGNING_KEY, message),
                published_by="one",
                approved_by="another",
            )
        finally:
            await deployment.close()


def waiting(stage: Stage, who: str) -> tuple[Any, str, dict[str, Any]]:
    """A Sales person has asked for Finance and the owner has been asked."""
    found = stage.group("Finance")
    left = [m for m in found["members"] if m != stage.oid(who + AF)]
    stage.set_object("groups", found["id"], {"members": left})
    person = stage.person(who + AF)
    request = person.ask("I need access to the Finance SharePoint")
    seen = person.follow(request, until=("waiting_for_approval",))
    assert seen["status"] == "waiting_for_approval", seen["answer"]
    asked = stage.person("olga.brandt" + AF).waiting()
    return person, request, next(p for p in asked if p["request"] == request)


async def test_a_policy_tightened_in_between_stops_the_act(world: World, stage: Stage) -> None:
    person, request, pending = waiting(stage, "sam.okoro")
    await publish(world, (*RULES, FREEZE))
    try:
        assert stage.person("olga.brandt" + AF).decide(pending, "approve").status == 200
        seen = person.follow(request)
    finally:
        await publish(world, RULES)
        stage.advance(31)  # a forecast may rest on a head that was read up to 30 s ago
    assert seen["status"] == "refused"
    assert "frozen" in seen["answer"]
    assert not stage.is_member("sam.okoro" + AF, "Finance")


def flag(stage: Stage, who: str) -> None:
    stage.set_object("risk", stage.oid(who + AF), {"riskLevel": "high", "riskState": "atRisk"})


def calm(stage: Stage, who: str) -> None:
    stage.set_object("risk", stage.oid(who + AF), {"riskLevel": "none", "riskState": "dismissed"})


def test_a_flag_raised_in_between_stops_the_act(stage: Stage) -> None:
    person, request, pending = waiting(stage, "raj.patel")
    flag(stage, "raj.patel")
    try:
        assert stage.person("olga.brandt" + AF).decide(pending, "approve").status == 200
        seen = person.follow(request)
    finally:
        calm(stage, "raj.patel")
    assert seen["status"] == "refused"
    assert not stage.is_member("raj.patel" + AF, "Finance")


def test_an_owner_who_is_owner_no_more_cannot_approve(stage: Stage) -> None:
    person, request, pending = waiting(stage, "lena.fischer")
    finance = stage.group("Finance")
    stage.set_object("groups", finance["id"], {"owners": [stage.oid("mira.kovac" + AF)]})
    try:
        answer = stage.person("olga.brandt" + AF).decide(pending, "approve")
        assert answer.status == 403
        stage.advance(8 * 3600 + 60)
        seen = person.follow(request)
    finally:
        stage.set_object("groups", finance["id"], {"owners": finance["owners"]})
    assert seen["status"] == "refused"
    assert not stage.is_member("lena.fischer" + AF, "Finance")


CHANGES: dict[str, Callable[[Stage, str], None]] = {
    "the requester is disabled": lambda stage, who: stage.set_object(
        "users", stage.oid(who + AF), {"accountEnabled": False}
    ),
    "the requester becomes a guest": lambda stage, who: stage.set_object(
        "users", stage.oid(who + AF), {"userType": "Guest"}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_requester_who_changed_in_between_gets_nothing(stage: Stage, change: str) -> None:
    person, request, pending = waiting(stage, "sean.obrien")
    token = stage.token(person.upn)
    CHANGES[change](stage, "sean.obrien")
    try:
        assert stage.person("olga.brandt" + AF).decide(pending, "approve").status == 200
        seen = _follow(stage, request, token)
    finally:
        back = {"accountEnabled": True, "userType": "Member"}
        stage.set_object("users", stage.oid("sean.obrien" + AF), back)
    assert seen["status"] == "refused"
    assert not stage.is_member("sean.obrien" + AF, "Finance")


def _follow(stage: Stage, request: str, token: str) -> dict[str, Any]:
    """Follow a request with a token from before the account changed."""
    import time

    from local.stage import FINAL, http

    for _ in range(300):
        url = f"{stage.facts['functions']}/api/v1/requests/{request}"
        seen: dict[str, Any] = http("GET", url, headers={"authorization": f"Bearer {token}"}).body
        if seen["status"] in FINAL:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"expected an end, saw {seen['status']}")
