"""What the store tests are made of: a clock moved by hand, a key, a lossy line, sample values."""

import base64
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from agent.adapters.sealing import DataKey
from agent.adapters.tables import Rows
from agent.domain import (
    ActionSpec,
    ApprovalNeed,
    Ask,
    Authority,
    AuthorityMode,
    Intent,
    Plan,
    Request,
    Ruling,
    Step,
    TargetFacts,
    Work,
)
from agent.receipts import Began, Receipt, Vote
from agent.values import GroupId, PersonId, RequestId, Secret, StepId, fresh_id
from policy.decide import Decision

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = StepId("s1")
DIGEST = "d" * 64
TOKEN = Secret("canary-token")
RENEWED = Secret("canary-renewed")

FreshTable = Callable[[str], Awaitable[Rows]]
_PER_HOP = {"transfer-encoding", "connection", "keep-alive", "content-length"}


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


class OneDataKey:
    """The data key of one tenant, as if the vault had just given it."""

    def __init__(self) -> None:
        raw = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        self._key = DataKey("v1", Secret(raw), NOW)

    async def newest(self) -> DataKey:
        return self._key

    async def named(self, version: str) -> DataKey:
        return self._key


@dataclass
class Trouble:
    """How often a store fails, and how: each a part of all requests."""

    chance: random.Random
    refuse: float  # 503, not carried out
    deny: float  # 412 to a write, not carried out: somebody else was faster, it says
    lose: float  # carried out, and the answer is lost


class Line:
    """Forwards to Azurite; on demand it swallows answers, or says that the store is busy."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.url = ""
        self.lose = 0  # so many further answers to writes are lost after they were carried out
        self.instead: Callable[[], Awaitable[object]] | None = None  # happens for one lost write
        self.busy = 0  # so many further requests are answered 503 and not carried out
        self.seen: list[str] = []
        self.trouble: Trouble | None = None
        self.troubled = 0

    async def handle(self, asked: web.Request) -> web.StreamResponse:
        self.seen.append(asked.method)
        if self.busy:
            self.busy -= 1
            return web.Response(status=503)
        fate = self.trouble.chance.random() if self.trouble else 1.0
        if (status := self._fails(asked, fate)) is not None:
            self.troubled += 1
            return web.Response(status=status)
        if self.instead and asked.method != "GET":
            happens, self.instead = self.instead, None
            await happens()
            assert asked.transport is not None
            asked.transport.close()
            return web.Response()
        url = URL(self._target + asked.raw_path, encoded=True)  # it was signed as it came
        body, headers = await asked.read() or None, asked.headers
        async with (
            aiohttp.ClientSession() as session,
            session.request(asked.method, url, headers=headers, data=body) as answer,
        ):
            said = await answer.read()
        lost = self.trouble is not None and 1 - fate < self.trouble.lose
        self.troubled += lost
        if lost or (self.lose and asked.method != "GET"):
            self.lose -= 0 if lost else 1
            assert asked.transport is not None
            asked.transport.close()
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _PER_HOP}
        return web.Response(status=answer.status, headers=kept, body=said)

    def _fails(self, asked: web.Request, fate: float) -> int | None:
        """Return with which status this request is to fail, without being carried out."""
        if self.trouble is None:
            return None
        if fate < self.trouble.refuse:
            return 503
        denied = fate < self.trouble.refuse + self.trouble.deny
        return 412 if denied and asked.method != "GET" and "$batch" not in asked.path else None


def person(number: int) -> PersonId:
    return PersonId(f"00000000-0000-4000-8000-{number:012d}")


def request_of(
    text: str = "let me into Finance", who: PersonId | None = None, **changes: Any
) -> Request:
    said: dict[str, Any] = {
        "id": RequestId(fresh_id()),
        "requester": who or person(1),
        "channel": "http",
        "ask": Ask(text=text),
        "created_at": NOW,
        "signed_in_at": NOW,
    }
    return Request(**(said | changes))


def permit() -> Decision:
    return Decision(
        effect="permit",
        layers=(),
        obligations=(),
        shadow=(),
        unknown=(),
        snapshot=None,
        reason="because",
        remedy=None,
    )


def ruling_of(department: str = "Finance", at: datetime = NOW) -> Ruling:
    facts = {"requester": {"department": department}, "runtime": {"now": at.isoformat()}}
    return Ruling(facts=facts, decision=permit())  # type: ignore[arg-type]


def step_of(quorum: int = 1, approvers: int = 1, summary: str = "Add them") -> Step:
    action = ActionSpec(name="group.member.add", arguments={"group": "g1"})
    need = ApprovalNeed(
        slot="resource_owner",
        by="resource_owner",
        quorum=quorum,
        when="before",
        approvers=tuple(person(100 + n) for n in range(approvers)),
        expires_at=NOW + timedelta(hours=8),
        event="approval-s1-nonce",
    )
    return Step(
        id=STEP,
        action=action,
        digest=action.digest,
        target=TargetFacts(type="group", id=GroupId("g1"), name="Finance"),
        reversible=True,
        summary=summary,
        achieved="You are now a member.",
        facts=ruling_of().facts,
        forecast=permit(),
        undo_facts=None,
        undo_forecast=None,
        approvals=(need,),
    )


def work_of(say: str = "hello", steps: tuple[Step, ...] = ()) -> Work:
    return Work(intent=Intent(kind="act", intent="access", say=say), plan=Plan(steps=steps))


def began_of(before: Any = None) -> Began:
    authority = Authority(mode=AuthorityMode.SPONSOR, person=person(7), why="lent")
    return Began(before=before, authority=authority, decision=permit())


def receipt_of(after: Any = None, **changes: Any) -> Receipt:
    said = {"step": STEP, "direction": "do", "outcome": "done", "after": after, "at": NOW}
    return Receipt.model_validate(said | changes)


def vote_of(number: int, decision: str = "approve", **changes: Any) -> Vote:
    step = step_of()
    said = {
        "step": step.id,
        "slot": "resource_owner",
        "approver": person(100 + number),
        "decision": decision,
        "digest": step.digest,
        "at": NOW,
    }
    return Vote.model_validate(said | changes)
