"""What did a request to the Durable management API ask for?

Query parameters, ids and bodies in typed words. Never guesses: what cannot be read is refused.

Rules:
- flags and operations are compared without regard to case, as .NET does;
- a time without a zone is UTC;
- an instance id has up to 256 printable characters, no `/ \\ # ?`, and no `@` in front.
"""

import json
import uuid
from datetime import UTC, datetime

from aiohttp import web

from local.host.history import stamp

_LONGEST_ID = 256


class BadRequestError(Exception):
    """The request cannot be understood."""


def checked_id(given: str) -> str:
    """The instance id asked for, or a fresh one."""
    if not given:
        return uuid.uuid4().hex
    if given.startswith("@") or len(given) > _LONGEST_ID or not given.isprintable():
        raise BadRequestError(f"expected an id of up to {_LONGEST_ID} characters without @ first")
    if set(given) & set("/\\#?"):
        raise BadRequestError("Orchestration instance ids must not contain /, \\, # or ?")
    return given


def checked_json(text: str) -> str | None:
    """The JSON text of a body, None for nothing or null."""
    try:
        return text if text and json.loads(text) is not None else None
    except ValueError as fault:
        raise BadRequestError("Invalid JSON content") from fault


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """A true-or-false parameter."""
    return request.query.get(name, str(default)).lower() == "true"


def seconds(request: web.Request, name: str) -> float | None:
    """A parameter in seconds, None when absent."""
    try:
        return float(request.query[name]) if name in request.query else None
    except ValueError as fault:
        raise BadRequestError(f"expected seconds in {name!r}") from fault


def time(request: web.Request, name: str) -> str:
    """A time as the wire writes it, empty when absent."""
    text = request.query.get(name)
    if not text:
        return ""
    try:
        given = datetime.fromisoformat(text)
    except ValueError as fault:
        raise BadRequestError(f"expected a time in {name!r}, saw {text!r}") from fault
    return stamp(given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC))


def count(request: web.Request, name: str, default: int) -> int:
    """A number above 0."""
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise BadRequestError(f"expected a number above 0 in {name!r}, saw {text!r}")
    return int(text)
