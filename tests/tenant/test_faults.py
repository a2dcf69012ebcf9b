"""Every planted fault: what the caller sees, and whether the tenant changed."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

WRITE = {"method": "POST", "path": r"/members/\$ref$"}


@pytest.fixture
async def adding(scene: Any) -> tuple[str, str, str]:
    """Olga's token, the Finance group, and Freya, who is about to join it."""
    return await scene.token("olga.brandt"), scene.group("Finance"), scene.person("freya.holm")


@pytest.mark.parametrize(
    ("kind", "seconds", "status", "retry_after", "joined"),
    [
        ("429", 7, 429, "7", False),
        ("429", None, 429, "5", False),
        ("503", 3, 503, "3", False),
        ("503", None, 503, None, False),
        ("403", None, 403, None, False),
        ("claims", None, 401, None, False),
        ("silent_204", None, 204, None, False),
        ("500_after_commit", None, 500, None, True),
    ],
)
async def test_a_fault_that_answers(
    scene: Any,
    adding: tuple[str, str, str],
    kind: str,
    seconds: float | None,
    status: int,
    retry_after: str | None,
    joined: bool,
) -> None:
    await scene.fault(kind, match=WRITE, seconds=seconds)
    answer = await scene.add(*adding)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert scene.is_member("freya.holm", "Finance") is joined
    calls = (await scene.world("GET", "/calls")).json()
    assert (calls[-1]["fault"], calls[-1]["status"]) == (kind, status)
    if not joined:
        assert (await scene.add(*adding)).status_code == 204


@pytest.mark.parametrize(
    ("kind", "joined"),
    [
        ("timeout_before", False),
        ("timeout_after_commit", True),
        ("disconnect_after_commit", True),
    ],
)
async def test_a_fault_that_never_answers(
    scene: Any, adding: tuple[str, str, str], kind: str, joined: bool
) -> None:
    await scene.fault(kind, match=WRITE, seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.add(*adding)
    assert scene.is_member("freya.holm", "Finance") is joined
    last = (await scene.world("GET", "/calls")).json()[-1]
    assert (last["status"], last["error"]) == (None, "dropped")
    changes = (await scene.world("GET", "/changes")).json()
    assert [change["changed"] for change in changes] == ([True] if joined else [])


async def test_a_hung_call_ends_when_the_caller_gives_up(
    scene: Any, adding: tuple[str, str, str]
) -> None:
    await scene.fault("timeout_after_commit", match=WRITE, seconds=60)
    scene.client.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await scene.add(*adding)
    scene.client.timeout = httpx.Timeout(10)
    assert scene.is_member("freya.holm", "Finance")
    await _until_holding(scene, 0)


held = pytest.mark.parametrize(
    ("kind", "committed"), [("hold_before", False), ("hold_after_commit", True)]
)


@held
async def test_a_held_call_waits_for_the_stage_manager(
    scene: Any, adding: tuple[str, str, str], kind: str, committed: bool
) -> None:
    await scene.fault(kind, match=WRITE)
    waiting = asyncio.create_task(scene.add(*adding))
    await _until_holding(scene, 1)
    assert scene.is_member("freya.holm", "Finance") is committed
    assert (await scene.world("GET", "/calls")).json()[-1]["status"] is None
    await scene.world("DELETE", "/faults")
    assert (await waiting).status_code == 204
    assert scene.is_member("freya.holm", "Finance")


@held
async def test_a_held_caller_that_dies_is_let_go(
    scene: Any, adding: tuple[str, str, str], kind: str, committed: bool
) -> None:
    await scene.fault(kind, match=WRITE)
    waiting = asyncio.create_task(scene.add(*adding))
    await _until_holding(scene, 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _until_holding(scene, 0)
    await scene.world("DELETE", "/faults")
    assert scene.is_member("freya.holm", "Finance") is committed


async def test_a_stale_read_shows_what_was_before_the_last_write(
    scene: Any, adding: tuple[str, str, str]
) -> None:
    token, group, freya = adding
    await scene.add(*adding)
    await scene.fault("stale_read", times=2, match={"method": "GET", "path": "/members$"})
    seen: list[bool] = []
    for _ in range(3):
        members = (await scene.graph(token, f"/groups/{group}/members")).json()["value"]
        seen.append(freya in [member["id"] for member in members])
    assert seen == [False, False, True]
    await scene.fault("stale_read", match={"path": r"/\$ref$"})
    edge = f"/groups/{group}/members/{freya}/$ref"
    assert [(await scene.graph(token, edge)).status_code for _ in range(2)] == [404, 200]


async def test_a_silent_204_is_journalled_as_no_change(
    scene: Any, adding: tuple[str, str, str]
) -> None:
    await scene.fault("silent_204", match=WRITE)
    await scene.add(*adding)
    change = (await scene.world("GET", "/changes")).json()[0]
    assert (change["changed"], change["after"]) == (False, {"member": False})


async def test_a_challenge_tells_the_client_what_to_ask_for(scene: Any) -> None:
    token = await scene.token("olga.brandt")
    await scene.fault("claims", match={"path": "^/me$"})
    answer = await scene.graph(token, "/me")
    header = answer.headers["WWW-Authenticate"]
    encoded = header.split('claims="')[1].rstrip('"')
    assert json.loads(base64.b64decode(encoded))["access_token"]["nbf"]["essential"] is True


async def test_a_fault_meets_only_its_method_path_actor_and_turn(scene: Any) -> None:
    olga, ian = await scene.token("olga.brandt"), await scene.token("ian.moss")
    match = {"method": "GET", "path": "^/me$", "actor": scene.upn("olga.brandt"), "nth": 2}
    await scene.fault("503", times=2, match=match)
    asked = [(olga, "/me"), (ian, "/me"), (olga, "/users"), (olga, "/me"), (olga, "/me")]
    asked += [(olga, "/me")]
    said = [(await scene.graph(token, path)).status_code for token, path in asked]
    assert said == [200, 200, 200, 503, 503, 200]
    view = (await scene.world("GET", "/faults")).json()[0]
    assert (view["seen"], view["fired"], view["holding"]) == (4, 2, 0)


async def test_an_actor_can_be_named_by_id(scene: Any) -> None:
    await scene.fault("503", match={"actor": scene.person("ian.moss")})
    assert (await scene.graph(await scene.token("olga.brandt"), "/me")).status_code == 200
    assert (await scene.graph(await scene.token("ian.moss"), "/me")).status_code == 503


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("429", 429, 90055), ("503", 503, 90033), ("claims", 400, 50076), ("403", 400, 65001)],
)
async def test_entra_has_faults_too(scene: Any, kind: str, status: int, code: int) -> None:
    match = {"path": "^/[^/]+/oauth2", "actor": scene.upn("olga.brandt")}
    await scene.fault(kind, match=match, seconds=2)
    answer = await _exchange(scene, "olga.brandt")
    assert (answer.status_code, answer.json()["error_codes"]) == (status, [code])
    assert ("claims" in answer.json()) is (kind == "claims")
    assert (await _exchange(scene, "olga.brandt")).status_code == 200


async def test_entra_can_drop_a_connection(scene: Any) -> None:
    await scene.fault("timeout_before", match={"path": "/oauth2/"}, seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        await _exchange(scene, "olga.brandt")


@pytest.mark.parametrize(
    "spec",
    [
        {"fault": "418"},
        {"fault": "429", "match": {"path": "("}},
        {"fault": "429", "match": {"nth": 0}},
        {"fault": "429", "times": 0},
        {"fault": "429", "matches": {}},
        {},
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(scene: Any, spec: dict[str, Any]) -> None:
    assert (await scene.world("POST", "/faults", [spec])).status_code == 400
    assert (await scene.world("GET", "/faults")).json() == []


async def test_latency_is_added_to_every_answer(scene: Any) -> None:
    await scene.world("POST", "/latency", {"graph_ms": 80})
    loop = asyncio.get_running_loop()
    token = await scene.token("ian.moss")
    began = loop.time()
    await scene.graph(token, "/me")
    assert loop.time() - began >= 0.08


async def test_limits_bite_only_when_they_are_switched_on(scene: Any) -> None:
    token = await scene.token("nadia.petrov")
    path = "/auditLogs/signIns"
    said = [(await scene.graph(token, path)).status_code for _ in range(8)]
    assert said == [200] * 8
    await scene.world("POST", "/settings", {"throttling": True})
    answers = [await scene.graph(token, path) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
    await scene.world("POST", "/clock", {"advance_seconds": 10})
    assert (await scene.graph(token, path)).status_code == 200


async def test_identity_protection_does_not_say_how_long_to_wait(scene: Any) -> None:
    await scene.world("POST", "/settings", {"throttling": True})
    token = await scene.token("nadia.petrov")
    answers = [await scene.graph(token, "/identityProtection/riskyUsers") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Retry-After" not in answers[1].headers


async def _exchange(scene: Any, who: str) -> httpx.Response:
    answer: httpx.Response = await scene.form(
        scene.tenant().id,
        grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
        requested_token_use="on_behalf_of",
        scope="https://graph.microsoft.com/.default",
        assertion=await scene.token(who, "api"),
    )
    return answer


async def _until_holding(scene: Any, count: int) -> None:
    async with asyncio.timeout(5):
        while [f["holding"] for f in (await scene.world("GET", "/faults")).json()] != [count]:
            await asyncio.sleep(0.01)
