"""What the stage manager shows and plants, and what reset brings back."""

from typing import Any

import pytest


async def test_the_cast_is_as_told(scene: Any) -> None:
    people = {p["upn"]: p for p in (await scene.world("GET", "/people")).json()}
    nadia = people[scene.upn("nadia.petrov")]
    assert nadia["roles"] == ["Groups Administrator", "Reports Reader", "Security Reader"]
    assert people[scene.upn("freya.holm")]["department"] == "Finance"
    assert not people[scene.upn("tom.reyes")]["enabled"]
    assert len({p["oid"] for p in people.values()}) == len(people) == 39
    others = (await scene.world("GET", "/people", tenant="borealis.example")).json()
    assert len(others) == 12
    assert not {p["oid"] for p in others} & {p["oid"] for p in people.values()}


@pytest.mark.parametrize("number", [0, 1])
async def test_every_unified_group_has_a_site_and_every_relation_an_end(
    scene: Any, number: int
) -> None:
    directory = scene.tenant(number).directory
    unified = {oid for oid, g in directory.groups.items() if "Unified" in g["groupTypes"]}
    assert set(directory.group_sites) == unified
    assert set(directory.group_sites.values()) == set(directory.sites)
    for holding in (*directory.members.values(), *directory.owners.values()):
        assert all(directory.object(oid) for oid in holding)


async def test_an_object_is_planted_changed_and_removed(scene: Any) -> None:
    oid, path = "0f0f0f0f-1111-4222-8333-444444444444", "/objects/users/"
    body = {"displayName": "New Person", "userPrincipalName": scene.upn("new.person")}
    planted = await scene.world("PUT", path + oid, body | {"manager": scene.upn("olga.brandt")})
    assert planted.json()["manager"] == scene.person("olga.brandt")
    group = f"/objects/groups/{scene.group('Sales')}"
    members = (await scene.world("GET", group)).json()["members"]
    await scene.world("PATCH", group, {"members": [*members, oid]})
    token = await scene.token("new.person")
    held = (await scene.graph(token, "/me/memberOf/graph.group")).json()["value"]
    assert [item["displayName"] for item in held] == ["Sales"]
    await scene.world("PATCH", path + oid, {"department": "Sales"})
    shown = (await scene.world("GET", path + scene.upn("new.person"))).json()
    assert (shown["department"], shown["displayName"]) == ("Sales", "New Person")
    assert (await scene.world("DELETE", path + oid)).status_code == 204
    assert oid not in (await scene.world("GET", group)).json()["members"]
    assert (await scene.world("GET", "/changes")).json() == []


async def test_risk_roles_and_logs_can_be_planted(scene: Any) -> None:
    freya = scene.upn("freya.holm")
    risk = {"riskLevel": "high", "riskState": "atRisk"}
    await scene.world("PUT", f"/objects/risk/{freya}", risk)
    await scene.world("PUT", "/objects/roles/Global Reader", {"members": [freya]})
    token = await scene.token("freya.holm")
    path = f"/identityProtection/riskyUsers/{scene.person('freya.holm')}"
    assert (await scene.graph(token, path)).json()["riskLevel"] == "high"
    await scene.world("DELETE", f"/objects/risk/{freya}")
    assert (await scene.graph(token, path)).status_code == 404
    entry = {"createdDateTime": "2026-01-01T00:00:00Z", "userId": scene.person("freya.holm")}
    await scene.world("PUT", "/objects/signins/abc", entry)
    assert (await scene.graph(token, "/auditLogs/signIns/abc")).status_code == 200


async def test_a_planted_fact_is_seen_at_once_even_when_replicas_lag(scene: Any) -> None:
    await scene.world("POST", "/delays", {"replication_reads": 5, "index_seconds": 60})
    group = scene.group("Finance")
    await scene.world("PATCH", f"/objects/groups/{group}", {"members": []})
    token = await scene.token("ian.moss")
    assert (await scene.graph(token, f"/groups/{group}/members")).json()["value"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/objects/dragons", None, 404),
        ("GET", "/objects/users/nobody", None, 404),
        ("PATCH", "/objects/users/nobody", {"displayName": "x"}, 404),
        ("PUT", "/objects/users/x", {"displayName": "x"}, 400),
        ("PUT", "/objects/users/x", {"displayName": "x", "userPrincipalName": "x", "hat": 1}, 400),
        ("PUT", "/objects/groups/x", {"displayName": "x", "members": ["nobody"]}, 400),
        ("PUT", "/objects/roles/King", {"members": []}, 400),
        ("PUT", "/objects/risk/nobody", {"riskLevel": "high", "riskState": "atRisk"}, 400),
        ("PUT", "/objects/users/x", ["list"], 400),
        ("POST", "/clock", {"advance": 1}, 400),
        ("POST", "/delays", {"audit_minutes": 1}, 400),
        ("POST", "/token", {"upn": "nobody@alderfinch.example", "audience": "api"}, 404),
        ("POST", "/token", {"upn": "freya.holm@alderfinch.example", "audience": "moon"}, 400),
        ("GET", "/people?tenant=nowhere.example", None, 404),
        ("GET", "/calls?since=yesterday", None, 400),
    ],
)
async def test_what_is_not_understood_is_said(
    scene: Any, method: str, path: str, body: Any, status: int
) -> None:
    url = scene.cloud.world_url + path
    answer = await scene.client.request(method, url, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


async def test_calls_show_refused_ones_with_person_and_audience(scene: Any) -> None:
    await scene.graph(await scene.token("freya.holm", "api"), "/me")
    await scene.graph(await scene.token("freya.holm"), "/identityProtection/riskyUsers")
    await scene.client.get(f"{scene.cloud.graph_url}/me")
    first, second, third = (await scene.world("GET", "/calls")).json()
    assert (first["status"], first["audience"]) == (401, scene.app_id)
    assert (second["status"], second["upn"]) == (403, scene.upn("freya.holm"))
    assert (third["status"], third["oid"]) == (401, None)
    only = await scene.world("GET", "/calls", since=str(first["seq"]), tenant="borealis.example")
    assert only.json() == []


async def test_an_offline_sign_in_is_interactive_and_logged_by_microsoft(scene: Any) -> None:
    await scene.world("POST", "/delays", {"audit_seconds": 0})
    ask = {"upn": scene.upn("ian.moss"), "audience": "api", "offline": True}
    await scene.world("POST", "/token", ask)
    token = await scene.token("nadia.petrov")
    newest = (await scene.graph(token, "/auditLogs/signIns?$top=1")).json()["value"][0]
    assert newest["userId"] == scene.person("ian.moss")
    assert newest["appId"] == scene.app_id


async def test_the_clock_moves_tokens_and_tenant_together(scene: Any) -> None:
    token = await scene.token("ian.moss")
    before = (await scene.world("GET", "/clock")).json()
    assert before["offset_seconds"] == 0
    await scene.world("POST", "/clock", {"advance_seconds": 3599})
    assert (await scene.graph(token, "/me")).status_code == 200
    moved = (await scene.world("POST", "/clock", {"advance_seconds": 2})).json()
    assert moved["offset_seconds"] == 3601
    assert (await scene.graph(token, "/me")).status_code == 401


async def test_reset_brings_everything_back(scene: Any) -> None:
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    await scene.add(await scene.token("olga.brandt"), group, freya)
    await scene.world("POST", "/clock", {"advance_seconds": 100})
    await scene.world("POST", "/delays", {"audit_seconds": 0})
    await scene.fault("503")
    ask = {"upn": scene.upn("nadia.petrov"), "audience": "api", "offline": True}
    handed_out = (await scene.world("POST", "/token", ask)).json()["refresh_token"]
    assert (await scene.world("POST", "/reset")).status_code == 200
    assert not scene.is_member("freya.holm", "Finance")
    for path in ("/faults", "/changes", "/calls"):
        assert (await scene.world("GET", path)).json() == []
    assert (await scene.world("GET", "/clock")).json()["offset_seconds"] == 0
    assert (await scene.world("GET", "/settings")).json()["audit_seconds"] == 120
    again = await scene.form(
        scene.tenant().id,
        grant_type="refresh_token",
        refresh_token=handed_out,
        scope="https://graph.microsoft.com/.default",
    )
    assert again.status_code == 200


async def test_answers_are_never_cached(scene: Any) -> None:
    assert (await scene.world("GET", "/people")).headers["Cache-Control"] == "no-store"
