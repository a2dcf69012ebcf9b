"""Writing: a warrant first, sent once, and the truth about what came back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from agent import authorize
from agent.adapters import graph_wire as wire_module
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.wire import Wire
from agent.authorize import Warrant, WarrantError
from agent.errors import Fault, Permanent, SignInNeeded, Transient, UnknownOutcome
from agent.receipts import GraphTrace
from tests.adapters.cast import ALICE, BOB, CONTOSO, CORRELATION, FABRIKAM

EDGE = ("groups", "g1", "members", "$ref")


@pytest.fixture
def warrant(clock: Any) -> Any:
    """Mints warrants; only a test may reach for the mint's key."""

    def mint(tenant: str = CONTOSO, person: str = ALICE, lasts: float = 60) -> Warrant:
        return Warrant(
            authorize._MINTING,
            tenant=tenant,  # type: ignore[arg-type]
            person=person,  # type: ignore[arg-type]
            digest="d" * 64,
            snapshot="s",
            intent="i",
            expires_at=clock.now() + timedelta(seconds=lasts),
        )

    return mint


def error(code: str, message: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def test_a_change_is_sent_as_it_was_given(
    alice: PersonGraph, graph: Any, warrant: Any
) -> None:
    graph.answers.append((204, b"", {"request-id": "aaaa-1"}))
    body = {"@odata.id": alice.reference(BOB)}
    trace = await alice.write(warrant(), "POST", *EDGE, body=body)
    assert trace == GraphTrace(request_id="aaaa-1", client_request_id=CORRELATION)
    (call,) = graph.calls
    assert (call.method, call.raw_path) == ("POST", "/v1.0/groups/g1/members/$ref")
    assert call.body.decode() == f'{{"@odata.id": "{graph.url}/directoryObjects/{BOB}"}}'
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["client-request-id"] == CORRELATION
    assert call.headers["Authorization"] == "Bearer alices-token"


async def test_a_removal_has_no_body(alice: PersonGraph, graph: Any, warrant: Any) -> None:
    graph.answers.append((204, b""))
    await alice.write(warrant(), "DELETE", "groups", "g1", "members", BOB, "$ref")
    (call,) = graph.calls
    assert (call.method, call.body) == ("DELETE", b"")


async def test_without_a_good_warrant_nothing_is_sent(
    alice: PersonGraph, graph: Any, warrant: Any
) -> None:
    used = warrant()
    await alice.write(used, "DELETE", *EDGE)
    graph.reset()
    for bad in (used, warrant(tenant=FABRIKAM), warrant(person=BOB), warrant(lasts=0)):
        with pytest.raises(WarrantError):
            await alice.write(bad, "DELETE", *EDGE)
    with pytest.raises(AttributeError):
        await alice.write(None, "DELETE", *EDGE)  # type: ignore[arg-type]
    assert not graph.calls


@pytest.mark.parametrize(
    ("answer", "fault", "code"),
    [
        ((400, error("Request_BadRequest", "no such property")), Permanent, "bad_request"),
        (
            (
                400,
                error(
                    "Request_BadRequest",
                    "One or more added object references already exist for the following modified "
                    "properties: 'members'.",
                ),
            ),
            Permanent,
            "already_so",
        ),
        ((401, error("InvalidAuthenticationToken")), SignInNeeded, "token_refused"),
        (
            (401, error("x"), {"WWW-Authenticate": 'claims="e30="'}),
            SignInNeeded,
            "claims_challenge",
        ),
        ((403, error("Authorization_RequestDenied")), Permanent, "forbidden"),
        ((404, error("Request_ResourceNotFound")), Permanent, "not_found"),
        ((405, error("x")), Permanent, "refused"),
        ((409, error("x")), Permanent, "conflict"),
        ((412, error("x")), Permanent, "conflict"),
        ((422, error("x")), Permanent, "refused"),
        ((429, error("x"), {"Retry-After": "1"}), Transient, "throttled"),
        ((408, error("x")), UnknownOutcome, "no_clear_answer"),
        ((500, error("x")), UnknownOutcome, "no_clear_answer"),
        ((502, b"<html>"), UnknownOutcome, "no_clear_answer"),
        ((503, error("x"), {"Retry-After": "1"}), UnknownOutcome, "no_clear_answer"),
        ((504, error("x")), UnknownOutcome, "no_clear_answer"),
        ((301, b"", {"Location": "/v1.0/x"}), UnknownOutcome, "no_clear_answer"),
        ((307, b"", {"Location": "/v1.0/x"}), UnknownOutcome, "no_clear_answer"),
        ((308, b"", {"Location": "https://evil.example/"}), UnknownOutcome, "no_clear_answer"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_whatever_comes_back_it_was_sent_once(
    method: str,
    answer: tuple[Any, ...],
    fault: type[Fault],
    code: str,
    alice: PersonGraph,
    graph: Any,
    tokens: Any,
    warrant: Any,
) -> None:
    graph.answers.append(answer)
    with pytest.raises(fault) as seen:
        await alice.write(warrant(), method, *EDGE, body=None if method == "DELETE" else {"a": 1})
    assert type(seen.value) is fault
    assert seen.value.code == code
    assert [call.method for call in graph.calls] == [method]
    assert tokens.forgotten == (1 if answer[0] == 401 else 0)
    assert "no such property" not in str(seen.value)
    assert "alices-token" not in str(seen.value)


async def test_a_lost_answer_is_unknown_and_not_sent_again(
    alice: PersonGraph, graph: Any, warrant: Any
) -> None:
    async def commit_and_hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def half_an_answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"id":')
        assert request.transport is not None
        request.transport.abort()
        return response

    for answer in (commit_and_hang_up, half_an_answer):
        graph.reset()
        graph.answers.append(answer)
        with pytest.raises(UnknownOutcome, match="answer_lost"):
            await alice.write(warrant(), "POST", *EDGE, body={"a": 1})
        assert len(graph.calls) == 1


async def test_an_answer_that_comes_too_late_is_unknown(
    graph: Any,
    tokens: Any,
    clock: Any,
    wire: Wire,
    warrant: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response(status=204)

    monkeypatch.setattr(wire_module, "DEADLINE_SECONDS", 0.2)
    graph.answers.append(slow)
    hasty = GraphWire(graph.url, wire, unsafe_http_loopback=True)
    alice = PersonGraph(hasty, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=CORRELATION)
    with pytest.raises(UnknownOutcome, match="answer_lost"):
        await alice.write(warrant(), "POST", *EDGE, body={"a": 1})
    assert len(graph.calls) == 1
    await hasty.close()


async def test_where_nobody_listens_nothing_can_have_happened(
    nowhere: int, tokens: Any, clock: Any, wire: Wire, warrant: Any
) -> None:
    away = GraphWire(f"http://127.0.0.1:{nowhere}/v1.0", wire, unsafe_http_loopback=True)
    alice = PersonGraph(away, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=CORRELATION)
    with pytest.raises(Transient, match="graph_unreachable"):
        await alice.write(warrant(), "POST", *EDGE, body={"a": 1})
    await away.close()


async def test_a_bad_method_path_or_body_is_never_sent(
    alice: PersonGraph, graph: Any, warrant: Any
) -> None:
    for method, path, body in (
        ("GET", EDGE, None),
        ("post", EDGE, {"a": 1}),
        ("POST", ("$batch",), {"requests": []}),
        ("POST", ("groups", "..", "users"), {"a": 1}),
        ("POST", (), {"a": 1}),
        ("POST", EDGE, {"a": "x" * 2_000_000}),
    ):
        with pytest.raises(Permanent):
            await alice.write(warrant(), method, *path, body=body)
    assert not graph.calls


async def test_a_request_id_of_another_form_is_not_kept(
    alice: PersonGraph, graph: Any, warrant: Any
) -> None:
    for said, kept in (("ok-1", "ok-1"), ("x" * 65, None), ("a b", None), ("", None)):
        graph.answers.append((204, b"", {"request-id": said}))
        assert (await alice.write(warrant(), "DELETE", *EDGE)).request_id == kept
