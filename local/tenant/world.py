"""What does the stage manager answer?

Answers the calls of CONTRACT's `world` over HTTP: people, tokens, objects, logs, faults, clock,
reset; and the managed-identity endpoint of the platform. Never reachable through Graph.

Rules:
- lists are plain lists; answers are never cached;
- a body that is not understood is 400 and changes nothing;
- calls about one organisation take `?tenant=` (id or domain); without it the first is meant;
- managed identities' `expires_on` is told on the machine's clock, because the SDK that reads it
  runs on that clock.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from local.tenant import stage
from local.tenant.claims import IDENTITY_LIFETIME_SECONDS, identity_claims
from local.tenant.cloud import Cloud
from local.tenant.estate import Tenant
from local.tenant.faults import FaultSpec
from local.tenant.records import fresh_id
from local.tenant.refusals import TokenRefusedError
from local.tenant.sign_in import TokenAsk, sign_in

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_FAULTS = TypeAdapter(list[FaultSpec])


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockMove(_Body):
    """How many seconds to move time on."""

    advance_seconds: float


class Latency(_Body):
    """Milliseconds added to every answer."""

    graph_ms: int | None = None
    entra_ms: int | None = None


class Delays(_Body):
    """How late logs and replicas are."""

    audit_seconds: float | None = None
    replication_reads: int | None = None
    index_seconds: float | None = None


class Switches(_Body):
    """What Microsoft enforces and tests may want or not."""

    throttling: bool | None = None
    site_trimming: bool | None = None


class KeyChange(_Body):
    """Whether a key rollover withdraws the earlier keys."""

    retire: bool = False


def world_app(cloud: Cloud) -> web.Application:
    """The HTTP application of the stage manager."""
    world = _World(cloud)
    app = web.Application(middlewares=[_explained])
    route = app.router
    route.add_get("/people", world.people)
    route.add_post("/token", world.token)
    route.add_get("/objects/{kind}", world.show_all)
    route.add_get("/objects/{kind}/{id}", world.show)
    route.add_put("/objects/{kind}/{id}", world.put)
    route.add_patch("/objects/{kind}/{id}", world.patch)
    route.add_delete("/objects/{kind}/{id}", world.delete)
    route.add_get("/changes", world.changes)
    route.add_get("/calls", world.calls)
    route.add_get("/faults", world.show_faults)
    route.add_post("/faults", world.plant_faults)
    route.add_delete("/faults", world.clear_faults)
    route.add_get("/clock", world.clock)
    route.add_post("/clock", world.move_clock)
    route.add_post("/reset", world.reset)
    route.add_get("/settings", world.settings)
    route.add_post("/settings", world.tuned(Switches))
    route.add_post("/latency", world.tuned(Latency))
    route.add_post("/delays", world.tuned(Delays))
    route.add_post("/keys", world.roll_keys)
    route.add_get("/msi/token", world.identity_token)
    return app


class _World:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def people(self, request: web.Request) -> web.Response:
        return _json(stage.people(self._tenant(request)))

    async def token(self, request: web.Request) -> web.Response:
        ask = TokenAsk.model_validate_json(await request.read())
        try:
            return _json(sign_in(self._cloud, ask))
        except TokenRefusedError as refusal:
            body = refusal.body(self._cloud.now(), fresh_id(), fresh_id())
            return _json(body, refusal.status)

    async def show_all(self, request: web.Request) -> web.Response:
        return _json(stage.show_all(self._tenant(request), request.match_info["kind"]))

    async def show(self, request: web.Request) -> web.Response:
        return _json(stage.show(self._tenant(request), *_named(request)))

    async def put(self, request: web.Request) -> web.Response:
        body = await _object(request)
        return _json(stage.put(self._tenant(request), *_named(request), body))

    async def patch(self, request: web.Request) -> web.Response:
        body = await _object(request)
        return _json(stage.patch(self._tenant(request), *_named(request), body))

    async def delete(self, request: web.Request) -> web.Response:
        stage.delete(self._tenant(request), *_named(request))
        return web.Response(status=204)

    async def changes(self, request: web.Request) -> web.Response:
        return _json(self._of_tenant(request, self._cloud.journal.changes_since(_since(request))))

    async def calls(self, request: web.Request) -> web.Response:
        return _json(self._of_tenant(request, self._cloud.journal.calls_since(_since(request))))

    async def show_faults(self, request: web.Request) -> web.Response:
        return _json(self._cloud.faults.view())

    async def plant_faults(self, request: web.Request) -> web.Response:
        planted = self._cloud.faults.plant(_FAULTS.validate_json(await request.read()))
        return _json([fault.view() for fault in planted])

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return web.Response(status=204)

    async def clock(self, request: web.Request) -> web.Response:
        now, offset = self._cloud.now(), self._cloud.clock.offset()
        return _json({"now": now.isoformat(), "offset_seconds": offset})

    async def move_clock(self, request: web.Request) -> web.Response:
        move = ClockMove.model_validate_json(await request.read())
        self._cloud.move_clock(move.advance_seconds)
        return await self.clock(request)

    async def reset(self, request: web.Request) -> web.Response:
        self._cloud.reset()
        return _json({"reset": True})

    async def settings(self, request: web.Request) -> web.Response:
        return _json(self._cloud.estate.settings.model_dump())

    def tuned(self, model: type[_Body]) -> Handler:
        """A handler that replaces the settings which a body of this model names."""

        async def tune(request: web.Request) -> web.StreamResponse:
            wanted = model.model_validate_json(await request.read())
            return _json(self._cloud.tune(wanted.model_dump(exclude_none=True)).model_dump())

        return tune

    async def roll_keys(self, request: web.Request) -> web.Response:
        change = KeyChange.model_validate_json(await request.read() or b"{}")
        return _json({"kid": self._cloud.signer.roll_over(retire=change.retire)})

    async def identity_token(self, request: web.Request) -> web.Response:
        estate = self._cloud.estate
        if request.headers.get("X-IDENTITY-HEADER") != estate.identity_header:
            return _json({"statusCode": 401, "message": "X-IDENTITY-HEADER does not match"}, 401)
        resource = request.query.get("resource", "")
        first = next(iter(estate.identities))
        identity = estate.identities.get(request.query.get("client_id", first).lower())
        if identity is None or not resource:
            return _json({"statusCode": 400, "message": "no such identity, or no resource"}, 400)
        issuer = self._cloud.issuer(identity.tenant)
        claims = identity_claims(identity, issuer=issuer, audience=resource, now=self._cloud.now())
        return _json(
            {
                "access_token": self._cloud.signer.sign(claims),
                "expires_on": str(int(time.time()) + IDENTITY_LIFETIME_SECONDS),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }
        )

    def _tenant(self, request: web.Request) -> Tenant:
        key = request.query.get("tenant")
        if key is None:
            return self._cloud.estate.first_tenant()
        tenant = self._cloud.estate.tenant(key)
        if tenant is None:
            raise stage.AbsentError(f"expected a tenant's id or domain, saw {key!r}")
        return tenant

    def _of_tenant(self, request: web.Request, entries: list[dict[str, Any]]) -> list[Any]:
        if "tenant" not in request.query:
            return entries
        tenant = self._tenant(request).id
        return [entry for entry in entries if entry["tenant"] == tenant]


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what the stage does not understand into an answer that says so."""
    try:
        return await handler(request)
    except stage.AbsentError as fault:
        return _problem(404, "not_found", str(fault))
    except (stage.StageError, ValidationError) as fault:
        return _problem(400, "not_understood", str(fault))


def _problem(status: int, code: Literal["not_found", "not_understood"], text: str) -> web.Response:
    return _json({"error": {"code": code, "message": text}}, status)


def _json(data: Any, status: int = 200) -> web.Response:
    return web.json_response(data, status=status, headers={"Cache-Control": "no-store"})


def _named(request: web.Request) -> tuple[str, str]:
    return request.match_info["kind"], request.match_info["id"]


def _since(request: web.Request) -> int:
    text = request.query.get("since", "0")
    if not text.isascii() or not text.isdigit():
        raise stage.StageError(f"expected a sequence number, saw {text!r}")
    return int(text)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as fault:
        raise stage.StageError("expected a JSON object, saw something else") from fault
    if not isinstance(body, dict):
        raise stage.StageError(f"expected a JSON object, saw {type(body).__name__}")
    return body
