"""How does an HTTP request become a function call, and its result a response?

Never shows a caller why a function failed: the log has the trace, the response has nothing.

Rules:
- a level of FUNCTION or ADMIN needs the host's key, in `x-functions-key` or `code`; else 401;
- values go through the worker's converters: repeated query parameters and headers are joined with
  commas, a response keeps several Set-Cookie headers and of any other name the last;
- a string is 200 text/plain, None is 204, anything else that is not an HttpResponse is 500;
- a client that goes away does not end the function.
"""

import hmac
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.functions import meta
from multidict import CIMultiDict

from local.host.app import Function
from local.host.invoke import FunctionError, Invoker, converter
from local.host.routes import RouteTable

_log = logging.getLogger(__name__)


class HttpTriggers:
    """Serves the HTTP triggers of one app."""

    def __init__(self, routes: RouteTable, invoker: Invoker, key: str, client_payload: str) -> None:
        self._routes, self._invoker = routes, invoker
        self._key, self._client_payload = key, client_payload

    async def handle(self, request: web.Request) -> web.Response:
        """Answer `request` with the function its path means."""
        match = self._routes.find(request.method, request.rel_url.raw_path)
        if match is None:
            return web.Response(status=404)
        level = match.function.trigger.settings.get("authLevel") or "FUNCTION"
        if level != "ANONYMOUS" and not has_key(request, self._key):
            return web.Response(status=401)
        body = await request.read()
        values = {each: self._client_payload for each in match.function.clients}
        values[match.function.trigger.name] = _decode(request, match.values, body)
        return await self._call(match.function, values)

    async def _call(self, function: Function, values: Mapping[str, Any]) -> web.Response:
        try:
            return _encode(await self._invoker.run(function, values))
        except FunctionError as fault:
            _log.error("function %s failed: %s\n%s", function.name, fault, fault.stack)
        except NotImplementedError:
            _log.error("function %s returned what is not an HTTP response", function.name)
        return web.Response(status=500)


def has_key(request: web.Request, key: str) -> bool:
    """Whether `request` carries the host's key."""
    given = request.headers.get("x-functions-key") or request.query.get("code") or ""
    return hmac.compare_digest(given.encode(), key.encode())


def _decode(request: web.Request, values: Mapping[str, str], body: bytes) -> Any:
    content = {
        "method": meta.Datum(request.method, "string"),
        "url": meta.Datum(str(request.url), "string"),
        "headers": _joined(request.headers),
        "query": _joined(request.query),
        "params": {name: meta.Datum(value, "string") for name, value in values.items()},
        "body": meta.Datum(body, "bytes"),
    }
    return converter("httpTrigger").decode(meta.Datum(content, "http"), trigger_metadata=None)


def _joined(pairs: Any) -> dict[str, meta.Datum]:
    names = dict.fromkeys(pairs)
    return {name: meta.Datum(",".join(pairs.getall(name)), "string") for name in names}


def _encode(answer: Any) -> web.Response:
    if answer is None:
        return web.Response(status=204)
    datum = converter("http").encode(answer, expected_type=None)
    if datum.type == "string":
        return web.Response(text=datum.value)
    content = datum.value
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in content["headers"].items():
        if name.lower() not in ("content-length", "transfer-encoding"):
            headers[name] = value.value
    for jar in content["cookies"] or ():
        for cookie in jar.values():
            headers.add("Set-Cookie", cookie.OutputString())
    status = int(content["status_code"].value)
    return web.Response(status=status, body=content["body"].value, headers=headers)
