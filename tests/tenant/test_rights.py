"""Scope and right together decide, and a refusal never says which of them was missing."""

from typing import Any

import pytest

READ_ALL = ["User.Read.All", "GroupMember.Read.All", "AuditLog.Read.All", "Sites.Read.All"]
READ_ALL += ["IdentityRiskyUser.Read.All", "RoleManagement.Read.Directory"]
WRITE = [*READ_ALL, "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "User.ReadWrite.All"]
EVERYTHING = [*WRITE, "Directory.AccessAsUser.All"]

# who, their scopes, method, path, body, status
TABLE: list[tuple[str, list[str], str, str, Any, int]] = [
    # default members read the directory; scopes decide what
    ("ian.moss", ["User.Read"], "GET", "/me", None, 200),
    ("ian.moss", ["User.Read"], "GET", "/users/{ian.moss}", None, 200),
    ("ian.moss", ["User.Read"], "GET", "/users/{olga.brandt}", None, 403),
    ("ian.moss", ["User.Read"], "GET", "/users", None, 403),
    ("ian.moss", READ_ALL, "GET", "/users", None, 200),
    ("ian.moss", READ_ALL, "GET", "/groups/{Finance}/members", None, 200),
    ("ian.moss", ["User.Read"], "GET", "/groups/{Finance}/members", None, 403),
    ("ian.moss", ["User.Read"], "GET", "/me/manager", None, 403),
    ("ian.moss", READ_ALL, "GET", "/directoryRoles", None, 200),
    ("ian.moss", READ_ALL, "GET", "/subscribedSkus", None, 403),
    ("ian.moss", ["Organization.Read.All"], "GET", "/subscribedSkus", None, 200),
    # risk and logs want a reader's role on top
    ("ian.moss", READ_ALL, "GET", "/identityProtection/riskyUsers", None, 403),
    ("nadia.petrov", READ_ALL, "GET", "/identityProtection/riskyUsers", None, 200),
    ("nadia.petrov", ["User.Read"], "GET", "/identityProtection/riskyUsers", None, 403),
    ("helen.cho", READ_ALL, "GET", "/auditLogs/directoryAudits", None, 403),
    ("nadia.petrov", READ_ALL, "GET", "/auditLogs/directoryAudits", None, 200),
    ("nadia.petrov", READ_ALL, "GET", "/auditLogs/signIns", None, 200),
    ("george.adler", READ_ALL, "GET", "/auditLogs/signIns", None, 200),
    ("nadia.petrov", ["Directory.Read.All"], "GET", "/auditLogs/signIns", None, 403),
    # a guest sees themselves and the groups they are in
    ("guest", READ_ALL, "GET", "/users", None, 403),
    ("guest", READ_ALL, "GET", "/users/{olga.brandt}", None, 403),
    ("guest", READ_ALL, "GET", "/users/{guest}", None, 200),
    ("guest", READ_ALL, "GET", "/groups/{Northlight Project}/members", None, 200),
    ("guest", READ_ALL, "GET", "/groups/{Finance}", None, 403),
    ("guest", READ_ALL, "GET", "/groups", None, 403),
    # members of a group: its owner, or a role; nobody for themselves
    ("freya.holm", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 403),
    ("ian.moss", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 403),
    ("olga.brandt", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 204),
    ("olga.brandt", READ_ALL, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 403),
    ("nadia.petrov", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 204),
    ("nadia.petrov", WRITE, "DELETE", "/groups/{Finance}/members/{felix.wagner}/$ref", None, 204),
    ("helen.cho", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 403),
    ("sara.lund", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 403),
    ("george.adler", WRITE, "POST", "/groups/{Finance}/members/$ref", "freya.holm", 204),
    # a role-assignable group obeys its owner, not a Groups Administrator
    ("nadia.petrov", WRITE, "POST", "/groups/{IT Admins}/members/$ref", "ian.moss", 403),
    ("viktor.nilsson", WRITE, "POST", "/groups/{IT Admins}/members/$ref", "ian.moss", 204),
    # owners and properties of a group
    ("olga.brandt", WRITE, "POST", "/groups/{Finance}/owners/$ref", "mira.kovac", 204),
    ("mira.kovac", WRITE, "POST", "/groups/{Finance}/owners/$ref", "mira.kovac", 403),
    ("olga.brandt", WRITE, "PATCH", "/groups/{Finance}", {"description": "x"}, 204),
    ("sam.okoro", WRITE, "PATCH", "/groups/{Finance}", {"description": "x"}, 403),
    # people: ordinary properties, sensitive ones, and administrators
    ("ian.moss", WRITE, "PATCH", "/users/{sam.okoro}", {"jobTitle": "x"}, 403),
    ("ian.moss", WRITE, "PATCH", "/users/{sam.okoro}", {}, 403),
    ("helen.cho", WRITE, "PATCH", "/users/{sam.okoro}", {"accountEnabled": False}, 403),
    ("george.adler", WRITE, "PATCH", "/users/{sam.okoro}", {"accountEnabled": False}, 204),
    ("george.adler", WRITE, "PATCH", "/users/{helen.cho}", {"accountEnabled": False}, 403),
    ("george.adler", EVERYTHING, "PATCH", "/users/{helen.cho}", {"accountEnabled": False}, 204),
    ("george.adler", WRITE, "PATCH", "/users/{sam.okoro}", {"passwordProfile": {}}, 403),
    ("george.adler", EVERYTHING, "PATCH", "/users/{sam.okoro}", {"passwordProfile": {}}, 204),
]


@pytest.mark.parametrize(("who", "scopes", "method", "path", "body", "status"), TABLE)
async def test_the_table_of_who_may_do_what(
    scene: Any, who: str, scopes: list[str], method: str, path: str, body: Any, status: int
) -> None:
    token = await scene.token(_named(who), scopes=scopes)
    if isinstance(body, str):
        body = {"@odata.id": f"https://x/v1.0/directoryObjects/{scene.person(body)}"}
    answer = await scene.graph(token, _filled(scene, path), method, body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("role", "property_name", "target", "status"),
    [
        ("User Administrator", "accountEnabled", "sam.okoro", 204),
        ("User Administrator", "accountEnabled", "helen.cho", 204),
        ("User Administrator", "accountEnabled", "viktor.nilsson", 403),  # owns IT Admins
        ("User Administrator", "accountEnabled", "ea-heron", 403),
        ("Helpdesk Administrator", "accountEnabled", "sam.okoro", 403),
        ("Privileged Authentication Administrator", "accountEnabled", "ea-heron", 204),
        ("Authentication Administrator", "accountEnabled", "helen.cho", 403),
    ],
)
async def test_sensitive_properties_follow_the_matrix(
    scene: Any, role: str, property_name: str, target: str, status: int
) -> None:
    planted = await scene.world(
        "PUT", f"/objects/roles/{role}", {"members": [scene.upn("ian.moss")]}
    )
    assert planted.status_code == 200, planted.text
    token = await scene.token("ian.moss", scopes=EVERYTHING)
    path = f"/users/{scene.person(target)}"
    answer = await scene.graph(token, path, "PATCH", {property_name: False})
    assert answer.status_code == status, answer.text


async def test_a_missing_scope_and_a_missing_right_get_the_same_403(scene: Any) -> None:
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    without_scope = await scene.add(
        await scene.token("olga.brandt", scopes=READ_ALL), group, freya, client_request_id="x"
    )
    without_right = await scene.add(
        await scene.token("ian.moss", scopes=WRITE), group, freya, client_request_id="x"
    )
    neither = await scene.add(
        await scene.token("ian.moss", scopes=READ_ALL), group, freya, client_request_id="x"
    )
    bodies = [answer.json()["error"] for answer in (without_scope, without_right, neither)]
    assert {answer.status_code for answer in (without_scope, without_right, neither)} == {403}
    for body in bodies:
        assert body.pop("innerError")["client-request-id"] == "x"
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "Authorization_RequestDenied"


async def test_a_token_keeps_its_roles_until_it_ends(scene: Any) -> None:
    token = await scene.token("nadia.petrov")
    for role in ("Groups Administrator", "Security Reader", "Reports Reader"):
        await scene.world("PATCH", f"/objects/roles/{role}", {"members": []})
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    assert (await scene.add(token, group, freya)).status_code == 204
    fresh = await scene.token("nadia.petrov")
    path = f"/groups/{group}/members/{freya}/$ref"
    assert (await scene.graph(fresh, path, "DELETE")).status_code == 403


async def test_a_role_held_through_a_group_is_in_the_token(scene: Any) -> None:
    people = (await scene.world("GET", "/people")).json()
    roles = {person["upn"]: person["roles"] for person in people}
    assert roles[scene.upn("paul.renard")] == ["Service Support Administrator"]


async def test_nobody_reads_another_organisation(scene: Any) -> None:
    astrid = await scene.token("astrid.nygaard@borealis.example")
    for path in (
        f"/users/{scene.person('freya.holm')}",
        f"/users/{scene.upn('freya.holm')}",
        f"/groups/{scene.group('Finance')}",
        f"/groups/{scene.group('Finance')}/sites/root",
        f"/sites/{next(iter(scene.tenant().directory.sites))}",
    ):
        assert (await scene.graph(astrid, path)).status_code == 404, path
    users = (await scene.graph(astrid, "/users")).json()["value"]
    assert {user["userPrincipalName"].split("@")[1] for user in users} == {"borealis.example"}
    foreign = await scene.add(astrid, scene.group("Finance", 1), scene.person("freya.holm"))
    assert foreign.status_code == 404


async def test_sharepoint_keeps_closed_sites_closed_when_trimming_is_on(scene: Any) -> None:
    token = await scene.token("freya.holm")
    path = f"/groups/{scene.group('Finance')}/sites/root"
    assert (await scene.graph(token, path)).status_code == 200
    await scene.world("POST", "/settings", {"site_trimming": True})
    assert (await scene.graph(token, path)).json()["error"]["code"] == "accessDenied"
    found = (await scene.graph(token, "/sites?search=*")).json()["value"]
    assert [site["displayName"] for site in found] == ["All Company"]
    olga = await scene.token("olga.brandt")
    assert (await scene.graph(olga, path)).status_code == 200


async def test_a_basic_scope_opens_only_basic_profiles(scene: Any) -> None:
    token = await scene.token("ian.moss", scopes=["User.ReadBasic.All"])
    path = f"/users/{scene.person('olga.brandt')}?$select=displayName,department"
    answer = (await scene.graph(token, path)).json()
    assert answer["displayName"] == "Olga Brandt"
    assert "department" not in answer


def _named(who: str) -> str:
    return "pia.lindqvist_northlight.example#EXT#" if who == "guest" else who


def _filled(scene: Any, path: str) -> str:
    for part in path.split("/"):
        if part.startswith("{"):
            name = part[1:-1]
            is_group = name[0].isupper()
            oid = scene.group(name) if is_group else scene.person(_named(name))
            path = path.replace(part, oid)
    return path
