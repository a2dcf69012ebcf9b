"""Microsoft Graph as one named person: the only code that can write to a tenant.

Rules
- a write spends its warrant first and is sent once, whatever comes back;
- a read may be tried three times in all, never after a timeout and never later than 3 s;
- every call carries that person's delegated token and the request's correlation GUID;
- a collection is whole or it is a fault: a truncated list would be a wrong fact;
- values enter a filter only through `odata_text`.

Never here: tokens' origin (`entra_tokens`), policy, `$batch` (one warrant covers one change).
"""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from agent.adapters.graph_answers import Answer, json_object, read_fault, write_fault
from agent.adapters.graph_wire import GraphWire, Lost
from agent.adapters.wire import retry_after
from agent.errors import Permanent, Transient, UnknownOutcome
from agent.ports import Clock
from agent.receipts import GraphTrace
from agent.values import GUID, PersonId, Secret, TenantId

if TYPE_CHECKING:
    from agent.authorize import Warrant

READ_TRIES = 3
PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=3)
MOST_PAGES = 20
LARGEST_BODY = 1024 * 1024
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TokenSource(Protocol):
    """Where one person's delegated token for Graph comes from."""

    async def token(self) -> Secret:
        """Return a token that is good now. Raises SignInNeeded, Permanent or Transient."""

    def forget(self) -> None:
        """Drop the token that Graph has just refused."""


def odata_text(value: str) -> str:
    """Return a value as an OData string literal. Raises Permanent for control characters."""
    if _CONTROL.search(value):
        raise Permanent("bad_text", "expected plain text for a filter, saw a control character")
    return "'" + value.replace("'", "''") + "'"


class PersonGraph:
    """`ports.M365`: one tenant, one person, one request."""

    def __init__(
        self,
        wire: GraphWire,
        tokens: TokenSource,
        clock: Clock,
        *,
        tenant: TenantId,
        person: PersonId,
        correlation: str,
    ) -> None:
        if not re.fullmatch(GUID, correlation):
            raise ValueError("expected a correlation GUID in lower case")
        self._wire, self._tokens, self._clock = wire, tokens, clock
        self._tenant, self._person, self._correlation = tenant, person, correlation

    @property
    def person(self) -> PersonId:
        return self._person

    def text(self, value: str) -> str:
        return odata_text(value)

    def reference(self, person: str) -> str:
        return self._wire.url(("directoryObjects", person))

    async def read(
        self, *path: str, query: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        answer = await self._get(self._wire.url(path, query), query)
        return None if answer.status == 404 else json_object(answer)

    async def read_all(
        self, *path: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        url, found = self._wire.url(path, query), list[dict[str, Any]]()
        for _ in range(MOST_PAGES):
            answer = await self._get(url, query)
            if answer.status == 404:
                raise Permanent("not_found", f"expected the collection `{path[-1]}`, saw 404")
            page = json_object(answer)
            items = page.get("value")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise Transient("odd_answer", "expected a page with a list of objects")
            found += items
            if "@odata.nextLink" not in page:
                return found
            url = self._wire.next_page(page["@odata.nextLink"])
        raise Permanent("too_many", f"expected at most {MOST_PAGES} pages of `{path[-1]}`")

    async def write(
        self, warrant: "Warrant", method: str, *path: str, body: Mapping[str, Any] | None = None
    ) -> GraphTrace:
        # INVARIANT: no warrant, no change (tests/adapters/test_graph_writes.py)
        warrant.spend(self._tenant, self._person, self._clock.now())
        if method not in _WRITES:
            raise Permanent("bad_method", "expected the method of a change")
        url, content, headers = self._wire.url(path), _encoded(body), await self._headers(None)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self._wire.send(method, url, headers, content)
        except Lost as lost:
            if not lost.sent:
                what = f"expected a connection to Graph, saw {lost.what}"
                raise Transient("graph_unreachable", what) from None
            what = f"expected an answer to {method}, saw {lost.what}"
            raise UnknownOutcome("answer_lost", what) from None
        if 200 <= answer.status < 300:
            return GraphTrace(request_id=answer.request_id, client_request_id=self._correlation)
        self._forget_refused(answer)
        raise write_fault(answer)

    async def _get(self, url: str, query: Mapping[str, str] | None) -> Answer:
        """Return a 2xx or a 404; anything else is raised."""
        for left in reversed(range(READ_TRIES)):
            headers = await self._headers(query)
            try:
                answer = await self._wire.send("GET", url, headers)
            except Lost as lost:
                if lost.slow or not left:
                    what = f"expected an answer to GET, saw {lost.what}"
                    raise Transient("graph_unreachable", what) from None
                continue
            if 200 <= answer.status < 300 or answer.status == 404:
                return answer
            pause = retry_after(answer.headers, PAUSE)
            if not left or answer.status not in (429, 503, 504) or pause > LONGEST_PAUSE:
                break
            await asyncio.sleep(pause.total_seconds())
        self._forget_refused(answer)
        raise read_fault(answer)

    async def _headers(self, query: Mapping[str, str] | None) -> dict[str, str]:
        token = await self._tokens.token()
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "Accept": "application/json",
            "client-request-id": self._correlation,
        }
        if query and ("$search" in query or query.get("$count") == "true"):
            headers["ConsistencyLevel"] = "eventual"  # Graph answers 400 to these without it
        return headers

    def _forget_refused(self, answer: Answer) -> None:
        if answer.status == 401:
            self._tokens.forget()


def _encoded(body: Mapping[str, Any] | None) -> bytes | None:
    if body is None:
        return None
    content = json.dumps(dict(body), allow_nan=False).encode()
    if len(content) > LARGEST_BODY:
        raise Permanent("too_large", f"expected a body of at most {LARGEST_BODY} bytes")
    return content
