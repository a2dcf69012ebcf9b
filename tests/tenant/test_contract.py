"""The tenant's answers have the shapes that Microsoft publishes.

The official description is not part of this repository; where it is absent the tests say so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

SPEC = Path(__file__).parents[3] / "shared" / "graph" / "openapi-subset.yaml"
HOST = "https://graph.microsoft.com"
EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture(scope="module")
def description() -> OpenAPI:
    """Microsoft's description of the operations, server included."""
    if not SPEC.exists():
        pytest.skip(f"expected the official description at {SPEC.name}, saw none")
    loaded = yaml.load(SPEC.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return OpenAPI.from_dict(loaded)


READS = [
    "/me",
    "/me/manager",
    "/me/memberOf",
    "/me/transitiveMemberOf",
    "/me/ownedObjects",
    "/me/licenseDetails",
    "/users?$top=3",
    "/users/{olga.brandt}",
    "/users/{freya.holm}/manager",
    "/users/{olga.brandt}/directReports",
    "/users/{olga.brandt}/memberOf",
    "/users/{olga.brandt}/memberOf/graph.group",
    "/users/{george.adler}/memberOf/graph.directoryRole",
    "/users/{olga.brandt}/transitiveMemberOf",
    "/users/{olga.brandt}/ownedObjects",
    "/users/{olga.brandt}/licenseDetails",
    "/groups?$top=3",
    "/groups/{Finance}",
    "/groups/{Finance}/owners",
    "/groups/{Finance}/members",
    "/groups/{Finance Systems Access}/transitiveMembers",
    "/groups/{Finance}/memberOf",
    "/groups/{Finance}/sites/root",
    "/sites?search=finance",
    "/directoryRoles",
    "/roleManagement/directory/roleAssignments",
    "/subscribedSkus",
    "/organization",
    "/identityProtection/riskyUsers",
    "/identityProtection/riskyUsers/{felix.wagner}",
    "/auditLogs/signIns",
    "/auditLogs/directoryAudits",
    "/users/nobody",
    "/groups?$filter=oops",
]


@pytest.mark.parametrize("path", READS)
async def test_a_read_fits_the_description(scene: Any, description: OpenAPI, path: str) -> None:
    await _check(scene, description, "nadia.petrov", "GET", _filled(scene, path))


async def test_writes_and_refusals_fit_the_description(scene: Any, description: OpenAPI) -> None:
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    members = f"/groups/{group}/members"
    body = {"@odata.id": f"{HOST}/v1.0/directoryObjects/{freya}"}
    for who in ("ian.moss", "nadia.petrov", "nadia.petrov"):
        await _check(scene, description, who, "POST", f"{members}/$ref", body)
    await _check(scene, description, "nadia.petrov", "DELETE", f"{members}/{freya}/$ref")
    checked = {"groupIds": [group]}
    path = f"/users/{freya}/checkMemberGroups"
    await _check(scene, description, "nadia.petrov", "POST", path, checked)
    items = {"requests": [{"id": "1", "method": "GET", "url": "/me"}]}
    await _check(scene, description, "nadia.petrov", "POST", "/$batch", items)
    await _check(
        scene, description, "george.adler", "PATCH", f"/groups/{group}", {"description": "x"}
    )


async def test_a_logged_change_fits_the_description(scene: Any, description: OpenAPI) -> None:
    await scene.world("POST", "/delays", {"audit_seconds": 0})
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    await scene.add(await scene.token("nadia.petrov"), group, freya)
    await _check(scene, description, "nadia.petrov", "GET", "/auditLogs/directoryAudits?$top=1")


async def _check(
    scene: Any, description: OpenAPI, who: str, method: str, path: str, body: Any = None
) -> None:
    answer = await scene.graph(await scene.token(who, scopes=_SCOPES), path, method, body)
    bare, _, query = path.partition("?")
    request = MockRequest(
        HOST, method, f"/v1.0{bare}", args=dict(parse_qsl(query)), content_type="application/json"
    )
    description.validate_response(request, _as_mock(answer))


def _as_mock(answer: httpx.Response) -> MockResponse:
    headers: Mapping[str, str] = dict(answer.headers)
    kind = "application/json"
    return MockResponse(answer.content, answer.status_code, headers=headers, content_type=kind)


def _filled(scene: Any, path: str) -> str:
    for part in path.split("/"):
        if part.startswith("{"):
            name = part[1:-1]
            path = path.replace(
                part, scene.group(name) if name[0].isupper() else scene.person(name)
            )
    return path


_SCOPES = [
    "User.Read",
    "User.Read.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "Sites.Read.All",
    "AuditLog.Read.All",
    "IdentityRiskyUser.Read.All",
    "RoleManagement.Read.Directory",
    "Directory.Read.All",
]
