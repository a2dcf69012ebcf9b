"""The questions a buyer asks, answered live: each test quotes the question it answers.

The world is the simulated tenant; what is believed is its own state and log, not ours. Memory and
integrations built in a conversation are not there yet, and so have no test.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import open_account
from agent.audit.chain import verify_chain
from agent.records import AuditRecord
from local.stage import Stage
from local.up import World

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
AF = "@alderfinch.example"
BOREALIS = "@borealis.example"


def asked(stage: Stage, who: str, text: str) -> dict[str, Any]:
    person = stage.person(who)
    return person.follow(person.ask(text), until=("waiting_for_approval",))


def put_out(stage: Stage, who: str, group: str) -> None:
    """Make sure that a person is no member before the story begins."""
    found = stage.group(group)
    left = [m for m in found["members"] if m != stage.oid(who)]
    stage.set_object("groups", found["id"], {"members": left})


async def trail_of(world: World, number: int = 0) -> list[AuditRecord]:
    tid = world.facts["tenants"][number]["id"]
    at = world.facts["tables"][tid]
    account = open_account(at["endpoint"], None, at["key"])
    try:
        table = AuditTable(*(account.rows(name) for name in ("Audit", "AuditIndex", "AuditInbox")))
        records: list[AuditRecord] = []
        while more := await table.read(len(records) + 1, 500):
            records += more
        return records
    finally:
        await account.close()


def test_does_it_execute_or_suggest(stage: Stage) -> None:
    """It executes: the tenant's own state changed, and was read again after the change."""
    put_out(stage, "jonas.weber" + AF, "Budget 2027")
    mark = stage.mark()
    seen = asked(stage, "jonas.weber" + AF, "I need access to the Budget 2027 site")
    assert seen["status"] == "done"
    assert stage.is_member("jonas.weber" + AF, "Budget 2027")
    (change,) = [c for c in stage.changes(mark) if c["changed"]]
    later = [c for c in stage.calls() if c["seq"] > change["call"]]
    edge = (
        f"/groups/{stage.group('Budget 2027')['id']}/members/{stage.oid('jonas.weber' + AF)}/$ref"
    )
    assert any(c["method"] == "GET" and c["path"] == edge for c in later), "it was not read back"
    assert seen["steps"][0]["receipt"]["verified"] is True


def test_does_policy_live_in_code_walk_me_through_a_deny(stage: Stage, tmp_path: Path) -> None:
    """A restricted site: the layer and the rule are named, and anybody can reproduce the deny."""
    mark = stage.mark()
    seen = asked(stage, "oscar.lind" + AF, "Please give me access to the Board Papers site")
    assert seen["status"] == "refused"
    assert stage.changes(mark) == []
    trail = stage.person("oscar.lind" + AF).trail(seen["id"])
    refused = next(r["body"] for r in trail if r["body"].get("outcome") == "refused")
    assert "target-restricted-is-closed" in refused["detail"]["why"]
    query = {
        "action": {"id": "group.member.add", "family": "group", "risk": 1, "reversible": True},
        "target": {"type": "group", "tags": ["restricted"], "subject": "self"},
    }
    (tmp_path / "query.json").write_text(json.dumps(query))
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "policy",
            "explain",
            "--rules",
            "policy/packs/tenant-default",
            "--query",
            str(tmp_path / "query.json"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    decision = json.loads(said.stdout)
    assert decision["effect"] == "deny"
    target = next(layer for layer in decision["layers"] if layer["layer"] == "target")
    assert target["denied_by"] == ["target-restricted-is-closed"]


def test_whose_permissions_does_it_use(stage: Stage) -> None:
    """The requester's, the approver's, or a named sponsor's; no call is the application's own."""
    calls = stage.calls()
    put_out(stage, "raj.patel" + AF, "Finance")
    since = max(c["seq"] for c in calls) if calls else 0
    seen = asked(stage, "raj.patel" + AF, "I need access to the Finance SharePoint")
    assert seen["status"] == "waiting_for_approval"
    olga = stage.person("olga.brandt" + AF)
    pending = olga.pending(seen["id"])
    assert olga.decide(pending, "approve").status == 200
    assert stage.person("raj.patel" + AF).follow(seen["id"])["status"] == "done"
    graph = [c for c in stage.calls(since) if c["service"] == "graph"]
    named = {stage.oid(who + AF) for who in ("raj.patel", "olga.brandt", "nadia.petrov")}
    assert graph
    assert {c["oid"] for c in graph} <= named
    assert all(c["delegated"] for c in graph), "no app-only call touches Microsoft 365"
    writes = [c for c in graph if c["method"] != "GET"]
    assert {c["oid"] for c in writes} == {stage.oid("olga.brandt" + AF)}, "the approver's own right"


async def test_what_is_in_the_audit_trail(world: World, stage: Stage) -> None:
    """Who asked, why it was permitted, whose hands, before and after, Microsoft's own id."""
    put_out(stage, "mira.kovac" + AF, "Budget 2027")
    mark = stage.mark()
    seen = asked(stage, "mira.kovac" + AF, "I can't get into the Budget 2027 SharePoint")
    assert seen["status"] == "done"
    trail = [r["body"] for r in stage.person("mira.kovac" + AF).trail(seen["id"])]
    assert [b["phase"] for b in trail] == [
        "request",
        "read",
        "decision",
        "intent",
        "outcome",
        "answer",
    ]
    intent, outcome = trail[3], trail[4]
    layers = intent["decision"]["layers"]
    assert [one["layer"] for one in layers] == [
        "global",
        "tenant",
        "target",
        "department",
        "action",
        "runtime",
    ]
    assert all(one["permitted_by"] for one in layers), "every layer names the rule that permitted"
    assert intent["decision"]["snapshot"]["id"]
    assert intent["actor"] == stage.oid("mira.kovac" + AF)
    assert intent["acted_as"]["person"] == stage.oid("nadia.petrov" + AF)
    assert (outcome["before"], outcome["after"], outcome["outcome"]) == (False, True, "done")
    assert {s["lookup"] for s in trail[1]["reasoning"]} >= {"person", "resource", "history", "risk"}
    (change,) = [c for c in stage.changes(mark) if c["changed"]]
    assert outcome["graph"]["request_id"] == change["request_id"]
    assert outcome["graph"]["client_request_id"] == change["client_request_id"]
    assert verify_chain(await trail_of(world)) == []


async def test_every_change_of_the_tenant_has_an_earlier_intent(world: World, stage: Stage) -> None:
    """No intent record, no act: held against Microsoft's side, for all stories told so far."""
    intents = {
        (b["target"]["id"], b["action"]["arguments"]["user"], b["request"])
        for b in (r.body for r in await trail_of(world))
        if b["phase"] in ("intent", "compensate")
    }
    for change in stage.changes():
        if change["changed"] and change["tenant"] == world.facts["tenants"][0]["id"]:
            request = change["client_request_id"].replace("-", "")
            assert (change["target"]["id"], change["target"]["object"], request) in intents


def test_how_is_data_isolated_between_organisations(stage: Stage) -> None:
    """Another organisation's people see nothing, decide nothing, and learn nothing."""
    seen = asked(stage, "sean.obrien" + AF, "I need access to the Finance SharePoint")
    stranger = stage.person("astrid.nygaard" + BOREALIS)
    assert stranger.call("GET", f"/requests/{seen['id']}").status == 404
    assert stranger.call("GET", f"/audit?request={seen['id']}").status == 404
    assert stranger.waiting() == []
    olga = stage.person("olga.brandt" + AF)
    pending = olga.pending(seen["id"])
    assert stranger.decide(pending, "approve").status == 404
    assert olga.decide(pending, "reject").status == 200
    assert stage.person("sean.obrien" + AF).follow(seen["id"])["status"] == "refused"


def test_a_namesake_elsewhere_gets_only_what_is_theirs(world: World, stage: Stage) -> None:
    """Freya Holm works at both; `Finance` exists at both. Each meets their own."""
    borealis = world.facts["tenants"][1]["id"]
    mark = stage.mark()
    seen = asked(stage, "freya.holm" + BOREALIS, "I can't get into the Finance SharePoint")
    assert seen["status"] == "done"
    changed = [c for c in stage.changes(mark) if c["changed"]]
    assert {c["tenant"] for c in changed} == {borealis}
    assert seen["steps"][0]["target"]["id"] == stage.group("Finance", borealis)["id"]


@pytest.mark.parametrize("number", [0, 1])
async def test_each_organisations_trail_stands_by_itself(world: World, number: int) -> None:
    """Two chains, each gapless from one, neither naming the other's people."""
    mine, other = await trail_of(world, number), await trail_of(world, 1 - number)
    assert verify_chain(mine) == []
    actors = {r.body.get("actor") for r in mine} & {r.body.get("actor") for r in other}
    assert actors <= {None}


def test_a_site_that_one_may_not_even_see_is_still_found_by_its_group(stage: Stage) -> None:
    """SharePoint hides closed sites from those who are no members: the very people who ask."""
    put_out(stage, "oscar.lind" + AF, "Budget 2027")
    stage.tune("settings", {"site_trimming": True})
    try:
        seen = asked(stage, "oscar.lind" + AF, "I can't get into the Budget 2027 SharePoint")
    finally:
        stage.tune("settings", {"site_trimming": False})
    assert seen["status"] == "done"
    assert stage.is_member("oscar.lind" + AF, "Budget 2027")
