"""What a write changes, when it is seen, and what the logs say of it."""

from typing import Any

import pytest

WRITE = ["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.Read.All"]
WRITE += ["User.Read.All", "User.ReadWrite.All", "AuditLog.Read.All"]


async def _olga(scene: Any) -> str:
    return str(await scene.token("olga.brandt", scopes=WRITE))


async def test_a_member_is_added_read_back_and_removed(scene: Any) -> None:
    token, group, freya = await _olga(scene), scene.group("Finance"), scene.person("freya.holm")
    assert (await scene.add(token, group, freya)).status_code == 204
    members = (await scene.graph(token, f"/groups/{group}/members")).json()["value"]
    assert freya in [member["id"] for member in members]
    again = await scene.add(token, group, freya.upper())
    assert again.status_code == 400
    assert "references already exist" in again.json()["error"]["message"]
    path = f"/groups/{group}/members/{freya}/$ref"
    assert (await scene.graph(token, path, "DELETE")).status_code == 204
    assert (await scene.graph(token, path, "DELETE")).status_code == 404
    assert not scene.is_member("freya.holm", "Finance")


@pytest.mark.parametrize(
    ("who", "group", "person", "message"),
    [
        ("george.adler", "All Employees", "ea-heron", "determined by a rule"),
        ("george.adler", "Warehouse Staff", "ian.moss", "on-premises mastered"),
        ("george.adler", "Announcements", "ian.moss", "mail-enabled"),
        ("george.adler", "Finance", "group:Sales", "Nesting"),
        ("george.adler", "IT Admins", "group:Sales", "Nesting"),
    ],
)
async def test_some_groups_cannot_be_written(
    scene: Any, who: str, group: str, person: str, message: str
) -> None:
    token = await scene.token(who, scopes=WRITE)
    name = person.removeprefix("group:")
    member = scene.person(name) if name == person else scene.group(name)
    answer = await scene.add(token, scene.group(group), member)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert (await scene.world("GET", "/changes")).json() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ([], 400),
        ({"@odata.id": 7}, 400),
        ({"@odata.id": "https://x/v1.0/devices/abc"}, 400),
        ({"@odata.id": "https://x/v1.0/users/abc?x=1/y"}, 400),
        ({"@odata.id": "https://x/v1.0/users/00000000-0000-4000-8000-000000000000"}, 404),
    ],
)
async def test_a_reference_must_point_at_somebody(scene: Any, body: Any, status: int) -> None:
    path = f"/groups/{scene.group('Finance')}/members/$ref"
    answer = await scene.graph(await _olga(scene), path, "POST", body)
    assert answer.status_code == status, answer.text


async def test_the_last_owner_stays(scene: Any) -> None:
    token, group = await _olga(scene), scene.group("Finance")
    path = f"/groups/{group}/owners/{scene.person('olga.brandt')}/$ref"
    assert (await scene.graph(token, path, "DELETE")).status_code == 400
    body = {"@odata.id": f"https://x/v1.0/users/{scene.person('mira.kovac')}"}
    added = await scene.graph(token, f"/groups/{group}/owners/$ref", "POST", body)
    assert added.status_code == 204
    assert (await scene.graph(token, path, "DELETE")).status_code == 204
    assert (await scene.add(token, group, scene.person("freya.holm"))).status_code == 403


async def test_a_change_is_journalled_with_before_and_after(scene: Any) -> None:
    token, group, freya = await _olga(scene), scene.group("Finance"), scene.person("freya.holm")
    await scene.add(token, group, freya, client_request_id="c0ffee")
    patched = {"description": "New"}
    await scene.graph(token, f"/groups/{group}", "PATCH", patched)
    await scene.graph(token, f"/groups/{group}", "PATCH", patched)
    first, second, third = (await scene.world("GET", "/changes")).json()
    assert first["oid"] == scene.person("olga.brandt")
    assert (first["delegated"], first["app_id"]) == (True, scene.app_id)
    assert first["scopes"] == sorted(WRITE)
    assert (first["method"], first["path"]) == ("POST", f"/groups/{group}/members/$ref")
    assert first["target"] == {
        "type": "group",
        "id": group,
        "relation": "members",
        "object": freya,
    }
    assert (first["before"], first["after"]) == ({"member": False}, {"member": True})
    assert (first["client_request_id"], first["changed"]) == ("c0ffee", True)
    assert second["after"] == patched
    assert third["changed"] is False
    since = (await scene.world("GET", "/changes", since=str(first["seq"]))).json()
    assert [entry["seq"] for entry in since] == [second["seq"], third["seq"]]


async def test_the_directory_log_shows_a_change_only_after_its_delay(scene: Any) -> None:
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    await scene.add(await _olga(scene), group, freya)
    newest = "/auditLogs/directoryAudits?$top=1"

    async def latest() -> dict[str, Any]:
        token = await scene.token("nadia.petrov")
        entry: dict[str, Any] = (await scene.graph(token, newest)).json()["value"][0]
        return entry

    assert (await latest())["targetResources"][0]["displayName"] != "Freya Holm"
    await scene.world("POST", "/clock", {"advance_seconds": 121})
    entry = await latest()
    assert entry["activityDisplayName"] == "Add member to group"
    assert [target["id"] for target in entry["targetResources"]] == [freya, group]
    assert entry["initiatedBy"]["user"]["id"] == scene.person("olga.brandt")
    assert entry["initiatedBy"]["app"]["appId"] == scene.app_id
    changed = entry["targetResources"][0]["modifiedProperties"]
    assert {"displayName": "Group.ObjectID", "oldValue": None, "newValue": f'"{group}"'} in changed


async def test_the_delay_of_the_log_can_be_set(scene: Any) -> None:
    await scene.world("POST", "/delays", {"audit_seconds": 0})
    await scene.add(await _olga(scene), scene.group("Finance"), scene.person("freya.holm"))
    token = await scene.token("nadia.petrov")
    found = (await scene.graph(token, "/auditLogs/directoryAudits?$top=1")).json()["value"]
    assert found[0]["targetResources"][0]["displayName"] == "Freya Holm"


async def test_reads_by_id_may_miss_a_fresh_write(scene: Any) -> None:
    await scene.world("POST", "/delays", {"replication_reads": 2})
    token, group, freya = await _olga(scene), scene.group("Finance"), scene.person("freya.holm")
    await scene.add(token, group, freya)
    seen: list[bool] = []
    for _ in range(4):
        members = (await scene.graph(token, f"/groups/{group}/members")).json()["value"]
        seen.append(freya in [member["id"] for member in members])
    assert seen == [False, False, True, True]
    edge = f"/groups/{group}/members/{freya}/$ref"
    await scene.graph(token, edge, "DELETE")
    assert [(await scene.graph(token, edge)).status_code for _ in range(3)] == [200, 200, 404]
    await scene.add(token, group, freya)
    asked = {"groupIds": [group]}
    path = f"/users/{freya}/checkMemberGroups"
    held = [(await scene.graph(token, path, "POST", asked)).json()["value"] for _ in range(3)]
    assert held == [[], [], [group]]


async def test_the_index_lags_behind_and_then_catches_up(scene: Any) -> None:
    token, group, freya = await _olga(scene), scene.group("Finance"), scene.person("freya.holm")
    path = f"/groups/{group}/members?$count=true"

    async def count() -> int:
        answer = await scene.graph(token, path, ConsistencyLevel="eventual")
        return int(answer.json()["@odata.count"])

    before = await count()
    await scene.add(token, group, freya)
    assert await count() == before
    await scene.world("POST", "/clock", {"advance_seconds": 6})
    assert await count() == before + 1


async def test_an_account_is_closed_and_both_entries_are_logged(scene: Any) -> None:
    await scene.world("POST", "/delays", {"audit_seconds": 0})
    token = await scene.token("george.adler", scopes=WRITE)
    sam = scene.person("sam.okoro")
    body = {"accountEnabled": False, "jobTitle": None}
    assert (await scene.graph(token, f"/users/{sam}", "PATCH", body)).status_code == 204
    entries = (await scene.graph(token, "/auditLogs/directoryAudits?$top=2")).json()["value"]
    names = {entry["activityDisplayName"] for entry in entries}
    assert names == {"Update user", "Disable account"}


@pytest.mark.parametrize(
    ("who", "target", "body"),
    [
        ("george.adler", "sam.okoro", {"nickname": "x"}),
        ("george.adler", "sam.okoro", {"jobTitle": 7}),
        ("george.adler", "sam.okoro", {"userPrincipalName": "ian.moss@alderfinch.example"}),
        ("george.adler", "rosa.marin", {"jobTitle": "x"}),
    ],
)
async def test_a_person_is_not_patched_with_nonsense(
    scene: Any, who: str, target: str, body: dict[str, Any]
) -> None:
    token = await scene.token(who, scopes=WRITE)
    answer = await scene.graph(token, f"/users/{scene.person(target)}", "PATCH", body)
    assert answer.status_code == 400, answer.text


async def test_a_password_leaves_no_trace(scene: Any) -> None:
    scopes = [*WRITE, "Directory.AccessAsUser.All"]
    token = await scene.token("george.adler", scopes=scopes)
    body = {"passwordProfile": {"password": "correct horse battery"}}
    path = f"/users/{scene.person('sam.okoro')}"
    assert (await scene.graph(token, path, "PATCH", body)).status_code == 204
    kept = str(scene.cloud.journal.dump()) + str(scene.tenant())
    assert "correct horse" not in kept
    changed = (await scene.world("GET", "/changes")).json()[0]
    assert list(changed["after"]) == ["lastPasswordChangeDateTime"]


async def test_headers_and_errors_carry_the_request_ids(scene: Any) -> None:
    token = await scene.token("ian.moss")
    answer = await scene.graph(token, "/users/none", client_request_id="abc")
    assert answer.headers["client-request-id"] == "abc"
    inner = answer.json()["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == "abc"
    assert (await scene.graph(token, "/users")).headers["x-ms-resource-unit"] == "2"
    cheap = await scene.graph(token, "/users?$select=id&$top=5")
    assert cheap.headers["x-ms-resource-unit"] == "1"
