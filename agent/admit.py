"""Take in what people send: requests, replies, votes. Once each, for one person, checked first.

Rules
- the person is the validated token's; nothing in a body can change that;
- the request row is the idempotency row: one insert decides who is first; a repeat of the same body
  is the same request, another body under the same key is a conflict;
- what is taken in is in the trail before it can have an effect; a repeat heals what a crash left;
- an event only wakes the run: it carries nothing, and the run reads the rows itself.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from agent import approve
from agent.calls import Ref
from agent.chronicle import request_draft, vote_draft
from agent.domain import Ask, Refusal, Request, Status
from agent.errors import StoreUnusable
from agent.ports import Tenant
from agent.receipts import Vote
from agent.records import Pending, RequestRecord
from agent.values import (
    Frozen,
    PersonId,
    RequestId,
    Secret,
    StepId,
    correlation,
    digest_of,
    fresh_id,
)

GRACE = timedelta(seconds=2)  # after admission; a start that takes longer is taken for lost
GRACE_LOOKS, GRACE_PAUSE = 10, 0.2  # and no wait is longer, whatever another machine's clock says


class Runs(Protocol):
    """The durable runs: started once, woken by name."""

    async def start(self, ref: Ref) -> None:
        """Start the run of a request that has none."""

    async def known(self, ref: Ref) -> bool:
        """Whether a run of this request was ever started."""

    async def wake(self, ref: Ref, event: str) -> None:
        """Wake a run that may wait for this event; a run that has ended is left alone."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who sends something, as their validated sign-in says."""

    id: PersonId
    upn: str | None
    assertion: Secret


class Admitted(Frozen):
    """What became of a request at the door."""

    verdict: Literal["new", "repeat", "conflict"]
    record: RequestRecord


class Voted(Frozen):
    """What became of a vote: the one that stands, and whether this press put it there."""

    verdict: Literal["recorded", "repeated", "decided"]
    vote: Vote


def request_id(tenant: Tenant, person: PersonId, key: str | None) -> RequestId:
    """Return the id of a request: bound to tenant, person and key, or fresh without a key."""
    return RequestId(digest_of([tenant.id, person, key])[:32] if key else fresh_id())


async def admit(tenant: Tenant, runs: Runs, person: Person, ask: Ask, request: Request) -> Admitted:
    """Take a request in and start its run. After StoreUnusable or Transient it is not in."""
    body_digest = digest_of(ask.model_dump(mode="json"))
    before = await tenant.requests.admit(request, body_digest, person.assertion)
    ref = Ref(tenant=tenant.id, request=request.id)
    if before is None:
        record = RequestRecord(request=request, body_digest=body_digest, status=Status.RUNNING)
        await _begin(tenant, runs, ref, record)
        return Admitted(verdict="new", record=record)
    if before.body_digest != body_digest or before.request.requester != person.id:
        return Admitted(verdict="conflict", record=before)
    if not before.status.final and not await _underway(
        tenant, runs, ref, before.request.created_at
    ):
        await _begin(tenant, runs, ref, before)
    return Admitted(verdict="repeat", record=before)


async def _underway(tenant: Tenant, runs: Runs, ref: Ref, admitted: datetime) -> bool:
    """Whether the run was started; the first of two calls at once is given time to start it."""
    for _ in range(GRACE_LOOKS):
        if await runs.known(ref):
            return True
        if tenant.clock.now() - admitted >= GRACE:
            return False
        await asyncio.sleep(GRACE_PAUSE)
    return False


async def _begin(tenant: Tenant, runs: Runs, ref: Ref, record: RequestRecord) -> None:
    # INVARIANT: the trail knows of a request before its run (tests/claims/test_seed_variants.py)
    await tenant.audit.append([request_draft(record.request, record.body_digest)])
    await runs.start(ref)


async def reply(
    tenant: Tenant, runs: Runs, person: Person, record: RequestRecord, text: str
) -> Refusal | None:
    """Keep a reply to the question that is open and wake the run; None when it was taken.

    The sign-in that came with the reply takes the place of the older one, which may have ended.
    """
    asked = record.work.asked if record.work else None
    if asked is None or record.status is not Status.WAITING_FOR_REPLY:
        return Refusal(
            code="nothing_asked",
            for_user="I have not asked you anything here.",
            for_admin="no question is open",
        )
    taken = await tenant.requests.reply(record.request.id, asked.number, text, person.assertion)
    if not taken:
        return Refusal(
            code="answered",
            for_user="You have answered this already.",
            for_admin=f"question {asked.number} was answered before",
        )
    await runs.wake(Ref(tenant=tenant.id, request=record.request.id), asked.event)
    return None


class Ballot(Frozen):
    """One press of approve or reject, as it arrived."""

    request: RequestId
    step: StepId
    digest: str
    decision: Literal["approve", "reject"]
    comment: str | None = None


async def vote(
    tenant: Tenant, runs: Runs, person: Person, ballot: Ballot
) -> Voted | Refusal | None:
    """Record a decision, once, by somebody who was asked; None when there is nothing to decide.

    The right to decide is read again on the press, with the approver's own token.
    """
    pending = await tenant.approvals.pending(ballot.request, ballot.step)
    mine = [p for p in pending if person.id in p.need.approvers]
    if not mine:
        return _stranger(person.id, ballot) if pending else None
    asked = mine[0]
    refusal = approve.may_vote(asked, person.id, ballot.digest, tenant.clock.now())
    if refusal is not None and refusal.code != "expired":
        return refusal
    before = await _mine_before(tenant, asked, person.id)
    if before is not None:
        await _wake(tenant, runs, asked)
        same = before.decision == ballot.decision
        return Voted(verdict="repeated" if same else "decided", vote=before)
    if refusal is not None:
        return refusal
    if not await _still_may(tenant, person, asked):
        return _stranger(person.id, ballot)
    return await _cast(tenant, runs, person, ballot, asked)


async def _cast(
    tenant: Tenant, runs: Runs, person: Person, ballot: Ballot, asked: Pending
) -> Voted:
    cast = Vote(
        step=ballot.step,
        slot=asked.need.slot,
        approver=person.id,
        upn=person.upn,
        decision=ballot.decision,
        digest=ballot.digest,
        comment=ballot.comment,
        at=tenant.clock.now(),
    )
    # The trail first: a vote that is not recorded must not count (the row is what counts).
    await tenant.audit.append([vote_draft(ballot.request, cast)])
    stood = await tenant.approvals.vote(ballot.request, cast, asked.need.quorum, person.assertion)
    await _wake(tenant, runs, asked)
    if stood is None:
        return Voted(verdict="recorded", vote=cast)
    return Voted(verdict="decided", vote=stood)


async def _mine_before(tenant: Tenant, asked: Pending, person: PersonId) -> Vote | None:
    votes = await tenant.approvals.votes(asked.request, asked.step)
    mine = (v for v in votes if v.slot == asked.need.slot and v.approver == person)
    return next((v for v in mine if v.digest == asked.digest), None)


async def _wake(tenant: Tenant, runs: Runs, asked: Pending) -> None:
    """Wake the run for every vote there is: a wake-up lost in a crash is made good by the next."""
    votes = await tenant.approvals.votes(asked.request, asked.step)
    ref = Ref(tenant=tenant.id, request=asked.request)
    for place in range(1, sum(1 for v in votes if v.slot == asked.need.slot) + 1):
        await runs.wake(ref, f"{asked.need.event}-{place}")


async def _still_may(tenant: Tenant, person: Person, asked: Pending) -> bool:
    """Whether the approver still is what they were asked as, read now as themselves."""
    if asked.need.by != "resource_owner":
        raise StoreUnusable("unknown_approver", f"nobody knows how to check `{asked.need.by}`")
    m365 = tenant.tokens.requester(person.id, person.assertion, correlation(asked.request))
    query = {"$select": "id"}
    owners = await m365.read_all("groups", asked.target.id, "owners", query=query)
    return person.id in {str(o["id"]).lower() for o in owners}


def _stranger(person: PersonId, ballot: Ballot) -> Refusal:
    return Refusal(
        code="not_an_approver",
        for_user="You are not asked to decide this.",
        for_admin=f"{person} may not decide step {ballot.step}",
    )
