"""Bad input, at every call of the API: a 4xx of CONTRACT with a sentence, and nothing else happens.

After each of these calls the tenant is unchanged, no run was started, and the trail holds exactly
one more record of the identified person who called.
"""

from typing import Any

import pytest

from agent.channels.bodies import LARGEST
from local.stage import http
from tests.api.bench import (
    CALLS,
    GOOD,
    GROUP,
    OF_ONE,
    OTHER,
    TAKES_A_BODY,
    VOTE,
    Bench,
    check,
    refused,
)

pytestmark = pytest.mark.stack

ODD_IDS = (
    "x",
    "0" * 31,
    "0" * 33,
    "A" * 32,
    "%00",
    "..%2f..",
    "0" * 31 + "%20",
    "%F0%9F%92%A5",
    "'",
    "a" * 500,
)


@pytest.mark.parametrize("call", OF_ONE)
async def test_an_id_that_is_none_is_a_4xx(bench: Bench, call: str) -> None:
    for odd in ODD_IDS:
        reply = bench.send(call, GOOD.get(call), request=odd)
        assert reply.status == (400 if call == "show_audit" else 404), (odd, reply)
        if call == "show_audit":
            check(reply, 400, "malformed")


async def test_the_audit_wants_to_know_of_which_request(bench: Bench) -> None:
    url = f"{bench.world.facts['functions']}/api/v1/audit"
    check(http("GET", url, None, {"authorization": bench.tokens["mine"]}), 400, "malformed")


RAW: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "malformed"),
    "binary": (bytes(range(256)), 400, "malformed"),
    "not an object": (b"[]", 400, "malformed"),
    "cut short": (b'{"text": "I can', 400, "malformed"),
    "a key twice": (b'{"text": "a", "text": "b"}', 400, "malformed"),
    "too large": (b'{"text": "' + b"a" * (LARGEST + 5_000) + b'"}', 413, "too_large"),
    "nested without end": (b'{"text":' * 5_000 + b"1" + b"}" * 5_000, 400, "malformed"),
}


@pytest.mark.parametrize("raw", RAW)
@pytest.mark.parametrize("call", TAKES_A_BODY)
async def test_a_body_that_is_none(bench: Bench, call: str, raw: str) -> None:
    body, status, code = RAW[raw]
    await refused(bench, status, code, call, body=body, request=bench.mine)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""]
)
@pytest.mark.parametrize("call", TAKES_A_BODY)
async def test_a_body_of_another_type(bench: Bench, call: str, kind: str) -> None:
    sent = {"content-type": kind}
    body = GOOD[call]
    await refused(
        bench, 415, "unsupported_media_type", call, body=body, request=bench.mine, headers=sent
    )


ADD = {"user": "3bada4c5-93a8-4b0d-99b6-a4464402b985", "group": GROUP}
WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("create_request", {}, 400, "malformed"),
    ("create_request", {"text": ""}, 400, "malformed"),
    ("create_request", {"text": " \n\t "}, 400, "malformed"),
    ("create_request", {"text": 42}, 400, "malformed"),
    ("create_request", {"text": None}, 400, "malformed"),
    ("create_request", {"text": ["Finance"]}, 400, "malformed"),
    ("create_request", {"text": "a\x00b"}, 400, "malformed"),
    ("create_request", {"text": "\ud800"}, 400, "malformed"),
    ("create_request", {"text": "a" * 4_001}, 400, "malformed"),
    ("create_request", {"text": "hello", "justification": "j" * 1_001}, 400, "malformed"),
    ("create_request", {"text": "hello", "requester": ADD["user"]}, 400, "malformed"),
    ("create_request", {"text": "hello", "tid": GROUP}, 400, "malformed"),
    ("create_request", {"text": "hello", "arguments": ADD}, 400, "malformed"),
    (
        "create_request",
        {"text": "x", "action": "group.member.add", "arguments": ADD},
        400,
        "malformed",
    ),
    ("create_request", {"action": "group.delete", "arguments": {}}, 422, "unknown_action"),
    ("create_request", {"action": "a" * 100}, 422, "unknown_action"),
    ("create_request", {"action": "__class__", "arguments": {}}, 422, "unknown_action"),
    ("create_request", {"action": "group.member.add"}, 422, "bad_arguments"),
    ("create_request", {"action": "group.member.add", "arguments": {}}, 422, "bad_arguments"),
    (
        "create_request",
        {"action": "group.member.add", "arguments": {**ADD, "user": "freya"}},
        422,
        "bad_arguments",
    ),
    (
        "create_request",
        {"action": "group.member.add", "arguments": {**ADD, "as": "sponsor"}},
        422,
        "bad_arguments",
    ),
    (
        "create_request",
        {"action": "group.member.add", "arguments": {**ADD, "group": "../users"}},
        422,
        "bad_arguments",
    ),
    (
        "create_request",
        {"action": "group.member.add", "arguments": {**ADD, "user": 1}},
        400,
        "malformed",
    ),
    ("create_request", {"action": ["group.member.add"]}, 400, "malformed"),
    ("reply_to_request", {}, 400, "malformed"),
    ("reply_to_request", {"text": ""}, 400, "malformed"),
    ("reply_to_request", {"text": {"name": "Finance"}}, 400, "malformed"),
    ("reply_to_request", {"text": "a" * 4_001}, 400, "malformed"),
    ("reply_to_request", {"text": "Finance", "number": 1}, 400, "malformed"),
    ("reply_to_request", {"text": "Finance"}, 409, "nothing_asked"),
    ("decide_approval", {}, 400, "malformed"),
    ("decide_approval", {**VOTE, "step": "1"}, 400, "malformed"),
    ("decide_approval", {**VOTE, "digest": "short"}, 400, "malformed"),
    ("decide_approval", {**VOTE, "decision": "maybe"}, 400, "malformed"),
    ("decide_approval", {**VOTE, "comment": ""}, 400, "malformed"),
    ("decide_approval", {**VOTE, "approver": ADD["user"]}, 400, "malformed"),
    ("decide_approval", {**VOTE, "step": "s9"}, 404, "not_found"),
]


@pytest.mark.parametrize(
    ("call", "body", "status", "code"),
    WRONG,
    ids=[f"{n}-{call}-{code}" for n, (call, _, _, code) in enumerate(WRONG)],
)
async def test_a_body_that_says_what_cannot_be(
    bench: Bench, call: str, body: dict[str, Any], status: int, code: str
) -> None:
    await refused(bench, status, code, call, body=body, request=bench.mine)


@pytest.mark.parametrize("key", ["", "a b", "a" * 201, "caf\u00e9", "a\tb"])
async def test_an_idempotency_key_that_is_none(bench: Bench, key: str) -> None:
    sent = {"idempotency-key": key}
    await refused(
        bench, 400, "malformed", "create_request", body=GOOD["create_request"], headers=sent
    )


async def test_a_key_stands_for_one_body_and_one_person(bench: Bench) -> None:
    """The same key again is the same request; with another body it is a conflict, and no run."""
    person = bench.stage.person(OTHER)
    key = {"idempotency-key": "one-key"}
    first = person.call("POST", "/requests", {"text": "hello"}, key)
    again = person.call("POST", "/requests", {"text": "hello"}, key)
    assert (first.status, again.status) == (202, 202)
    assert first.body["id"] == again.body["id"]
    person.follow(first.body["id"])
    bench.ran = sorted(bench.management.instances())
    check(person.call("POST", "/requests", {"text": "thanks"}, key), 409, "conflict")
    action = {"action": "group.member.add", "arguments": ADD}
    check(person.call("POST", "/requests", action, key), 409, "conflict")
    assert sorted(bench.management.instances()) == bench.ran
    records = [r.body for r in await bench.trail.new() if r.body.get("outcome") == "refused"]
    assert [r["detail"]["code"] for r in records] == ["conflict", "conflict"]


@pytest.mark.parametrize("call", CALLS)
async def test_another_method_is_not_there(bench: Bench, call: str) -> None:
    path = CALLS[call][1]
    served = {method for _, (method, other) in CALLS.items() if other == path}
    await bench.trail.new()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - served:
        reply = bench.send(call, GOOD.get(call), request=bench.mine, method=method)
        assert reply.status in (404, 405), (method, reply)
    assert await bench.trail.new() == []


async def test_health_says_whether_it_serves_and_nothing_else(bench: Bench) -> None:
    reply = http("GET", f"{bench.world.facts['functions']}/api/health")
    assert (reply.status, reply.body) == (200, {"status": "ready", "registry": "ok"})
