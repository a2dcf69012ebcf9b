"""How does this process reach Entra and Key Vault? One TLS trust, one pool of connections.

Rules
- https only: a URL of any other scheme is refused before anything is sent;
- no redirects, no cookies, no proxies from the environment;
- every answer is bounded in time and size;
- a lost answer is Transient here: nothing sent through `fetch` changes a tenant.

Never here: retries, tokens, Microsoft Graph (it has the SDK's own pipeline, see `graph_wire`).
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agent.errors import Permanent, Transient

if TYPE_CHECKING:
    import aiohttp
    from azure.core.pipeline.transport import AioHttpTransport

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
LONGEST_DELAY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer as it came: nothing in it has been believed yet."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """The process's connections; `ca_file` (PEM) replaces the system's trust where it is given."""

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None

    def tls(self) -> ssl.SSLContext:
        """Return the trust that every outgoing connection uses."""
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ca_file)
        return self._tls

    def session(self) -> "aiohttp.ClientSession":
        """Return the shared session; must be called inside the event loop."""
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.tls(), limit=50),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def transport(self) -> "AioHttpTransport":
        """Return the shared session in the shape the Azure SDKs want."""
        from azure.core.pipeline.transport import AioHttpTransport

        return AioHttpTransport(
            session=self.session(),
            session_owner=False,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
        )

    async def fetch(
        self,
        url: str,
        *,
        limit: int,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """GET, or POST a form where one is given. `limit` bounds the answer in bytes.

        Raises Transient when there is no whole answer in time.
        """
        if not url.startswith("https://"):
            raise Permanent("not_https", "expected an https address, saw another scheme")
        import aiohttp

        options: dict[str, Any] = {"allow_redirects": False, "headers": headers}
        if form is not None:
            options["data"] = dict(form)
        method = "GET" if form is None else "POST"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self.session().request(method, url, **options) as response:
                    body = await _bounded(response, limit)
                    return Fetched(response.status, dict(response.headers), body)
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            host = url.split("/")[2]
            what = f"expected an answer from {host}, saw {type(fault).__name__}"
            raise Transient("unreachable", what) from None  # the cause may quote the request

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _bounded(response: "aiohttp.ClientResponse", limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > limit:
            raise Transient("oversized", f"expected at most {limit} bytes, saw more")
    return bytes(body)


def retry_after(
    headers: Mapping[str, str], otherwise: timedelta = timedelta(seconds=10)
) -> timedelta:
    """Return how long an answer asks us to wait, 1 s to 10 min; `otherwise` where it is silent."""
    said = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    if not (said.isascii() and said.isdigit() and len(said) < 9):
        return otherwise
    return min(max(timedelta(seconds=int(said)), timedelta(seconds=1)), LONGEST_DELAY)
