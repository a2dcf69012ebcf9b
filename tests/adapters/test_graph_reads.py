"""Reading: whole answers or faults, tried again with restraint, always as the person."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest
from aiohttp import web

from agent.adapters import graph as graph_module
from agent.adapters import graph_wire as wire_module
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.wire import Wire
from agent.errors import Fault, Permanent, SignInNeeded, Transient
from tests.adapters.cast import ALICE, CONTOSO, CORRELATION


def error(code: str, message: str = "Secret Person's display name") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_every_call_carries_the_persons_token_and_our_correlation(
    alice: PersonGraph, graph: Any
) -> None:
    graph.answers.append((200, {"id": "1", "displayName": "x"}))
    assert await alice.read("users", ALICE) == {"id": "1", "displayName": "x"}
    (call,) = graph.calls
    assert (call.method, call.raw_path) == ("GET", f"/v1.0/users/{ALICE}")
    assert call.headers["Authorization"] == "Bearer alices-token"
    assert call.headers["client-request-id"] == CORRELATION
    assert "ConsistencyLevel" not in call.headers
    assert "graph-python" in call.headers["User-Agent"] or "kiota" in call.headers["User-Agent"]


async def test_an_advanced_query_says_so(alice: PersonGraph, graph: Any) -> None:
    graph.answers += [(200, {"value": []}), (200, {"value": []})]
    await alice.read_all("groups", query={"$search": '"displayName:Finance"'})
    await alice.read_all("groups", query={"$filter": "endsWith(mail,'x')", "$count": "true"})
    assert [call.headers.get("ConsistencyLevel") for call in graph.calls] == ["eventual"] * 2


async def test_what_is_not_there_is_none(alice: PersonGraph, graph: Any) -> None:
    graph.answers.append((404, error("Request_ResourceNotFound")))
    assert await alice.read("users", "nobody") is None
    assert len(graph.calls) == 1


@pytest.mark.parametrize(
    ("answer", "fault", "code", "calls"),
    [
        ((400, error("BadRequest")), Permanent, "bad_request", 1),
        ((401, error("InvalidAuthenticationToken")), SignInNeeded, "token_refused", 1),
        (
            (401, error("x"), {"WWW-Authenticate": 'Bearer error="x", claims="eyJ9"'}),
            SignInNeeded,
            "claims_challenge",
            1,
        ),
        ((403, error("Authorization_RequestDenied")), Permanent, "forbidden", 1),
        ((410, error("resyncRequired")), Permanent, "refused", 1),
        ((423, error("locked")), Permanent, "refused", 1),
        ((302, b"", {"Location": "/v1.0/elsewhere"}), Permanent, "refused", 1),
        ((408, error("timeout")), Transient, "graph_unavailable", 1),
        ((500, error("internal")), Transient, "graph_unavailable", 1),
        ((502, b"<html>bad gateway</html>"), Transient, "graph_unavailable", 1),
        ((503, error("x"), {"Retry-After": "30"}), Transient, "graph_unavailable", 1),
        ((429, error("x"), {"Retry-After": "90"}), Transient, "throttled", 1),
        ((200, b"[]"), Transient, "odd_answer", 1),
        ((200, b"not json"), Transient, "odd_answer", 1),
        ((200, b"[" * 100_000), Transient, "odd_answer", 1),
        ((202, {}), Transient, "odd_answer", 1),
        ((204, b""), Transient, "odd_answer", 1),
    ],
)
async def test_an_answer_means_one_fault(
    answer: tuple[Any, ...],
    fault: type[Fault],
    code: str,
    calls: int,
    alice: PersonGraph,
    graph: Any,
    tokens: Any,
) -> None:
    graph.answers.append(answer)
    with pytest.raises(fault) as seen:
        await alice.read("users", ALICE)
    assert seen.value.code == code
    assert type(seen.value) is fault
    assert len(graph.calls) == calls
    assert tokens.forgotten == (1 if answer[0] == 401 else 0)
    assert "Secret Person" not in str(seen.value)
    assert "alices-token" not in str(seen.value)


@pytest.mark.parametrize(
    ("said", "seconds"), [("90", 90), ("86400", 600), ("0", 1), ("soon", 10), ("-5", 10), ("", 10)]
)
async def test_the_wait_that_graph_asks_for_is_handed_on(
    said: str,
    seconds: int,
    alice: PersonGraph,
    graph: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_module, "READ_TRIES", 1)
    graph.answers.append((429, error("x"), {"Retry-After": said}))
    with pytest.raises(Transient) as seen:
        await alice.read("users", ALICE)
    assert seen.value.delay.total_seconds() == seconds


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_a_short_wait_is_waited_here(status: int, alice: PersonGraph, graph: Any) -> None:
    graph.answers += [(status, error("x"), {"Retry-After": "1"}), (200, {"id": "1"})]
    began = time.monotonic()
    assert await alice.read("users", ALICE) == {"id": "1"}
    assert time.monotonic() - began >= 0.9
    assert len(graph.calls) == 2


async def test_a_read_is_tried_three_times_at_most(
    alice: PersonGraph, graph: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_module, "PAUSE", graph_module.PAUSE / 100)
    graph.answers += [(503, error("x"))] * 9
    with pytest.raises(Transient, match="graph_unavailable"):
        await alice.read("users", ALICE)
    assert len(graph.calls) == 3


async def test_a_broken_connection_is_tried_again(alice: PersonGraph, graph: Any) -> None:
    graph.answers += [hang_up, hang_up, (200, {"id": "1"})]
    assert await alice.read("users", ALICE) == {"id": "1"}
    graph.answers += [hang_up] * 9
    with pytest.raises(Transient, match="graph_unreachable"):
        await alice.read("users", ALICE)
    assert len(graph.calls) == 6


async def test_a_slow_answer_is_waited_for_once(
    graph: Any, tokens: Any, clock: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    monkeypatch.setattr(wire_module, "DEADLINE_SECONDS", 0.2)
    graph.answers += [slow] * 3
    hasty = GraphWire(graph.url, wire, unsafe_http_loopback=True)
    alice = PersonGraph(hasty, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=CORRELATION)
    began = time.monotonic()
    with pytest.raises(Transient, match="graph_unreachable"):
        await alice.read("users", ALICE)
    assert time.monotonic() - began < 2
    assert len(graph.calls) == 1
    await hasty.close()


async def test_a_port_where_nobody_listens_is_transient(
    nowhere: int, tokens: Any, clock: Any, wire: Wire
) -> None:
    away = GraphWire(f"http://127.0.0.1:{nowhere}/v1.0", wire, unsafe_http_loopback=True)
    alice = PersonGraph(away, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=CORRELATION)
    with pytest.raises(Transient, match="graph_unreachable"):
        await alice.read("users", ALICE)
    await away.close()


async def test_an_answer_that_unpacks_to_too_much_is_refused(
    alice: PersonGraph, graph: Any
) -> None:
    packed = gzip.compress(b'{"value": "' + b"a" * (9 * 1024 * 1024) + b'"}')
    graph.answers.append((200, packed, {"Content-Encoding": "gzip"}))
    with pytest.raises(Permanent, match="too_large"):
        await alice.read("users", ALICE)


async def test_an_answer_that_does_not_unpack_is_transient(alice: PersonGraph, graph: Any) -> None:
    graph.answers += [(200, b"not gzip", {"Content-Encoding": "gzip"})] * 3
    with pytest.raises(Transient, match="graph_unreachable"):
        await alice.read("users", ALICE)


async def test_a_collection_is_read_to_its_end(alice: PersonGraph, graph: Any) -> None:
    for number in range(5):
        link = {"@odata.nextLink": f"{graph.url}/users?$skiptoken={number + 1}"}
        graph.answers.append(
            (200, {"value": [{"id": str(number)}], **(link if number < 4 else {})})
        )
    assert [item["id"] for item in await alice.read_all("users")] == list("01234")
    assert graph.calls[-1].raw_path == "/v1.0/users?$skiptoken=4"
    assert {call.headers["Authorization"] for call in graph.calls} == {"Bearer alices-token"}


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (
            {"value": [{"id": "1"}], "@odata.nextLink": "https://evil.example/v1.0/x"},
            "foreign_next_link",
        ),
        ({"value": [{"id": "1"}], "@odata.nextLink": None}, "foreign_next_link"),
        ({"value": {"id": "1"}}, "odd_answer"),
        ({"value": ["1"]}, "odd_answer"),
        ({}, "odd_answer"),
    ],
)
async def test_a_list_that_is_not_whole_is_a_fault(
    page: dict[str, Any], code: str, alice: PersonGraph, graph: Any
) -> None:
    graph.answers.append((200, page))
    with pytest.raises(Fault) as seen:
        await alice.read_all("users")
    assert seen.value.code == code
    assert len(graph.calls) == 1


async def test_a_list_that_does_not_end_is_a_fault(alice: PersonGraph, graph: Any) -> None:
    page = {"value": [{"id": "1"}], "@odata.nextLink": f"{graph.url}/users?$skiptoken=again"}
    graph.answers += [(200, page)] * 30
    with pytest.raises(Permanent, match="too_many"):
        await alice.read_all("users")
    assert len(graph.calls) == 20


async def test_a_page_that_fails_fails_the_list(alice: PersonGraph, graph: Any) -> None:
    page = {"value": [{"id": "1"}], "@odata.nextLink": f"{graph.url}/users?$skiptoken=2"}
    graph.answers += [(200, page), (403, error("x"))]
    with pytest.raises(Permanent, match="forbidden"):
        await alice.read_all("users")
    graph.answers.append((404, error("x")))
    with pytest.raises(Permanent, match="not_found"):
        await alice.read_all("groups", "gone", "members")


async def test_only_a_word_of_graphs_error_reaches_a_fault(alice: PersonGraph, graph: Any) -> None:
    for code in ("Authorization_RequestDenied", "Bob Smith\n is fired", 7, None, "x" * 65):
        graph.answers.append((403, error(code, "m")))  # type: ignore[arg-type]
        with pytest.raises(Permanent) as seen:
            await alice.read("users", ALICE)
        known = code == "Authorization_RequestDenied"
        assert ("Authorization_RequestDenied" in str(seen.value)) is known
        assert ("unnamed" in str(seen.value)) is not known
        assert "99999999" in str(seen.value)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error":[]}', b'{"error":"x"}', b"[]", b"\xff"])
async def test_an_error_of_any_shape_is_still_its_status(
    body: bytes, alice: PersonGraph, graph: Any
) -> None:
    graph.answers.append((403, body))
    with pytest.raises(Permanent, match=r"forbidden.*403 unnamed"):
        await alice.read("users", ALICE)


def test_a_correlation_that_is_no_guid_is_refused(graph_wire: Any, tokens: Any, clock: Any) -> None:
    for text in ("", "x\r\nAuthorization: Bearer y", CORRELATION.upper(), CORRELATION + "0"):
        with pytest.raises(ValueError, match="GUID"):
            PersonGraph(graph_wire, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=text)


async def test_forty_reads_at_once_share_the_connections(alice: PersonGraph, graph: Any) -> None:
    graph.answers += [(200, {"n": n}) for n in range(40)]
    seen = await asyncio.gather(*(alice.read("users", str(n)) for n in range(40)))
    assert sorted(json.dumps(item) for item in seen) == sorted(
        json.dumps({"n": n}) for n in range(40)
    )


async def test_half_a_surrogate_pair_in_a_name_can_still_be_written_down(
    alice: PersonGraph, graph: Any
) -> None:
    graph.answers.append((200, {"displayName": "a\ud800b", "smile": "\U0001f600"}))
    seen = await alice.read("users", ALICE) or {}
    assert seen == {"displayName": "a\ufffdb", "smile": "\U0001f600"}
    assert json.dumps(seen, ensure_ascii=False).encode()
