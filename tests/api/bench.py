"""The API as its callers meet it: every call, a good body for each, and what a refusal holds to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.adapters.audit_table import AuditTable
from agent.boot import ROUTES
from agent.records import AuditRecord
from local.stage import Reply, Stage, http
from local.up import World
from tests.histories.management import Management

ME, OTHER = "emma.dubois@alderfinch.example", "carla.mendes@alderfinch.example"
ABROAD = "lars.haugen@borealis.example"
NOBODYS = "0" * 32
GROUP = "549c08d2-25ab-4d56-b09a-36ff559bf277"
VOTE = {"step": "s1", "digest": "a" * 64, "decision": "approve"}
GOOD: dict[str, Any] = {
    "create_request": {"text": "I need access to the Finance site"},
    "reply_to_request": {"text": "Finance"},
    "decide_approval": VOTE,
}
CALLS = {name: (method, f"/api/{route}") for name, route, method in ROUTES}
OF_ONE = ("show_request", "reply_to_request", "decide_approval", "show_audit")
TAKES_A_BODY = tuple(GOOD)


class Trail:
    """The audit trail of the first organisation, read where it lies."""

    def __init__(self, table: AuditTable) -> None:
        self._table, self._seen = table, 0

    async def new(self) -> list[AuditRecord]:
        """What was written since this was asked last."""
        found: list[AuditRecord] = []
        while more := await self._table.read(self._seen + 1, 500):
            found += more
            self._seen = more[-1].seq
        return found


@dataclass
class Bench:
    """What each of these tests needs, put up once."""

    world: World
    stage: Stage
    trail: Trail
    management: Management
    tokens: dict[str, str]
    others: str  # a request that somebody else made, and that has ended
    mine: str
    ran: list[str] = field(default_factory=list)

    def send(
        self,
        call: str,
        body: object = None,
        request: str = NOBODYS,
        headers: Mapping[str, str] | None = None,
        token: str | None = "mine",  # noqa: S107
        method: str | None = None,
    ) -> Reply:
        usual, path = CALLS[call]
        where = path.replace("{id}", request)
        where += f"?request={request}" if call == "show_audit" else ""
        signed = {} if token is None else {"authorization": self.tokens.get(token, token)}
        url = f"{self.world.facts['functions']}{where}"
        return http(method or usual, url, body, {**signed, **(headers or {})})


def check(reply: Reply, status: int, code: str) -> None:
    assert reply.status == status, reply
    error = reply.body["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code
    assert len(error["message"].split()) >= 3
    assert len(str(reply.body)) < 5_000


async def refused(bench: Bench, status: int, code: str, call: str, **sent: Any) -> Reply:
    """Send it, and hold everything that must hold of a call by an identified person."""
    mark = bench.stage.mark()
    await bench.trail.new()
    reply = bench.send(call, **sent)
    check(reply, status, code)
    assert bench.stage.changes(mark) == []
    written = await bench.trail.new()
    (record,) = written
    assert record.body["actor"] == bench.stage.oid(ME)
    assert record.body["outcome"] == "refused"
    assert record.body["detail"] == {"code": code}
    assert "request" not in record.body
    return reply
