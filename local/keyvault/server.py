"""The vaults, served over TLS on loopback, each on a port of its own.

Rules, in the order of a request: a fault of this program is an error with Key Vault's shape and
no detail; who is not admitted learns nothing; a planted fault strikes; only then is the vault
read or changed.
"""

import logging
import socket
import ssl
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from local.keyvault.face import Face
from local.keyvault.faults import PATH, Faults
from local.keyvault.gate import Entra, Gate
from local.keyvault.keys import Keys
from local.keyvault.secrets import Secrets
from local.keyvault.store import Store
from local.keyvault.wire import VaultError, bad_parameter

_LOG = logging.getLogger(__name__)
_MAX_BODY_BYTES = 256 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class VaultSpec(BaseModel):
    """One vault to serve: port 0 takes a free one; `allowed` are object ids and app ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-zA-Z][a-zA-Z0-9-]{2,23}$")
    port: int = Field(ge=0, le=65535)
    tenant: str
    allowed: frozenset[str]


class Vaults:
    """Every vault of this process; `urls` once started."""

    def __init__(self, data: Path, entra: Entra, tls: ssl.SSLContext, admin_key: str) -> None:
        self._data = data
        self._entra = entra
        self._tls = tls
        self._admin_key = admin_key
        self._runners: list[web.AppRunner] = []
        self._stores: list[Store] = []
        self.urls: dict[str, str] = {}

    async def start(self, specs: Sequence[VaultSpec]) -> None:
        """Serve all of them; OSError names the first port that is taken."""
        sockets = [_listen(spec) for spec in specs]
        for spec, listening in zip(specs, sockets, strict=True):
            port = int(listening.getsockname()[1])
            url = f"https://127.0.0.1:{port}"
            store = Store(self._data / f"{spec.name}.sqlite3")
            gate = Gate(self._entra, spec.tenant, port, spec.allowed)
            application = _application(
                (Secrets(url, store), Keys(url, store)), gate, Faults(self._admin_key)
            )
            runner = web.AppRunner(application, access_log=None, handle_signals=False)
            await runner.setup()
            await web.SockSite(runner, listening, ssl_context=self._tls).start()
            self._runners.append(runner)
            self._stores.append(store)
            self.urls[spec.name] = url

    async def stop(self) -> None:
        """Finish what is being answered, then let go of ports and files."""
        for runner in self._runners:
            await runner.cleanup()
        for store in self._stores:
            store.close()


def _listen(spec: VaultSpec) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", spec.port))
    except OSError as fault:
        said = f"expected port {spec.port} to be free for vault {spec.name}: {fault.strerror}"
        raise OSError(fault.errno, said) from fault


def _application(faces: Iterable[Face], gate: Gate, faults: Faults) -> web.Application:
    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await _answered(request, handler)
        answer.headers["x-ms-request-id"] = str(uuid.uuid4())
        answer.headers["x-ms-keyvault-region"] = "local"
        return answer

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != PATH:
            await gate.admit(request)
            if "api-version" not in request.query:
                raise bad_parameter("api-version must be specified")
            faults.strike(request)
        return await handler(request)

    application = web.Application(middlewares=[errors, door], client_max_size=_MAX_BODY_BYTES)
    for face in faces:
        application.add_routes(face.routes())
    application.add_routes([web.post(PATH, faults.plant), web.delete(PATH, faults.clear)])
    return application


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What `handler` answers; every fault becomes an error of Key Vault's shape."""
    try:
        return await handler(request)
    except VaultError as fault:
        return web.json_response(fault.body, status=fault.status, headers=fault.headers)
    except web.HTTPException as fault:
        message = f"{request.method} {request.path}: {fault.reason}, or not simulated"
        body = {"error": {"code": fault.reason.replace(" ", ""), "message": message}}
        return web.json_response(body, status=fault.status)
    except Exception:
        _LOG.exception("%s %s failed", request.method, request.path)
        body = {
            "error": {"code": "InternalServerError", "message": "the vault failed, see its log"}
        }
        return web.json_response(body, status=500)
