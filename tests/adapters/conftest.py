"""The tiny servers and the vaults of `local.keyvault`, running; and the adapters under test."""

import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.adapters.entra import EntraSettings
from agent.adapters.entra_exchange import Exchange
from agent.adapters.entra_inbound import EntraDoor
from agent.adapters.entra_tokens import EntraBroker
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.token_cache import TokenCache
from agent.adapters.vault import Vault
from agent.adapters.wire import Wire
from agent.values import Secret
from local import certificates
from local.keyvault.gate import Entra as VaultEntra
from local.keyvault.server import Vaults, VaultSpec
from tests.adapters.cast import ALICE, CLIENT, CONTOSO, CORRELATION, FABRIKAM, IDENTITY
from tests.adapters.minter import Minter
from tests.adapters.stand_ins import Entra, FixedProof, FixedToken, Graph, HandClock, Identity


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


@pytest.fixture
def mint(entra: Any, clock: Any) -> Minter:
    return Minter(entra, clock)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def door(settings: EntraSettings, wire: Wire, clock: Any, asked: list[str]) -> EntraDoor:
    async def registry(tenant: str) -> bool:
        asked.append(tenant)
        return tenant in (CONTOSO, FABRIKAM)

    return EntraDoor(settings, registry, wire, clock)


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
def broker(
    settings: EntraSettings,
    vault: Vault,
    wire: Wire,
    graph_wire: GraphWire,
    graph: Any,
    clock: Any,
    fixed_proof: Any,
) -> EntraBroker:
    exchange = Exchange(CONTOSO, settings, fixed_proof, wire)
    return EntraBroker(exchange, vault, graph_wire, TokenCache(clock), clock)


@pytest.fixture
async def lent(vault: Vault) -> None:
    await vault.set_secret("sponsorship-s1", Secret("bobs-refresh-token"))


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
