"""Approvals that nobody gave: raised, replayed, restarted and misdirected. None has an effect.

The attacker of the first half holds the key of the Durable management API; the second half's has an
approver's words, and not their token, or their token and another request.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from local import up
from local.stage import Person, Stage
from local.up import World
from tests.histories.management import Management
from tests.histories.stories import AT

pytestmark = pytest.mark.stack
FINANCE = "I need the Finance site"
WAITS = "waiting_for_approval"


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of its own: what is planted and forged here meets nobody else's story."""
    with up.world(tmp_path_factory.mktemp("arena")) as running:
        yield running


@pytest.fixture
def stage(arena: World) -> Stage:
    return Stage(arena.facts)


@pytest.fixture
def thief(arena: World) -> Management:
    return Management(arena)


def asked(stage: Stage, who: str, text: str = FINANCE) -> tuple[Person, str]:
    person = stage.person(who + AT)
    request = person.ask(text)
    seen = person.follow(request, (WAITS,))
    assert seen["status"] == WAITS, seen
    return person, request


def shown(stage: Stage, owner: str, request: str) -> tuple[Person, dict[str, Any]]:
    person = stage.person(owner + AT)
    return person, person.pending(request)


def approved_once(stage: Stage, person: Person, request: str, mark: int) -> None:
    """The owner's real yes still counts, and does one thing once."""
    olga, pending = shown(stage, "olga.brandt", request)
    assert olga.decide(pending, "approve").status == 200
    assert person.follow(request)["status"] == "done"
    assert len([c for c in stage.changes(mark) if c["changed"]]) == 1


def instance_of(arena: World, request: str) -> str:
    return f"{arena.facts['tenants'][0]['id']}.{request}"


def awaited(thief: Management, instance: str) -> str:
    """The name of the event that a run waits for, as its history shows it to a key's holder."""
    results = [e["Result"] for e in thief.status(instance)["historyEvents"] if e.get("Result")]
    return str(results[-1]["steps"][0]["wait"]["event"])


def test_a_raised_event_wakes_the_run_and_approves_nothing(
    arena: World, stage: Stage, thief: Management
) -> None:
    sam, request = asked(stage, "sam.okoro")
    instance, mark = instance_of(arena, request), stage.mark()
    name = awaited(thief, instance)
    assert name.startswith("approval-s1-")
    said = {"decision": "approve", "approver": stage.oid("olga.brandt" + AT), "step": "s1"}
    for body in (said, "approve", True, None, [said] * 50, json.dumps(said)):
        assert thief.raise_event(instance, name, body).status == 202
    for odd in (name.upper(), f"{name}0", "approval-s1", "approve"):
        thief.raise_event(instance, odd, said)
    assert sam.see(request)["status"] == WAITS
    assert sam.see(request)["approvals"][0]["votes"] == []
    assert stage.changes(mark) == []
    assert not [r for r in sam.trail(request) if r["body"]["phase"] in ("approval", "intent")]
    approved_once(stage, sam, request, mark)


def test_a_run_that_is_started_again_does_nothing_twice(
    arena: World, stage: Stage, thief: Management
) -> None:
    ian, request = asked(stage, "ian.moss")
    instance, mark = instance_of(arena, request), stage.mark()
    again = thief.call("POST", f"instances/{quote(instance)}/restart?restartWithNewInstanceId=true")
    assert again.status == 202
    given = {"tenant": arena.facts["tenants"][0]["id"], "request": request}
    assert thief.call("POST", "orchestrators/run", given).status == 202
    assert ian.see(request)["status"] == WAITS
    assert stage.changes(mark) == []
    approved_once(stage, ian, request, mark)


def test_an_ended_request_is_not_done_once_more(
    arena: World, stage: Stage, thief: Management
) -> None:
    """What was granted and taken away by an administrator is not granted again by a replay."""
    freya = stage.person("freya.holm" + AT)
    request = freya.ask("I can't get into the Finance SharePoint.")
    assert freya.follow(request)["status"] == "done"
    group = stage.group("Finance")
    left = [m for m in group["members"] if m != stage.oid("freya.holm" + AT)]
    stage.set_object("groups", group["id"], {"members": left})
    mark = stage.mark()
    given = {"tenant": arena.facts["tenants"][0]["id"], "request": request}
    started = thief.call("POST", "orchestrators/run/forged-again", given)
    assert started.status == 202
    for _ in range(200):
        if thief.status("forged-again")["runtimeStatus"] != "Running":
            break
    assert stage.changes(mark) == []
    assert not stage.is_member("freya.holm" + AT, "Finance")
    assert freya.see(request)["status"] == "done"


def test_a_run_in_the_name_of_another_organisation_finds_nothing_there(
    arena: World, stage: Stage, thief: Management
) -> None:
    _, request = asked(stage, "anton.berg")
    mark = stage.mark()
    given = {"tenant": arena.facts["tenants"][1]["id"], "request": request}
    assert thief.call("POST", "orchestrators/run/forged-abroad", given).status == 202
    assert stage.changes(mark) == []
    assert stage.person("anton.berg" + AT).see(request)["status"] == WAITS


def test_ending_a_run_by_force_grants_nothing(
    arena: World, stage: Stage, thief: Management
) -> None:
    grace, request = asked(stage, "grace.mbeki")
    mark = stage.mark()
    path = f"instances/{quote(instance_of(arena, request))}/terminate?reason=approved"
    assert thief.call("POST", path).status == 202
    assert stage.changes(mark) == []
    assert grace.see(request)["status"] == WAITS


def test_an_approval_of_one_request_is_none_of_another(stage: Stage) -> None:
    carla, hers = asked(stage, "carla.mendes")
    nina, others = asked(stage, "nina.popova")
    olga, pending = shown(stage, "olga.brandt", hers)
    assert olga.decide(pending, "approve").status == 200
    assert carla.follow(hers)["status"] == "done"
    assert nina.see(others)["status"] == WAITS
    assert nina.see(others)["approvals"][0]["votes"] == []
    assert not stage.is_member("nina.popova" + AT, "Finance")


def test_words_shown_for_one_request_decide_nothing_in_another(stage: Stage) -> None:
    """The same press, sent once more to another request of another person: another digest."""
    _, one = asked(stage, "zoe.martin")
    peter, other = asked(stage, "peter.hahn")
    olga, pending = shown(stage, "olga.brandt", one)
    replayed = olga.decide({**pending, "request": other}, "approve")
    assert (replayed.status, replayed.body["error"]["code"]) == (412, "other_digest")
    for step in ("s2", "s9"):
        reply = olga.decide({**pending, "step": step}, "approve")
        assert (reply.status, reply.body["error"]["code"]) == (404, "not_found")
    unknown = olga.decide({**pending, "request": "0" * 32}, "approve")
    assert unknown.status == 404
    assert peter.see(other)["approvals"][0]["votes"] == []
    assert peter.see(other)["status"] == WAITS


def test_nobody_but_who_was_asked_decides(stage: Stage) -> None:
    david, request = asked(stage, "david.kim")
    _, pending = shown(stage, "olga.brandt", request)
    for who in ("david.kim", "george.adler", "nadia.petrov", "olga.brandt.ext", "mira.kovac"):
        reply = stage.person(who + AT).decide(pending, "approve")
        assert (reply.status, reply.body["error"]["code"]) == (403, "not_an_approver")
    abroad = stage.person("astrid.nygaard@borealis.example").decide(pending, "approve")
    assert abroad.status == 404
    assert david.see(request)["approvals"][0]["votes"] == []


def test_who_no_longer_owns_it_no_longer_decides(stage: Stage) -> None:
    """The right is read again on the press, with the approver's own token."""
    luca, request = asked(stage, "luca.rossi")
    olga, pending = shown(stage, "olga.brandt", request)
    group = stage.group("Finance")
    stage.set_object("groups", group["id"], {"owners": [stage.oid("mira.kovac" + AT)]})
    reply = olga.decide(pending, "approve")
    stage.set_object("groups", group["id"], {"owners": group["owners"]})
    assert (reply.status, reply.body["error"]["code"]) == (403, "not_an_approver")
    assert luca.see(request)["approvals"][0]["votes"] == []


def test_a_decision_stands_once(stage: Stage) -> None:
    emma, request = asked(stage, "emma.dubois")
    olga, pending = shown(stage, "olga.brandt", request)
    assert olga.decide(pending, "reject").status == 200
    assert emma.follow(request)["status"] == "refused"
    mark = stage.mark()
    again = olga.decide(pending, "reject")
    assert again.status == 200
    turned = olga.decide(pending, "approve")
    assert (turned.status, turned.body["error"]["code"]) == (409, "already_decided")
    assert stage.changes(mark) == []
    assert emma.see(request)["status"] == "refused"
