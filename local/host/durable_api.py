"""What does the Durable management API answer?

The routes and status codes of the extension (HttpApiHandler.cs), the same for the app's own calls
and for the public webhook. Never checks a key: routes.py has, before it comes here.

Rules, the extension's unless said:
- 202 with Location while an instance lives, 200 when it has ended, also when it failed (500 only
  with returnInternalServerErrorOnFailure), 404 unknown, 410 ended, 409 id still running;
- a raised event's body is JSON and reaches the code as that JSON; the SDK's client encodes twice,
  so what it raises arrives as a string;
- lists are pages of 100 in the order of ids, with x-ms-continuation-token; the SDK's client reads
  the first page only;
- only ended instances are purged: 412 for one that lives;
- rewind is not served here: 501.
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.clock import ShiftedClock
from local.host.app import App
from local.host.client_payload import Links
from local.host.engine import Engine
from local.host.entities import entity_id
from local.host.history import Event, EventType, event
from local.host.instances import (
    TERMINAL,
    AlreadyRunningError,
    Instance,
    InstanceFilter,
    new_instance,
)
from local.host.parameters import (
    BadRequestError,
    checked_id,
    checked_json,
    count,
    flag,
    seconds,
    time,
)
from local.host.status import describe, describe_history, shown
from local.host.step import missing
from local.host.store import Store

_PAGE = 100
_TOKEN = "x-ms-continuation-token"  # noqa: S105 - a header's name


class DurableApi:
    """Serves one engine's orchestrations and entities over HTTP."""

    def __init__(
        self,
        app: App,
        engine: Engine,
        store: Store,
        clock: ShiftedClock,
        links: Links,
        default_version: str | None,
    ) -> None:
        self._app, self._engine, self._store = app, engine, store
        self._clock, self._links, self._default_version = clock, links, default_version

    async def handle(self, request: web.Request, tail: str) -> web.Response:
        """Answer `request` for the path `tail` below the API's base."""
        parts = [each for each in tail.split("/") if each]
        try:
            match request.method, parts:
                case "POST", ["orchestrators", name, *rest] if len(rest) < 2:
                    return await self._start(request, name, rest[0] if rest else "")
                case _, ["entities", *rest] if len(rest) < 3:
                    return await self._entity(request, rest)
                case "GET" | "DELETE", ["instances"]:
                    return self._many(request)
                case "GET" | "DELETE" | "POST", ["instances", instance_id, *rest]:
                    return await self._one(request, instance_id, rest)
            return web.Response(status=404)
        except BadRequestError as fault:
            return _json({"Message": str(fault), "ExceptionMessage": str(fault)}, 400)

    async def _start(self, request: web.Request, name: str, instance_id: str) -> web.Response:
        if self._app.find("orchestrationTrigger", name) is None:
            raise BadRequestError(missing("orchestrator", name))
        row = new_instance(
            checked_id(instance_id),
            name,
            request.query.get("version", self._default_version),
            checked_json(await request.text()),
            self._clock.now(),
        )
        return await self._begin(request, row)

    async def _begin(self, request: web.Request, row: Instance) -> web.Response:
        try:
            self._engine.begin(row)
        except AlreadyRunningError as fault:
            return _json({"Message": str(fault)}, 409)
        patience = seconds(request, "timeout")
        waits = patience is not None and seconds(request, "pollingInterval") is not None
        if waits and await self._engine.ended(row.id, patience or 0.0):
            ended = self._store.instance(row.id)
            if ended and ended.status == "Completed":
                return _json(shown(ended.output), 200)
            return self._status(request, row.id)
        urls = self._links.management(row.id)
        headers = {"Location": urls["statusQueryGetUri"], "Retry-After": "10"}
        return _json(urls, 202, headers)

    async def _one(self, request: web.Request, instance_id: str, rest: list[str]) -> web.Response:
        match request.method, rest:
            case "GET", []:
                return self._status(request, instance_id)
            case "DELETE", []:
                return self._purge_one(instance_id)
            case "POST", [operation] if serve := _OPERATIONS.get(operation.lower()):
                row = self._store.instance(instance_id)
                if row is None:
                    return web.Response(status=404)
                return await serve(self, request, row)
            case "POST", [operation, name] if operation.lower() == "raiseevent":
                return await self._raise(request, instance_id, name)
        return web.Response(status=404)

    def _status(self, request: web.Request, instance_id: str) -> web.Response:
        row = self._store.instance(instance_id)
        if row is None:
            return web.Response(status=404)
        answer = describe(row, show_input=flag(request, "showInput", default=True))
        if flag(request, "showHistory"):
            events = [each for step in self._store.history(row.id) for each in step]
            results = flag(request, "showHistoryOutput")
            answer["historyEvents"] = describe_history(events, show_results=results)
        if not row.is_terminal:
            return _json(answer, 202, {"Location": str(request.url), "Retry-After": "5"})
        failed = row.status == "Failed" and flag(request, "returnInternalServerErrorOnFailure")
        return _json(answer, 500 if failed else 200)

    def _purge_one(self, instance_id: str) -> web.Response:
        row = self._store.instance(instance_id)
        if row is None:
            return web.Response(status=404)
        if not row.is_terminal:
            sentence = (
                "Only orchestrations in a terminal state can be purged, but the orchestration"
                f" with instance ID {row.id} has status {row.status}"
            )
            return _json(sentence, 412)
        self._engine.forget([row.id])
        return _json({"instancesDeleted": 1}, 200)

    def _many(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            return self._purge_many(request)
        limit = count(request, "top", _PAGE)
        wanted = self._filter(request, request.headers.get(_TOKEN, ""), limit + 1)
        found = self._store.instances(wanted)
        page = found[:limit]
        headers = {_TOKEN: page[-1].id} if len(found) > limit else {}
        show_input = flag(request, "showInput")
        return _json([describe(row, show_input=show_input) for row in page], 200, headers)

    def _purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            raise BadRequestError("Please provide value for 'createdTimeFrom' parameter.")
        found = self._store.instances(self._filter(request, "", -1))
        ended = [row.id for row in found if row.status in TERMINAL]
        self._engine.forget(ended)
        return _json({"instancesDeleted": len(ended)}, 200) if ended else web.Response(status=404)

    def _filter(self, request: web.Request, after_id: str, limit: int) -> InstanceFilter:
        known = {each.lower(): each for each in (*TERMINAL, "Pending", "Running", "Suspended")}
        asked = ",".join(request.query.getall("runtimeStatus", [])).lower().split(",")
        return InstanceFilter(
            prefix=request.query.get("instanceIdPrefix", ""),
            created_from=time(request, "createdTimeFrom"),
            created_to=time(request, "createdTimeTo"),
            statuses=tuple(known[each] for each in asked if each in known),
            after_id=after_id,
            limit=limit,
        )

    async def _raise(self, request: web.Request, instance_id: str, name: str) -> web.Response:
        row = self._store.instance(instance_id)
        if row is None:
            return web.Response(status=404)
        if row.is_terminal:
            return web.Response(status=410)
        if request.content_type != "application/json":
            raise BadRequestError("Only application/json request content is supported")
        given = checked_json(await request.text())
        self._send(row.id, EventType.EVENT_RAISED, Name=name, Input=given)
        return web.Response(status=202)

    async def _terminate(self, request: web.Request, row: Instance) -> web.Response:
        return self._control(row, EventType.EXECUTION_TERMINATED, request)

    async def _suspend(self, request: web.Request, row: Instance) -> web.Response:
        return self._control(row, EventType.EXECUTION_SUSPENDED, request)

    async def _resume(self, request: web.Request, row: Instance) -> web.Response:
        return self._control(row, EventType.EXECUTION_RESUMED, request)

    def _control(self, row: Instance, kind: EventType, request: web.Request) -> web.Response:
        if row.is_terminal:
            return web.Response(status=410)
        self._send(row.id, kind, Input=request.query.get("reason"))
        return web.Response(status=202)

    async def _restart(self, request: web.Request, row: Instance) -> web.Response:
        fresh = flag(request, "restartWithNewInstanceId", default=True)
        new_id = uuid.uuid4().hex if fresh else row.id
        again = new_instance(new_id, row.name, row.version, row.input, self._clock.now())
        return await self._begin(request, again)

    async def _rewind(self, _: web.Request, row: Instance) -> web.Response:
        if row.status != "Failed":
            return _json(f"only a failed orchestration can be rewound, saw {row.status}", 412)
        return _json({"Message": "rewind is not served by the local host"}, 501)

    def _send(self, instance_id: str, kind: EventType, **fields: Any) -> None:
        arrived: Event = event(kind, self._clock.now(), **fields)
        self._engine.send(instance_id, arrived)

    async def _entity(self, request: web.Request, rest: list[str]) -> web.Response:
        if request.method == "GET" and len(rest) < 2:
            return self._entities(rest[0] if rest else "")
        if len(rest) != 2 or request.method not in ("GET", "POST", "DELETE"):
            return web.Response(status=404)
        name, key = rest
        if self._app.find("entityTrigger", name) is None:
            raise BadRequestError(missing("entity", name))
        target = entity_id(name, "" if key == "$" else key)
        if request.method == "GET":
            row = self._store.entity(target)
            return _json(json.loads(row.state), 200) if row else web.Response(status=404)
        operation = "delete" if request.method == "DELETE" else request.query.get("op", "")
        text = await request.text()
        if text and request.content_type != "application/json":
            text = json.dumps(text)
        self._engine.signal(target, operation, checked_json(text))
        return web.Response(status=202)

    def _entities(self, name: str) -> web.Response:
        rows = self._store.entities(entity_id(name, "") if name else "@")
        return _json(
            [
                {
                    "entityId": dict(zip(("name", "key"), row.id[1:].split("@", 1), strict=True)),
                    "lastOperationTime": row.updated,
                    "state": json.loads(row.state),
                }
                for row in rows
            ],
            200,
        )


_Operation = Callable[[DurableApi, web.Request, Instance], Awaitable[web.Response]]
_OPERATIONS: dict[str, _Operation] = {
    "terminate": DurableApi._terminate,
    "suspend": DurableApi._suspend,
    "resume": DurableApi._resume,
    "restart": DurableApi._restart,
    "rewind": DurableApi._rewind,
}


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)
