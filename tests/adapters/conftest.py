"""A tiny Entra, a tiny Graph, the vaults of `local.keyvault`, and a clock moved by hand."""

import asyncio
import json
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from aiohttp import web
from azure.core.credentials import AccessToken, AccessTokenInfo
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.adapters.entra import EntraSettings, Proof
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.vault import Vault
from agent.adapters.wire import Wire
from agent.values import Secret
from local import certificates
from local.keyvault.gate import Entra as VaultEntra
from local.keyvault.server import Vaults, VaultSpec
from tests.adapters.cast import ALICE, CLIENT, CONTOSO, CORRELATION, IDENTITY


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)


class Call(NamedTuple):
    """One request as it came over the wire."""

    method: str
    raw_path: str
    headers: dict[str, str]
    body: bytes


class Graph:
    """Answers what a test has laid out, in order, then 200 {}; keeps every call it heard."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: deque[Callable[[web.Request], Any] | tuple[Any, ...]] = deque()
        self.url = ""
        self.origin = ""

    def reset(self) -> None:
        self.calls.clear()
        self.answers.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls.append(Call(request.method, request.raw_path, dict(request.headers), body))
        said = self.answers.popleft() if self.answers else (200, {})
        if callable(said):
            answered: web.StreamResponse = await said(request)
            return answered
        status, content, *rest = said
        headers = {"request-id": "9" * 8, **(rest[0] if rest else {})}
        if isinstance(content, bytes):
            return web.Response(status=status, body=content, headers=headers)
        return web.json_response(content, status=status, headers=headers)


class Entra:
    """Publishes keys, signs tokens, exchanges grants as it was told; keeps every form it heard."""

    def __init__(self) -> None:
        self._first = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys = {"first": self._first}
        self.forms: list[dict[str, str]] = []
        self.exchanges: deque[Any] = deque()
        self.metadata: dict[str, Any] = {}
        self.published: list[dict[str, Any]] | None = None
        self.broken = False
        self.fetches = 0
        self.delay = 0.0
        self.url = ""

    def reset(self) -> None:
        self.forms.clear()
        self.exchanges.clear()
        self.metadata, self.published, self.broken = {}, None, False
        self.keys = {"first": self._first}
        self.fetches, self.delay = 0, 0.0

    def graph_token(self, person: str = ALICE, tenant: str = CONTOSO, **changes: Any) -> str:
        """A token for Graph as an exchange returns it; None removes a claim."""
        now = int(time.time())
        usual = {"tid": tenant, "oid": person, "scp": "User.Read", "exp": now + 3600, **changes}
        claims = {name: value for name, value in usual.items() if value is not None}
        return jwt.encode(claims, self.keys["first"], "RS256", headers={"kid": "first"})

    def jwks(self) -> list[dict[str, Any]]:
        """What is published: every key, and what a test added."""
        to_jwk = jwt.algorithms.RSAAlgorithm.to_jwk
        return [
            {**to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]

    async def describe(self, request: web.Request) -> web.Response:
        self.fetches += 1
        if self.broken:
            return web.Response(status=503, text="not now")
        base = f"{self.url}/{request.match_info['tenant']}"
        usual = {"issuer": f"{base}/v2.0", "jwks_uri": f"{base}/discovery/v2.0/keys"}
        return web.json_response({**usual, **self.metadata})

    async def publish(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"keys": self.jwks() if self.published is None else self.published}
        )

    async def exchange(self, request: web.Request) -> web.Response:
        self.forms.append({k: str(v) for k, v in (await request.post()).items()})
        if self.delay:
            await asyncio.sleep(self.delay)
        said = self.exchanges.popleft() if self.exchanges else self.graph_token()
        if isinstance(said, web.Response):
            return said
        if isinstance(said, tuple):
            return web.json_response(said[1], status=said[0], headers=said[2] if said[2:] else None)
        return web.json_response({"access_token": said, "expires_in": 3600, "token_type": "Bearer"})


class Identity:
    """The managed identity of the tests: good for the vault, signed by the tiny Entra."""

    def __init__(self, entra: Entra, oid: str = IDENTITY) -> None:
        self._entra, self._oid = entra, oid

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": scopes[0].removesuffix("/.default"),
            "iss": f"https://sts.windows.net/{CONTOSO}/",
            "tid": CONTOSO,
            "oid": self._oid,
            "exp": now + 3600,
        }
        key = self._entra.keys["first"]
        return AccessToken(jwt.encode(claims, key, "RS256", headers={"kid": "first"}), now + 3600)

    async def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
        token = await self.get_token(*scopes)
        return AccessTokenInfo(token.token, token.expires_on)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "Identity":
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()


class FixedProof:
    """A proof of the application that never changes."""

    async def proof(self) -> Proof:
        return Proof("assertion", Secret("identity-assertion"))


class FixedToken:
    """A token source with one token that counts how often it was told to forget."""

    def __init__(self) -> None:
        self.forgotten = 0

    async def token(self) -> Secret:
        return Secret("alices-token")

    def forget(self) -> None:
        self.forgotten += 1


async def _serve(routes: list[web.RouteDef], tls: ssl.SSLContext | None) -> tuple[str, Any]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening, ssl_context=tls).start()
    return f"127.0.0.1:{listening.getsockname()[1]}", runner


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.ensure(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def server_tls(tls: certificates.Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    return context


@pytest.fixture(scope="session")
async def wire(tls: certificates.Certificates) -> AsyncIterator[Wire]:
    wire = Wire(str(tls.ca))
    yield wire
    await wire.close()


@pytest.fixture(scope="session")
async def entra_server(server_tls: ssl.SSLContext) -> AsyncIterator[Entra]:
    entra = Entra()
    where = "/{tenant}/v2.0/.well-known/openid-configuration"
    routes = [
        web.get(where, entra.describe),
        web.get("/{tenant}/discovery/v2.0/keys", entra.publish),
        web.post("/{tenant}/oauth2/v2.0/token", entra.exchange),
    ]
    host, runner = await _serve(routes, server_tls)
    entra.url = f"https://{host}"
    yield entra
    await runner.cleanup()


@pytest.fixture
def entra(entra_server: Entra) -> Iterator[Entra]:
    entra_server.reset()
    yield entra_server
    entra_server.reset()


@pytest.fixture(scope="session")
async def graph_server() -> AsyncIterator[Graph]:
    graph = Graph()
    host, runner = await _serve([web.route("*", "/{rest:.*}", graph.answer)], None)
    graph.origin = f"http://{host}"
    graph.url = f"{graph.origin}/v1.0"
    yield graph
    await runner.cleanup()


@pytest.fixture
def graph(graph_server: Graph) -> Graph:
    graph_server.reset()
    return graph_server


@pytest.fixture(scope="session")
async def graph_wire(graph_server: Graph, wire: Wire) -> AsyncIterator[GraphWire]:
    graph_wire = GraphWire(graph_server.url, wire, unsafe_http_loopback=True)
    yield graph_wire
    await graph_wire.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def fixed_proof() -> FixedProof:
    return FixedProof()


@pytest.fixture
def tokens() -> FixedToken:
    return FixedToken()


@pytest.fixture
def alice(graph: Graph, graph_wire: GraphWire, tokens: FixedToken, clock: HandClock) -> PersonGraph:
    return PersonGraph(
        graph_wire, tokens, clock, tenant=CONTOSO, person=ALICE, correlation=CORRELATION
    )


@pytest.fixture
def settings(entra: Entra) -> EntraSettings:
    scopes = ("https://graph.microsoft.com/User.Read",)
    return EntraSettings(client_id=CLIENT, authority=entra.url, graph_scopes=scopes)


@pytest.fixture(scope="session")
async def vault_urls(
    entra_server: Entra,
    server_tls: ssl.SSLContext,
    tls: certificates.Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, str]]:
    trusted = ssl.create_default_context(cafile=tls.ca)
    folder = tmp_path_factory.mktemp("vaults")
    vaults = Vaults(folder, VaultEntra(entra_server.url, trusted), server_tls, "admin")
    allowed = frozenset({IDENTITY})
    await vaults.start(
        [
            VaultSpec(name=name, port=0, tenant=CONTOSO, allowed=allowed)
            for name in ("contoso", "other")
        ]
    )
    yield vaults.urls
    await vaults.stop()


@pytest.fixture
def identity(entra: Entra) -> Callable[..., Identity]:
    """Makes a managed identity, the allowed one unless another object id is given."""
    return lambda oid=IDENTITY: Identity(entra, oid)


@pytest.fixture
async def vault(
    vault_urls: dict[str, str], identity: Callable[..., Identity], wire: Wire
) -> AsyncIterator[Vault]:
    vault = Vault(vault_urls["contoso"], identity(), wire)
    yield vault
    await vault.close()


@pytest.fixture
def plant(vault_urls: dict[str, str], wire: Wire) -> Callable[..., Any]:
    """Plant one fault in the vault."""

    async def call(fault: str, path: str, retry_after: int = 1) -> None:
        planted = [{"match": {"path": path}, "fault": fault, "retry_after": retry_after}]
        async with wire.session().post(
            f"{vault_urls['contoso']}/__faults?api-version=7.5",
            data=json.dumps(planted),
            headers={"X-Admin-Key": "admin", "Content-Type": "application/json"},
        ) as answer:
            assert answer.status < 300, await answer.text()

    return call


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port of the loopback on which nobody listens while the test runs."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    yield int(held.getsockname()[1])
    held.close()


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parents[2]
