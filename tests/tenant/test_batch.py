"""Twenty requests in one, each with a status of its own."""

from typing import Any

import pytest


async def _batch(scene: Any, who: str, *requests: dict[str, Any]) -> Any:
    token = await scene.token(who)
    answer = await scene.graph(token, "/$batch", "POST", {"requests": list(requests)})
    assert answer.status_code == 200, answer.text
    return {item["id"]: item for item in answer.json()["responses"]}


async def test_items_answer_for_themselves(scene: Any) -> None:
    said = await _batch(
        scene,
        "ian.moss",
        {"id": "a", "method": "GET", "url": "/me?$select=displayName"},
        {"id": "b", "method": "GET", "url": "/identityProtection/riskyUsers"},
        {"id": "c", "method": "GET", "url": f"{scene.cloud.graph_url}/users/nobody"},
    )
    assert {key: item["status"] for key, item in said.items()} == {"a": 200, "b": 403, "c": 404}
    assert said["a"]["body"]["displayName"] == "Ian Moss"
    assert said["b"]["headers"]["request-id"]
    calls = (await scene.world("GET", "/calls")).json()
    assert [call["batch"] for call in calls] == [True] * 3


async def test_a_failed_dependency_is_not_tried(scene: Any) -> None:
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{freya}"}
    add = {
        "id": "2",
        "method": "POST",
        "url": f"/groups/{group}/members/$ref",
        "headers": {"content-type": "application/json"},
        "body": body,
        "dependsOn": ["1"],
    }
    first = {"id": "1", "method": "GET", "url": "/users/nobody"}
    said = await _batch(scene, "olga.brandt", first, add)
    assert (said["1"]["status"], said["2"]["status"]) == (404, 424)
    assert not scene.is_member("freya.holm", "Finance")
    said = await _batch(scene, "olga.brandt", {**first, "url": "/me"}, add)
    assert said["2"]["status"] == 204
    assert scene.is_member("freya.holm", "Finance")


async def test_an_item_can_meet_a_fault_alone(scene: Any) -> None:
    await scene.fault("429", match={"path": "^/users$"}, seconds=4)
    said = await _batch(
        scene,
        "ian.moss",
        {"id": "1", "method": "GET", "url": "users"},
        {"id": "2", "method": "GET", "url": "groups"},
    )
    assert (said["1"]["status"], said["1"]["headers"]["Retry-After"]) == (429, "4")
    assert said["2"]["status"] == 200


@pytest.mark.parametrize(
    "requests",
    [
        [{"id": str(n), "method": "GET", "url": "/me"} for n in range(21)],
        [{"id": "a", "method": "GET", "url": "/me"}, {"id": "A", "method": "GET", "url": "/me"}],
        [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}],
        [{"id": "1", "method": "POST", "url": "/me/checkMemberGroups", "body": {}}],
        [{"id": "1", "method": "GET"}],
        "nonsense",
    ],
)
async def test_a_batch_that_makes_no_sense_is_refused_whole(scene: Any, requests: Any) -> None:
    token = await scene.token("ian.moss")
    answer = await scene.graph(token, "/$batch", "POST", {"requests": requests})
    assert answer.status_code == 400
    assert (await scene.world("GET", "/calls")).json() == []


async def test_a_batch_without_a_token_reaches_nothing(scene: Any) -> None:
    body = {"requests": [{"id": "1", "method": "GET", "url": "/me"}]}
    answer = await scene.client.post(f"{scene.cloud.graph_url}/$batch", json=body)
    assert answer.json()["responses"][0]["status"] == 401
