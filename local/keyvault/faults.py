"""Which fault did a test ask for, and does it strike this request?

    POST /__faults    [{"match": {"method": "GET", "path": "/secrets/*"}, "fault": "429",
                        "times": 2, "retry_after": 1}]
    DELETE /__faults  forgets all

Rules:
- both calls need the admin key in `X-Admin-Key`, which lies in the data folder for its owner only;
- a fault strikes after the caller was admitted and before anything is read or changed, `times`
  times, oldest fault first; `match` fields that are absent match everything;
- 429 and 503 are what Key Vault answers when throttled or unwell; both carry Retry-After.
"""

import fnmatch
import hmac
import json
from collections import deque
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from local.keyvault.wire import VaultError, bad_parameter, forbidden

ADMIN_HEADER = "X-Admin-Key"
PATH = "/__faults"


class Match(BaseModel):
    """Which requests a fault strikes; `path` may hold `*`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str | None = None
    path: str = "*"


class Fault(BaseModel):
    """One fault, the number of times it strikes, and the seconds it tells clients to wait."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: Match = Match()
    fault: Literal["429", "503"]
    times: Annotated[int, Field(ge=1)] = 1
    retry_after: Annotated[int, Field(ge=0)] = 1


_FAULTS = TypeAdapter(list[Fault])


class Faults:
    """The faults that wait for requests to one vault."""

    def __init__(self, admin_key: str) -> None:
        self._admin_key = admin_key
        self._waiting: deque[Fault] = deque()

    async def plant(self, request: web.Request) -> web.Response:
        """POST: add faults."""
        self._admit(request)
        try:
            self._waiting.extend(_FAULTS.validate_json(await request.read()))
        except ValidationError as fault:
            wrong = json.loads(fault.json(include_url=False, include_context=False))
            raise bad_parameter(f"not a list of faults: {wrong}") from None
        return web.json_response({"waiting": len(self._waiting)})

    async def clear(self, request: web.Request) -> web.Response:
        """DELETE: forget all faults."""
        self._admit(request)
        self._waiting.clear()
        return web.json_response({"waiting": 0})

    def strike(self, request: web.Request) -> None:
        """Raise the first waiting fault that matches; return if none does."""
        for fault in self._waiting:
            if _matches(fault.match, request):
                self._spend(fault)
                raise _answer(fault)

    def _spend(self, fault: Fault) -> None:
        at = self._waiting.index(fault)
        if fault.times > 1:
            self._waiting[at] = fault.model_copy(update={"times": fault.times - 1})
        else:
            del self._waiting[at]

    def _admit(self, request: web.Request) -> None:
        given = request.headers.get(ADMIN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._admin_key.encode()):
            raise forbidden(f"expected the admin key in {ADMIN_HEADER}", "ForbiddenByPolicy")


def _matches(match: Match, request: web.Request) -> bool:
    right_method = match.method in (None, request.method)
    return right_method and fnmatch.fnmatchcase(request.path, match.path)


def _answer(fault: Fault) -> VaultError:
    code, message = {
        "429": ("Throttled", "Request was not processed because too many requests were received."),
        "503": ("ServiceUnavailable", "The service is unavailable. Please try again later."),
    }[fault.fault]
    refusal = VaultError(int(fault.fault), code, message)
    refusal.headers["Retry-After"] = str(fault.retry_after)
    return refusal
