"""People and the stage of a running local world, for whoever tells, tests or measures a story.

`Stage` is the stage manager (`world` of `local up --json`): tokens, what really changed, faults,
the clock. `Person` talks to the product's HTTP API as one seeded person. Plain blocking HTTP on
loopback.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

FINAL = ("done", "refused", "undone", "partly_done", "escalated", "cancelled")
PATIENCE_SECONDS = 60.0


class StoryError(Exception):
    """The local world did not do what a story needs; not a verdict on the product."""


@dataclass(frozen=True)
class Reply:
    """One HTTP answer: status, headers in lower case, JSON body (None when it is no JSON)."""

    status: int
    headers: Mapping[str, str]
    body: Any


def http(
    method: str,
    url: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> Reply:
    """Send one request; a body that is bytes goes as it is, anything else as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, method=method, data=data, headers=sent)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            return _reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _reply(error.code, error.headers, error.read())


def _reply(status: int, headers: Any, raw: bytes) -> Reply:
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    return Reply(status, {k.lower(): v for k, v in headers.items()}, body)


class Stage:
    """The stage manager of a local world."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.url = str(facts["world"])

    def _call(self, method: str, path: str, body: object = None) -> Any:
        reply = http(method, self.url + path, body)
        if reply.status >= 400:
            raise StoryError(f"{method} {path}: expected a 2xx of the stage, saw {reply}")
        return reply.body

    def token(self, upn: str, audience: str = "api", **more: object) -> str:
        """A token as Entra would sign it for that person."""
        asked = {"upn": upn, "audience": audience, **more}
        return str(self._call("POST", "/token", asked)["token"])

    def person(self, upn: str) -> "Person":
        """Somebody of the seed, ready to use the product."""
        return Person(self, upn)

    def oid(self, upn: str) -> str:
        """A person's object id."""
        people = self._call("GET", "/people") + [
            one for t in self.facts["tenants"][1:] for one in self.people(t["id"])
        ]
        return next(str(p["oid"]) for p in people if p["upn"] == upn)

    def people(self, tenant: str) -> list[dict[str, Any]]:
        """The people of one organisation."""
        found: list[dict[str, Any]] = self._call("GET", f"/people?tenant={tenant}")
        return found

    def group(self, name: str, tenant: str | None = None) -> dict[str, Any]:
        """A group by display name, with its members and owners by id."""
        return next(g for g in self.objects("groups", tenant) if g["displayName"] == name)

    def objects(self, kind: str, tenant: str | None = None) -> list[dict[str, Any]]:
        """Everything of a kind that the tenant holds: groups, audits, sign-ins and so on."""
        where = f"?tenant={tenant}" if tenant else ""
        found: list[dict[str, Any]] = self._call("GET", f"/objects/{kind}{where}")
        return found

    def is_member(self, upn: str, group: str) -> bool:
        """Whether the world itself says that the person is a direct member."""
        return self.oid(upn) in self.group(group)["members"]

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call that could change the tenant, with `changed` where it did."""
        found: list[dict[str, Any]] = self._call("GET", f"/changes?since={since}")
        return found

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call to Graph and Entra, reads and refused ones too."""
        found: list[dict[str, Any]] = self._call("GET", f"/calls?since={since}")
        return found

    def mark(self) -> int:
        """The newest change's number: `changes(mark)` then tells only what came after."""
        return max((c["seq"] for c in self.changes()), default=0)

    def fault(
        self, fault: str, times: int = 1, seconds: float | None = None, **match: object
    ) -> None:
        """Make the next matching calls fail (method, path, actor, nth)."""
        planted: dict[str, object] = {"match": match, "fault": fault, "times": times}
        if seconds is not None:
            planted["seconds"] = seconds
        self._call("POST", "/faults", [planted])

    def heal(self) -> None:
        """Take every planted fault away; calls that were held go on."""
        self._call("DELETE", "/faults")

    def holding(self) -> int:
        """How many calls planted faults hold at this moment."""
        return sum(int(fault["holding"]) for fault in self._call("GET", "/faults"))

    def now(self) -> datetime:
        """The time of everything."""
        return datetime.fromisoformat(self._call("GET", "/clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the clock of everything: tokens, tenant, timers, policy."""
        self._call("POST", "/clock", {"advance_seconds": seconds})

    def set_object(
        self, kind: str, identity: str, change: Mapping[str, object], tenant: str | None = None
    ) -> None:
        """Change a planted object as an administrator would."""
        where = f"?tenant={tenant}" if tenant else ""
        self._call("PATCH", f"/objects/{kind}/{identity}{where}", change)

    def plant(self, kind: str, identity: str, whole: Mapping[str, object]) -> None:
        """Create or replace an object of the first organisation."""
        self._call("PUT", f"/objects/{kind}/{quote(identity, safe='')}", whole)

    def remove(self, kind: str, identity: str) -> None:
        """Make something of the first organisation vanish: an object, or an entry of a log."""
        self._call("DELETE", f"/objects/{kind}/{quote(identity, safe='')}")

    def tune(self, what: str, values: Mapping[str, object]) -> None:
        """Turn one of the tenant's switches: settings or delays."""
        self._call("POST", f"/{what}", values)

    def latency(self, graph_ms: int) -> None:
        """Let every Graph call take this long."""
        self._call("POST", "/latency", {"graph_ms": graph_ms})

    def reset(self) -> None:
        """Bring tenant, clock and logs back to the seed (the product's own stores stay)."""
        self._call("POST", "/reset")


class Person:
    """One person who uses the product's API."""

    def __init__(self, stage: Stage, upn: str) -> None:
        self.stage, self.upn = stage, upn
        self.api = f"{stage.facts['functions']}/api/v1"

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Call the API as this person."""
        signed_in = {"authorization": f"Bearer {self.stage.token(self.upn)}", **(headers or {})}
        return http(method, self.api + path, body, signed_in)

    def ask(self, text: str, key: str | None = None) -> str:
        """Send a sentence; the id of the request."""
        reply = self.call("POST", "/requests", {"text": text}, _key(key))
        if reply.status != 202:
            raise StoryError(f"expected 202 for `{text}`, saw {reply.status} {reply.body}")
        return str(reply.body["id"])

    def do(self, action: str, **arguments: str) -> Reply:
        """Ask for a known action with its arguments."""
        return self.call("POST", "/requests", {"action": action, "arguments": arguments})

    def see(self, request: str) -> dict[str, Any]:
        """The request as the API shows it to this person."""
        reply = self.call("GET", f"/requests/{request}")
        if reply.status not in (200, 202):
            raise StoryError(f"expected to see request {request}, saw {reply.status} {reply.body}")
        found: dict[str, Any] = reply.body
        return found

    def follow(
        self, request: str, until: Sequence[str] = FINAL, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """Wait until the request has one of these statuses (or has ended) and return it."""
        end = time.monotonic() + seconds
        seen = self.see(request)
        while seen["status"] not in (*until, *FINAL):
            if time.monotonic() > end:
                raise StoryError(f"expected {request} to be {until}, saw {seen['status']}")
            time.sleep(0.05)
            seen = self.see(request)
        return seen

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for this person's decision."""
        items: list[dict[str, Any]] = self.call("GET", "/approvals").body["items"]
        return items

    def pending(self, request: str) -> dict[str, Any]:
        """What waits for this person's decision about one request."""
        found = [item for item in self.waiting() if item["request"] == request]
        if not found:
            raise StoryError(f"expected {request} to wait for {self.upn}, saw nothing")
        return found[0]

    def decide(self, pending: Mapping[str, Any], decision: str, **change: object) -> Reply:
        """Approve or reject what was shown."""
        body = {"step": pending["step"], "digest": pending["digest"], "decision": decision}
        return self.call("POST", f"/requests/{pending['request']}/approvals", {**body, **change})

    def tickets(self) -> list[dict[str, Any]]:
        """What was handed over to this person."""
        items: list[dict[str, Any]] = self.call("GET", "/tickets").body["items"]
        return items

    def trail(self, request: str) -> list[dict[str, Any]]:
        """The audit records of one of this person's requests."""
        items: list[dict[str, Any]] = self.call("GET", f"/audit?request={request}").body["items"]
        return items


def _key(key: str | None) -> dict[str, str]:
    return {} if key is None else {"idempotency-key": key}
