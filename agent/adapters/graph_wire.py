"""How does a call reach Microsoft Graph? The SDK's own HTTP pipeline, one for the process.

Rules
- the base address is https; http is for a stand-in on the loopback, behind an Unsafe switch;
- a path is given in segments and each is percent-quoted by itself, so that no id, however hostile,
  can climb, add a query or reach another resource;
- a `nextLink` is followed to the scheme, host, port and path of the base only: no token goes
  anywhere else; redirects are never followed, proxies of the environment never used;
- the SDK's retries are left out: they resend POSTs and obey any Retry-After. What may be tried
  again is decided in `graph`;
- every answer is bounded in time and size. `Lost` says whether anything can have reached Graph.
- HTTP/1.1, because all calls on one HTTP/2 connection would share its fate, writes included.

Never here: tokens (callers pass headers), what an answer means (`graph_answers`).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from agent.adapters.graph_answers import Answer
from agent.adapters.wire import Wire
from agent.errors import Permanent

if TYPE_CHECKING:
    import httpx

CALL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
DEADLINE_SECONDS = 20.0
LARGEST_ANSWER = 8 * 1024 * 1024
LONGEST_SEGMENT = 512
LITERAL_SEGMENTS = frozenset({"$ref"})
_OPTION = re.compile(r"\$?[A-Za-z]{1,32}")
_UNSAFE_IN_SEGMENT = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")


class Lost(Exception):  # noqa: N818 - not an error of ours: no whole answer came
    """No whole answer came; `sent` is False only where nothing can have reached Graph."""

    def __init__(self, what: str, *, sent: bool, slow: bool) -> None:
        super().__init__(what)
        self.what, self.sent, self.slow = what, sent, slow


class GraphWire:
    """The process's one connection pool to Graph, shared by all tenants and persons."""

    def __init__(self, base_url: str, wire: Wire, *, unsafe_http_loopback: bool = False) -> None:
        self._base = _checked_base(base_url, unsafe_http_loopback)
        self._wire = wire
        self._client: httpx.AsyncClient | None = None
        self._connections: httpx.AsyncHTTPTransport | None = None

    def url(self, path: tuple[str, ...], query: Mapping[str, str] | None = None) -> str:
        """Return the address of a resource. Raises Permanent("bad_path", "bad_query")."""
        if not path:
            raise Permanent("bad_path", "expected at least one path segment, saw none")
        address = "/".join((self._base, *(_quoted(segment) for segment in path)))
        for name in query or ():
            if not _OPTION.fullmatch(name):
                raise Permanent("bad_query", "expected the name of a query option")
        if not query:
            return address
        try:
            return f"{address}?{urlencode(query, safe='$', quote_via=quote)}"
        except UnicodeEncodeError:
            raise Permanent("bad_query", "expected text in a query, saw lone surrogates") from None

    def next_page(self, link: object) -> str:
        """Return a nextLink if it leads back to where it came from. Raises Permanent."""
        import httpx

        try:
            here, there = httpx.URL(self._base), httpx.URL(str(link))
            same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
        except httpx.InvalidURL:
            same = False
        if not (same and not there.userinfo and there.path.startswith(f"{here.path}/")):
            raise Permanent("foreign_next_link", "expected a next page on Graph's own address")
        return str(there)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Answer:
        """Send one request once. Raises Lost."""
        import httpx

        client = self._pipeline()
        request = client.build_request(
            method, url, headers=headers, content=content, extensions={"kiota_request_options": {}}
        )
        unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                response = await client.send(request, stream=True)
                try:
                    body = await _bounded(response)
                finally:
                    await response.aclose()
        except (httpx.TimeoutException, TimeoutError) as fault:
            sent = not isinstance(fault, unsent)
            raise Lost(type(fault).__name__, sent=sent, slow=True) from None
        except httpx.HTTPError as fault:
            sent = not isinstance(fault, unsent)
            raise Lost(type(fault).__name__, sent=sent, slow=False) from None
        return Answer(response.status_code, dict(response.headers), body)

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None and self._connections is not None:
            await self._client.aclose()
            await self._connections.aclose()  # the SDK wraps this transport and never closes it
            self._client = self._connections = None

    def _pipeline(self) -> "httpx.AsyncClient":
        if self._client is None:
            import httpx
            from kiota_http.middleware.user_agent_handler import UserAgentHandler
            from msgraph_core import GraphClientFactory
            from msgraph_core.middleware import GraphTelemetryHandler

            self._connections = httpx.AsyncHTTPTransport(
                verify=self._wire.tls(),
                trust_env=False,
                limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
            )
            client = httpx.AsyncClient(
                transport=self._connections,
                timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
                trust_env=False,
            )
            # Only the handlers that tell Graph which SDK calls: one that is not there can neither
            # resend nor redirect, and the rest of the default chain inspects for nobody.
            self._client = GraphClientFactory.create_with_custom_middleware(
                [UserAgentHandler(), GraphTelemetryHandler()], client=client
            )
        return self._client


def _checked_base(base_url: str, unsafe_http_loopback: bool) -> str:
    parts = urlsplit(base_url)
    loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    secure = parts.scheme == "https" and bool(parts.hostname)
    if not (plain and (secure or (loopback and unsafe_http_loopback))):
        raise ValueError(f"expected an https address of Microsoft Graph, saw `{base_url}`")
    return base_url.rstrip("/")


def _quoted(segment: str) -> str:
    if segment in LITERAL_SEGMENTS:
        return segment
    # INVARIANT: a segment stays one segment (tests/adapters/test_graph_paths.py)
    bad = segment in ("", ".", "..") or segment.startswith("$") or len(segment) > LONGEST_SEGMENT
    if bad or _UNSAFE_IN_SEGMENT.search(segment):
        raise Permanent("bad_path", "expected one plain path segment, saw one that could climb")
    return quote(segment, safe="")


async def _bounded(response: "httpx.Response") -> bytes | None:
    """Return the body, or None when it is larger than we read."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return None
    return bytes(body)
