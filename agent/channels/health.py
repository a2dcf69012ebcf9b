"""Liveness and readiness, for load balancers and people. Says nothing secret, needs no sign-in."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from agent.channels.replies import reply
from agent.errors import Fault


async def check(ready: Callable[[], Awaitable[bool]]) -> func.HttpResponse:
    """Return 200 when the app can read its list of tenants, else 503."""
    try:
        serving = await ready()
    except Fault as fault:
        return reply({"status": "not_ready", "registry": fault.code}, 503, {"Retry-After": "10"})
    return reply({"status": "ready" if serving else "no_tenants", "registry": "ok"})
