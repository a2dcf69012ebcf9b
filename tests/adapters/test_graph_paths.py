"""No id, name or nextLink, however hostile, takes a call anywhere but where it was meant to go."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.graph import odata_text
from agent.adapters.graph_wire import GraphWire
from agent.adapters.wire import Wire
from agent.errors import Permanent

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
BASE = "https://graph.microsoft.com/v1.0"
NASTY = [
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "/",
    "$batch",
    "$value",
    "$",
    "x\n",
    "\x00",
    "\x9f",
    "\ud800",
]


@pytest.fixture(scope="module")
def public() -> GraphWire:
    return GraphWire(BASE, Wire())


@pytest.mark.parametrize("segment", [*NASTY, "a" * 513])
def test_a_segment_that_could_climb_is_refused(segment: str, public: GraphWire) -> None:
    with pytest.raises(Permanent, match="bad_path"):
        public.url(("groups", segment, "members"))


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(segment=ANY_TEXT)
def test_a_segment_stays_one_segment(segment: str, public: GraphWire) -> None:
    import httpx

    try:
        url = public.url(("groups", segment, "members"))
    except Permanent:
        return
    sent = httpx.URL(url).raw_path.decode()
    assert urlsplit(url).query == urlsplit(url).fragment == ""
    version, groups, middle, members = sent.strip("/").split("/")
    assert (version, groups, members) == ("v1.0", "groups", "members")
    assert segment in ("$ref", unquote(middle))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    segment=st.text(min_size=1, max_size=20).filter(lambda s: s.strip(". /\\$") and s.isprintable())
)
async def test_the_server_sees_the_segment_that_was_meant(
    segment: str, alice: Any, graph: Any
) -> None:
    graph.reset()
    try:
        await alice.read("users", segment)
    except Permanent:
        return
    (call,) = graph.calls
    assert [unquote(part) for part in call.raw_path.split("/")] == ["", "v1.0", "users", segment]


async def test_the_sdk_rewrites_no_path(alice: Any, graph: Any) -> None:
    await alice.read("users", "me-token-to-replace")
    assert graph.calls[0].raw_path == "/v1.0/users/me-token-to-replace"


@settings(max_examples=300)
@given(value=ANY_TEXT)
def test_a_literal_is_one_literal_whatever_it_says(value: str) -> None:
    try:
        literal = odata_text(value)
    except Permanent:
        return
    assert literal[0] == literal[-1] == "'"
    inner = literal[1:-1]
    assert inner.replace("''", "").count("'") == 0
    assert inner.replace("''", "'") == value


@pytest.mark.parametrize("value", ["a\nb", "\x00", "\x7f", "\x85", "\u2028", "\udfff"])
def test_control_characters_never_reach_a_filter(value: str) -> None:
    with pytest.raises(Permanent, match="bad_text"):
        odata_text(value)


async def test_query_values_stay_values(alice: Any, graph: Any) -> None:
    name = "R&D #1 + 50% 'x'?$top=999"
    await alice.read("groups", query={"$filter": f"displayName eq {alice.text(name)}", "$top": "5"})
    raw = urlsplit(graph.calls[0].raw_path).query
    seen = parse_qs(raw, strict_parsing=True)
    assert seen == {
        "$filter": [f"displayName eq '{name.replace(chr(39), chr(39) * 2)}'"],
        "$top": ["5"],
    }
    assert "+" not in raw.replace("%2B", "")


@pytest.mark.parametrize("name", ["$filter&x", "a=b", "", "$", "x y", "\n"])
async def test_a_query_option_is_a_word(name: str, alice: Any, graph: Any) -> None:
    with pytest.raises(Permanent, match="bad_query"):
        await alice.read("groups", query={name: "1"})
    with pytest.raises(Permanent, match="bad_query"):
        await alice.read("groups", query={"$filter": "\ud800"})
    assert not graph.calls


@pytest.mark.parametrize(
    "base",
    [
        "http://graph.microsoft.com/v1.0",
        "http://127.0.0.1.evil.example/v1.0",
        "http://localhost@evil.example/v1.0",
        "https://user:secret@graph.microsoft.com/v1.0",
        "https://graph.microsoft.com/v1.0?x=1",
        "https:///v1.0",
        "ftp://127.0.0.1/v1.0",
        "graph.microsoft.com",
    ],
)
def test_a_base_without_tls_is_refused_even_for_a_loopback_world(base: str) -> None:
    with pytest.raises(ValueError, match="https"):
        GraphWire(base, Wire(), unsafe_http_loopback=True)


def test_loopback_without_tls_needs_the_unsafe_switch() -> None:
    with pytest.raises(ValueError, match="https"):
        GraphWire("http://127.0.0.1:7071/v1.0", Wire())
    GraphWire("http://localhost:7071/v1.0", Wire(), unsafe_http_loopback=True)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com@evil.example/v1.0/users",
        "https://evil@graph.microsoft.com/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com:444/v1.0/users",
        "https://graph.microsoft.com/beta/users",
        "https://graph.microsoft.com/v1.0/../beta/users",
        "https://graph.microsoft.com/v1.0",
        "//evil.example/v1.0/users",
        "/v1.0/users",
        "users",
        "",
        "https://[bad",
        None,
        {"url": "x"},
    ],
)
def test_a_next_page_elsewhere_is_not_followed(link: object, public: GraphWire) -> None:
    with pytest.raises(Permanent, match="foreign_next_link"):
        public.next_page(link)


def test_a_next_page_of_the_same_graph_is_followed_as_it_is(public: GraphWire) -> None:
    for link in (
        f"{BASE}/users?$skiptoken=a%2Fb'c",
        "https://graph.microsoft.com:443/v1.0/users?x",
    ):
        assert public.next_page(link).startswith(f"{BASE}/users?")
    assert public.next_page(f"{BASE}/users?$skiptoken=a%2Fb").endswith("?$skiptoken=a%2Fb")


def test_a_reference_names_the_object_under_the_base(alice: Any, graph: Any) -> None:
    assert alice.reference("a-b") == f"{graph.url}/directoryObjects/a-b"
    with pytest.raises(Permanent, match="bad_path"):
        alice.reference("../users/x")
