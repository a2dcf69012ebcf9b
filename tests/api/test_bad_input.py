"""Bad input, at every call of the API: a 4xx of CONTRACT with a sentence, and nothing else happens.

After each of these calls the tenant is unchanged, no run was started, and the trail holds exactly
one more record where an identified person sent something (a POST), none otherwise.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import open_account
from agent.boot import ROUTES
from agent.channels.bodies import LARGEST
from agent.records import AuditRecord
from local.stage import Reply, Stage, http
from local.up import World
from tests.histories.management import Management

pytestmark = pytest.mark.stack

ME, OTHER = "emma.dubois@alderfinch.example", "carla.mendes@alderfinch.example"
ABROAD = "lars.haugen@borealis.example"
NOBODYS = "0" * 32
GROUP = "549c08d2-25ab-4d56-b09a-36ff559bf277"
VOTE = {"step": "s1", "digest": "a" * 64, "decision": "approve"}
GOOD: dict[str, Any] = {
    "create_request": {"text": "I need access to the Finance site"},
    "reply_to_request": {"text": "Finance"},
    "decide_approval": VOTE,
}
CALLS = {name: (method, f"/api/{route}") for name, route, method in ROUTES}
OF_ONE = ("show_request", "reply_to_request", "decide_approval", "show_audit")
TAKES_A_BODY = tuple(GOOD)


class Trail:
    """The audit trail of the first organisation, read where it lies."""

    def __init__(self, table: AuditTable) -> None:
        self._table, self._seen = table, 0

    async def new(self) -> list[AuditRecord]:
        """What was written since this was asked last."""
        found: list[AuditRecord] = []
        while more := await self._table.read(self._seen + 1, 500):
            found += more
            self._seen = more[-1].seq
        return found


@dataclass
class Bench:
    """What each of these tests needs, put up once."""

    world: World
    stage: Stage
    trail: Trail
    management: Management
    tokens: dict[str, str]
    others: str  # a request that somebody else made, and that has ended
    mine: str
    ran: list[str] = field(default_factory=list)

    def send(
        self,
        call: str,
        body: object = None,
        request: str = NOBODYS,
        headers: Mapping[str, str] | None = None,
        token: str | None = "mine",  # noqa: S107
        method: str | None = None,
    ) -> Reply:
        usual, path = CALLS[call]
        where = path.replace("{id}", request)
        where += f"?request={request}" if call == "show_audit" else ""
        signed = {} if token is None else {"authorization": self.tokens.get(token, token)}
        url = f"{self.world.facts['functions']}{where}"
        return http(method or usual, url, body, {**signed, **(headers or {})})


@pytest.fixture(scope="module")
async def bench(world: World) -> AsyncIterator[Bench]:
    stage = Stage(world.facts)
    tid = world.facts["tenants"][0]["id"]
    at = world.facts["tables"][tid]
    account = open_account(at["endpoint"], None, at["key"])
    trail = Trail(
        AuditTable(*(account.rows(name) for name in ("Audit", "AuditIndex", "AuditInbox")))
    )
    mine = stage.token(ME)
    tokens = {
        "mine": f"Bearer {mine}",
        "for Graph": f"Bearer {stage.token(ME, 'graph')}",
        "for the bot": f"Bearer {stage.token(ME, 'bot-user')}",
        "expired": f"Bearer {stage.token(ME, lifetime_seconds=-3_600)}",
        "of an application": f"Bearer {stage.token(ME, claims={'idtyp': 'app'})}",
        "without our scope": f"Bearer {stage.token(ME, scopes=['User.Read'])}",
        "of a tenant nobody knows": f"Bearer {stage.token(ME, claims={'tid': GROUP})}",
        "in the name of another tenant": f"Bearer {stage.token(ABROAD, claims={'tid': tid})}",
        "cut short": f"Bearer {mine[:-20]}",
        "with another signature": f"Bearer {mine[:-8]}AAAAAAAA",
    }
    made = []
    for who in (OTHER, ME):
        person = stage.person(who)
        made.append(person.ask("hello"))
        person.follow(made[-1])
    bench = Bench(world, stage, trail, Management(world), tokens, *made)
    bench.ran = sorted(bench.management.instances())
    own = stage.person(ME).call("GET", "/requests").body["items"]
    yield bench
    assert sorted(bench.management.instances()) == bench.ran, "a run was started"
    assert stage.person(ME).call("GET", "/requests").body["items"] == own, "a request was kept"
    await account.close()


def check(reply: Reply, status: int, code: str) -> None:
    assert reply.status == status, reply
    error = reply.body["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code
    assert len(error["message"].split()) >= 3
    assert len(str(reply.body)) < 5_000


async def refused(bench: Bench, status: int, code: str, call: str, **sent: Any) -> Reply:
    """Send it, and hold everything that must hold of a call by an identified person."""
    mark = bench.stage.mark()
    await bench.trail.new()
    reply = bench.send(call, **sent)
    check(reply, status, code)
    assert bench.stage.changes(mark) == []
    written = await bench.trail.new()
    (record,) = written
    assert record.body["actor"] == bench.stage.oid(ME)
    assert record.body["outcome"] == "refused"
    assert record.body["detail"] == {"code": code}
    assert "request" not in record.body
    return reply


NOT_LET_IN = {
    "for Graph": (401, "wrong_audience"),
    "for the bot": (401, "wrong_audience"),
    "expired": (401, "expired"),
    "of an application": (403, "not_a_person"),
    "without our scope": (403, "scope_missing"),
    "of a tenant nobody knows": (401, "unknown_tenant"),
    "in the name of another tenant": (401, "wrong_issuer"),
    "cut short": (401, "bad_signature"),
    "with another signature": (401, "bad_signature"),
    "": (401, "no_token"),
    "Bearer": (401, "bad_header"),
    "Bearer garbage": (401, "bad_header"),
    "Bearer a.b.c": (401, "bad_token"),
    "Basic dXNlcjpwYXNz": (401, "bad_header"),
    "Bearer " + "a" * 5_000: (401, "bad_header"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_who_is_not_let_in_learns_nothing_and_leaves_nothing(bench: Bench, call: str) -> None:
    await bench.trail.new()
    mark = bench.stage.mark()
    for token, (status, code) in NOT_LET_IN.items():
        reply = bench.send(call, GOOD.get(call), request=bench.mine, token=token)
        check(reply, status, code)
        assert ("www-authenticate" in reply.headers) == (status == 401)
    check(bench.send(call, GOOD.get(call), request=bench.mine, token=None), 401, "no_token")
    assert bench.stage.changes(mark) == []
    assert await bench.trail.new() == []


@pytest.mark.parametrize("call", TAKES_A_BODY)
async def test_who_is_not_let_in_is_told_so_before_the_body_is_looked_at(
    bench: Bench, call: str
) -> None:
    for body in (b"", b"\x00\xff", b"{" * 70_000):
        check(bench.send(call, body, token="Bearer a.b.c"), 401, "bad_token")


@pytest.mark.parametrize("call", OF_ONE)
async def test_what_is_not_mine_is_not_there(bench: Bench, call: str) -> None:
    theirs = await refused(bench, 404, "not_found", call, body=GOOD.get(call), request=bench.others)
    nobodys = await refused(bench, 404, "not_found", call, body=GOOD.get(call), request=NOBODYS)
    assert theirs.body == nobodys.body


async def test_another_organisations_request_is_not_there_either(bench: Bench) -> None:
    token = f"Bearer {bench.stage.token(ABROAD)}"
    check(bench.send("show_request", request=bench.mine, token=token), 404, "not_found")


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


async def test_no_answer_may_be_kept_or_sniffed(bench: Bench) -> None:
    for call in CALLS:
        reply = bench.send(call, GOOD.get(call), request=NOBODYS, token=None)
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
