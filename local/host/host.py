"""How do the parts make a Functions host?

Puts one app on one port: HTTP triggers, timer triggers, orchestrations and their management API.
Loopback only. Never deployed.

Rules:
- it serves before it takes up old work, so that what it takes up can call back;
- the app's own way to the management API is a path with a secret of this process; the public one
  and the admin route need the host's key; both answer 401 without;
- a stop abandons what is in flight: the store has it, and the next start does it again;
- a fault of the host ends it (`failed`), it never limps on.
"""

import asyncio
import hmac
import logging
import os
import secrets
from pathlib import Path

from aiohttp import web

from local.clock import ShiftedClock
from local.host import sdk
from local.host.activities import Activities
from local.host.alarms import Alarms
from local.host.app import load_app
from local.host.client_payload import RPC_PATH, WEBHOOK_PATH, Links
from local.host.config import BODY_LIMIT, read_config
from local.host.durable_api import DurableApi
from local.host.engine import Engine
from local.host.http_triggers import HttpTriggers, has_key
from local.host.invoke import Invoker
from local.host.routes import RouteTable
from local.host.schedules import Schedules
from local.host.store import Store
from local.host.tasks import Tasks

_log = logging.getLogger(__name__)
_SHUTDOWN_SECONDS = 1.0


class FunctionsHost:
    """One app on one port; make it, `start` it, `stop` it."""

    def __init__(
        self,
        app_directory: Path,
        database: Path,
        key: str,
        *,
        port: int = 0,
        clock: ShiftedClock | None = None,
    ) -> None:
        if not key:
            raise ValueError("expected a key that is not empty")
        self._config = read_config(app_directory)
        self._app = load_app(app_directory)
        self._routes = RouteTable(self._app.of_kind("httpTrigger"), self._config.route_prefix)
        self._database, self._key, self._port = database, key, port
        self._clock = clock or ShiftedClock(None)
        self._secret = secrets.token_urlsafe(24)
        self._url = ""

    @property
    def url(self) -> str:
        """Where it serves, once started."""
        return self._url

    @property
    def functions(self) -> dict[str, str]:
        """Every function's name and the type of its trigger."""
        return {name: each.trigger.type for name, each in self._app.functions.items()}

    async def start(self) -> None:
        """Serve, then take up what an earlier host left; AppError or StoreError if it cannot."""
        sdk.use_fast_dates()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._store = Store(self._database)
        try:
            await self._listen()
            self._assemble(Links(self._url, self._config.hub_name, self._key, self._secret))
        except BaseException:
            await self._runner.cleanup()
            self._store.close()
            raise
        self._tasks.spawn(self._alarms.run())
        self._engine.start()
        self._schedules.start()

    async def stop(self) -> None:
        """Stop serving, abandon what is in flight, let go of the store."""
        self._invoker.stop()
        await self._tasks.stop()
        await self._runner.cleanup()
        await sdk.close_client_session()
        self._engine.stop()
        self._store.close()

    async def ended(self, instance_id: str, seconds: float) -> bool:
        """Wait until the orchestration has ended; False if it lives on after `seconds`."""
        return await self._engine.ended(instance_id, seconds)

    async def _listen(self) -> None:
        limit = os.environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")
        server = web.Application(client_max_size=int(limit) if limit else BODY_LIMIT)
        self._runner = web.AppRunner(
            server, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
        )
        server.router.add_route("*", WEBHOOK_PATH + "{tail:.*}", self._webhook)
        server.router.add_route("*", RPC_PATH + "{secret}/{tail:.*}", self._rpc)
        server.router.add_route("*", RPC_PATH + "{tail:.*}", _unauthorized)
        server.router.add_post("/admin/functions/{name}", self._admin)
        server.router.add_route("*", "/{tail:.*}", self._trigger)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _assemble(self, links: Links) -> None:
        app, store, clock = self._app, self._store, self._clock
        self._invoker = Invoker()
        self._tasks = Tasks(self._on_fault)
        self._alarms = Alarms(clock)
        activities = Activities(app, self._invoker, clock, self._tasks, self._config.max_activities)
        self._engine = Engine(
            app, store, clock, self._alarms, self._invoker, activities, self._on_fault
        )
        self._api = DurableApi(app, self._engine, store, clock, links, self._config.default_version)
        self._triggers = HttpTriggers(self._routes, self._invoker, self._key, links.client_payload)
        self._schedules = Schedules(
            app.of_kind("timerTrigger"),
            store,
            clock,
            self._alarms,
            self._invoker,
            self._tasks,
            links.client_payload,
        )

    def _on_fault(self, fault: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(fault)

    async def _trigger(self, request: web.Request) -> web.Response:
        return await self._triggers.handle(request)

    async def _webhook(self, request: web.Request) -> web.Response:
        if not has_key(request, self._key):
            return web.Response(status=401)
        return await self._api.handle(request, request.match_info["tail"])

    async def _rpc(self, request: web.Request) -> web.Response:
        given = request.match_info["secret"]
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return web.Response(status=401)
        return await self._api.handle(request, request.match_info["tail"])

    async def _admin(self, request: web.Request) -> web.Response:
        if not has_key(request, self._key):
            return web.Response(status=401)
        name = request.match_info["name"]
        if not self._schedules.knows(name):
            known = name in self._app.functions
            return web.Response(status=400 if known else 404)
        self._schedules.run_now(name)
        return web.Response(status=202)


async def _unauthorized(_: web.Request) -> web.Response:
    return web.Response(status=401)
