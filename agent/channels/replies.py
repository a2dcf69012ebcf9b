"""How the API says things: JSON answers, error bodies of CONTRACT, faults as 4xx and 503.

Never here: what is said of a request (`views`); stack traces, internal addresses, secrets.
"""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from agent.errors import Fault, Permanent, SignInNeeded, StoreUnusable, Transient


def reply(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON answer that nothing may cache or sniff."""
    return func.HttpResponse(
        json.dumps(value, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers={
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )


def problem(
    status: int,
    code: str,
    message: str,
    details: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """Return an error body of CONTRACT."""
    error = {"code": code, "message": message, "details": list(details)}
    return reply({"error": error}, status, headers)


def faulted(fault: Fault) -> func.HttpResponse:
    """Return what a caller is told of a fault: a sentence, and when to try again."""
    if isinstance(fault, SignInNeeded):
        return problem(
            401, "sign_in_needed", "please sign in again", headers={"WWW-Authenticate": "Bearer"}
        )
    if isinstance(fault, Transient):
        wait = str(max(1, int(fault.delay.total_seconds())))
        return problem(503, "busy", "please try again shortly", headers={"Retry-After": wait})
    if isinstance(fault, Permanent) and not isinstance(fault, StoreUnusable):
        return problem(422, fault.code, "Microsoft 365 did not let this be checked")
    return problem(
        503,
        "unavailable",
        "a store this must be checked against or recorded in cannot be used; nothing was changed",
        headers={"Retry-After": "30"},
    )
