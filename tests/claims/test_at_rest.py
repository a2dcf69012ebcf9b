"""What stays when a request has ended: its record, sealed; no sign-in, no history."""

import time

import pytest

from agent.adapters.tables import open_account
from local.stage import Stage, http
from local.up import World

pytestmark = pytest.mark.stack
AF = "@alderfinch.example"


async def test_a_finished_history_is_purged_and_the_request_is_still_told(
    world: World, stage: Stage
) -> None:
    person = stage.person("emma.dubois" + AF)
    request = person.ask("hello")
    assert person.follow(request)["status"] == "done"
    key = (world.data / "host.key").read_text("ascii")
    tenant = world.facts["tenants"][0]["id"]
    run = f"{world.facts['functions']}/runtime/webhooks/durabletask/instances/{tenant}.{request}"
    assert http("GET", f"{run}?code={key}").body["runtimeStatus"] == "Completed"
    stage.advance(24 * 3600 + 60)
    due = f"{world.facts['functions']}/admin/functions/purge_histories?code={key}"
    assert http("POST", due, {}).status == 202
    for _ in range(50):
        if http("GET", f"{run}?code={key}").status == 404:
            break
        time.sleep(0.1)
    assert http("GET", f"{run}?code={key}").status == 404
    assert person.see(request)["status"] == "done"


async def test_no_sign_in_outlives_its_request(world: World, stage: Stage) -> None:
    """The requester's and the approver's tokens are forgotten, the votes are not."""
    person, olga = stage.person("amira.haddad" + AF), stage.person("olga.brandt" + AF)
    request = person.ask("I need access to the Finance SharePoint")
    person.follow(request, until=("waiting_for_approval",))
    pending = olga.pending(request)
    assert olga.decide(pending, "reject").status == 200
    assert person.follow(request)["status"] == "refused"
    at = world.facts["tables"][world.facts["tenants"][0]["id"]]
    account = open_account(at["endpoint"], None, at["key"])
    try:
        asked = await account.rows("Requests").get(request, "request") or {}
        votes = await account.rows("Approvals").query(request, between=("vote|", "vote|~"))
    finally:
        await account.close()
    assert asked["assertion_parts"] == 0
    assert asked["assertion0"] == b""
    assert [(v["assertion_parts"], v["assertion0"]) for v in votes] == [(0, b"")]
    assert len(person.see(request)["approvals"][0]["votes"]) == 1
