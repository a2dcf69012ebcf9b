"""How is the simulated Microsoft 365 reached?

Answers three listeners on loopback: Graph and the stage manager over HTTP, Entra ID over HTTPS.
Never listens on another address.

Rules:
- addresses kept from an earlier run are used again where they are free, so that what was told to
  others stays true;
- a stop lets go of what is held, waits a moment for what is running, and then saves.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from local.tenant.batch import answer_batch
from local.tenant.cloud import Cloud
from local.tenant.entra import entra_app
from local.tenant.errors import RefusedError
from local.tenant.faults import DroppedError
from local.tenant.graph import Answer, Request, answer
from local.tenant.records import fresh_id
from local.tenant.wire import dropped, is_gone
from local.tenant.world import world_app

GRAPH_VERSION = "/v1.0"
_LOOPBACK = "127.0.0.1"
_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
_LAST_WORDS_SECONDS = 1.0


@dataclass(frozen=True)
class Ports:
    """Which ports to listen on; 0 takes the one of the last run, or a free one."""

    graph: int = 0
    entra: int = 0
    world: int = 0


def graph_app(cloud: Cloud) -> web.Application:
    """The HTTP application of the simulated Graph."""

    async def serve(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(cloud.estate.settings.graph_ms / 1000)
        asked = Request(
            method=request.method,
            path=request.rel_url.raw_path.removeprefix(GRAPH_VERSION),
            query=request.rel_url.raw_query_string,
            headers=request.headers,
            body=await request.read(),
        )
        try:
            said = await _answered(cloud, asked, request)
        except DroppedError:
            return dropped(request)
        return _response(cloud, said)

    app = web.Application()
    app.router.add_route("*", GRAPH_VERSION + "/{path:.*}", serve)
    return app


async def start(cloud: Cloud, ports: Ports, cert: Path, key: Path) -> Callable[[], Awaitable[None]]:
    """Listen; returns what stops listening."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    graph = _bound(ports.graph, cloud.graph_url)
    entra = _bound(ports.entra, cloud.entra_url)
    world = _bound(ports.world, cloud.world_url)
    cloud.graph_url = _url("http", graph) + GRAPH_VERSION
    cloud.entra_url = _url("https", entra)
    cloud.world_url = _url("http", world)
    runners = [
        await _run(graph_app(cloud), graph, None),
        await _run(entra_app(cloud), entra, tls),
        await _run(world_app(cloud), world, None),
    ]

    async def stop() -> None:
        cloud.faults.clear()
        for runner in runners:
            await runner.cleanup()

    return stop


def facts(cloud: Cloud) -> dict[str, object]:
    """What others need to know to use this cloud."""
    estate = cloud.estate
    client_id = estate.app().client_id
    return {
        "graph": cloud.graph_url,
        "entra": cloud.entra_url,
        "world": cloud.world_url,
        "tenants": [
            {"id": t.id, "name": t.name, "domain": t.domain} for t in estate.tenants.values()
        ],
        "api": {"client_id": client_id, "scope": f"api://{client_id}/access_as_user"},
        "bot": {"app_id": estate.bot_app_id},
        "msi": {"endpoint": f"{cloud.world_url}/msi/token", "header": estate.identity_header},
        "identities": [identity.model_dump() for identity in estate.identities.values()],
    }


async def _answered(cloud: Cloud, asked: Request, request: web.Request) -> Answer:
    def gone() -> bool:
        return is_gone(request)

    if asked.path != "/$batch":
        return await answer(cloud, asked, gone)
    if asked.method != "POST":
        refused = RefusedError(405, "Request_BadRequest", "Only POST is allowed for $batch.")
        request_id = fresh_id()
        return Answer(405, refused.body(cloud.now().isoformat(), request_id, request_id))
    return await answer_batch(cloud, asked, gone)


def _response(cloud: Cloud, said: Answer) -> web.Response:
    headers = said.headers | {"Date": format_datetime(cloud.now(), usegmt=True)}
    if said.body is None:
        return web.Response(status=said.status, headers=headers)
    headers["Content-Type"] = _JSON
    body = json.dumps(said.body, ensure_ascii=False).encode()
    return web.Response(status=said.status, body=body, headers=headers)


def _bound(port: int, before: str) -> socket.socket:
    kept = urlsplit(before).port if before else None
    if port == 0 and kept:
        try:
            return socket.create_server((_LOOPBACK, kept))
        except OSError:
            # Somebody else has it now; a free one will do, and is told in the facts.
            return socket.create_server((_LOOPBACK, 0))
    return socket.create_server((_LOOPBACK, port))


def _url(scheme: str, bound: socket.socket) -> str:
    return f"{scheme}://{_LOOPBACK}:{bound.getsockname()[1]}"


async def _run(
    app: web.Application, bound: socket.socket, tls: ssl.SSLContext | None
) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_WORDS_SECONDS)
    await runner.setup()
    await web.SockSite(runner, bound, ssl_context=tls).start()
    return runner
