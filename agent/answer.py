"""From receipts to what people are told. Nothing is claimed that a receipt does not say.

Rules: DONE only from read-back; UNKNOWN is said as such; a refusal says what would help; whatever a
person has to look at becomes a ticket with the whole account. Never here: the model, guesses.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from agent.calls import Ended
from agent.chronicle import answer_drafts
from agent.domain import Refusal, Status, Step, Work
from agent.errors import StoreUnusable
from agent.ports import Tenant
from agent.receipts import Answer, Outcome, Receipt, Ticket
from agent.records import RequestRecord
from agent.values import PersonId, RequestId, StepId, canonical

# A no of policy or of an approver is an answer; any other refusal needs a person to look.
_PLAIN_NO = ("denied", "undo_denied", "rejected", "no_answer", "not_for_me", "unchangeable", "owed")
_PLAIN_NO_PREFIX = "owed_"
LONGEST_FINDING = 300


async def answer(tenant: Tenant, request: RequestId) -> Ended:
    """End a request: say what is true, hand over what a person must see, record it."""
    stored = await tenant.requests.whole(request)
    record = stored.record
    if record is None:
        raise StoreUnusable("request_missing", f"request {request} is not in the store")
    if record.answer is not None and record.status.final:
        return await _told_before(tenant, record, record.answer)
    said = compose(record, stored.receipts, tenant.service_desk, stored.unsettled)
    now = tenant.clock.now()
    # The end is told even where the trail cannot be written: silence would be worse, and nothing
    # is changed here. What failed is raised afterwards, so that the run tries again.
    ended = await asyncio.gather(
        tenant.requests.finish(request, said, now),
        tenant.audit.append(answer_drafts(record.request, said, now)),
        _forgotten(tenant, record),
        return_exceptions=True,
    )
    for problem in ended:
        if isinstance(problem, BaseException):
            raise problem
    return Ended(status=said.status)


async def _forgotten(tenant: Tenant, record: RequestRecord) -> None:
    """Forget what approvers lent for this request; the requester's goes with its end."""
    if record.work is not None and any(step.approvals for step in record.work.plan.steps):
        await tenant.approvals.forget(record.request.id)


async def _told_before(tenant: Tenant, record: RequestRecord, said: Answer) -> Ended:
    """The end was kept by an earlier attempt; make sure that the trail has it, once."""
    trail = await tenant.audit.of_request(record.request.id)
    if not any(r.body.get("phase") == "answer" for r in trail):
        at = record.finished_at or tenant.clock.now()
        await tenant.audit.append(answer_drafts(record.request, said, at))
    return Ended(status=record.status)


def compose(
    record: RequestRecord,
    receipts: Sequence[Receipt],
    desk: PersonId,
    unsettled: Collection[StepId] = (),
) -> Answer:
    """Return the answer that the receipts support, and no more.

    `unsettled` are steps that began a change and left no receipt: nobody knows, so nobody claims.
    """
    work = record.work
    if work is None:
        return _handed_over(record, (), "I could not look into this.", desk)
    if not work.plan.steps:
        return _without_steps(record, work, desk)
    return _with_steps(record, work, [*receipts, *map(_doubt, unsettled)], desk)


def _doubt(step: StepId) -> Receipt:
    """Return the receipt of a step that may or may not have changed something."""
    return Receipt(
        step=step,
        direction="do",
        outcome=Outcome.UNKNOWN,
        sent=True,
        at=datetime.fromtimestamp(0, UTC),
    )


def _without_steps(record: RequestRecord, work: Work, desk: PersonId) -> Answer:
    refusal = work.refusal
    if refusal is not None:
        if plain(refusal) or refusal.code == "no_reply":
            status = Status.CANCELLED if refusal.code == "no_reply" else Status.REFUSED
            return Answer(status=status, text=refusal.for_user)
        return _handed_over(record, (), refusal.for_user, desk)
    if work.intent.kind == "smalltalk":
        return Answer(status=Status.DONE, text=work.intent.say or "Hello!")
    if work.intent.kind == "act":
        return _nothing_needed(record, work, desk)
    return _handed_over(record, (), "This is one for a person.", desk)


def _nothing_needed(record: RequestRecord, work: Work, desk: PersonId) -> Answer:
    """What was asked for already is so; if it still does not work, that is another trouble."""
    if work.intent.operation == "remove":
        return Answer(
            status=Status.DONE, text="You are not a member there, so nothing had to change."
        )
    text = "You already have this access, so the trouble lies elsewhere."
    return _handed_over(record, (), text, desk)


def _with_steps(
    record: RequestRecord, work: Work, receipts: Sequence[Receipt], desk: PersonId
) -> Answer:
    done = {r.step: r for r in receipts if r.direction == "do"}
    undo = {r.step: r for r in receipts if r.direction == "undo"}
    lines = tuple(tell(step, done.get(step.id), undo.get(step.id)) for step in work.plan.steps)
    text = " ".join(lines)
    if not undo and all(
        s.id in done and done[s.id].outcome in (Outcome.DONE, Outcome.FOUND)
        for s in work.plan.steps
    ):
        return Answer(status=Status.DONE, text=text)
    left = [s for s in work.plan.steps if _left_behind(done.get(s.id), undo.get(s.id))]
    if left:
        return _handed_over(record, lines, text, desk, Status.PARTLY_DONE, receipts)
    failed = next(
        (r for r in done.values() if r.outcome not in (Outcome.DONE, Outcome.FOUND)), None
    )
    if failed is None or failed.refusal is None or not plain(failed.refusal):
        return _handed_over(record, lines, text, desk, receipts=receipts)
    undone = any(r.outcome is Outcome.UNDONE for r in undo.values())
    return Answer(status=Status.UNDONE if undone else Status.REFUSED, text=text)


def _left_behind(done: Receipt | None, undo: Receipt | None) -> bool:
    """Whether something of ours may remain although the request as a whole did not hold."""
    if done is None:
        return False
    if done.outcome is Outcome.UNKNOWN or (done.outcome is Outcome.WAITING and done.sent):
        return True
    return done.ours and (undo is None or undo.outcome is not Outcome.UNDONE)


def tell(step: Step, done: Receipt | None, undo: Receipt | None) -> str:
    """Say in one or two sentences what became of a step."""
    what = f"{step.summary[:1].upper()}{step.summary[1:]}"
    if done is None:
        return f"{what}: not started."
    why = f" {done.refusal.for_user}" if done.refusal else ""
    if undo is not None and undo.outcome is Outcome.UNDONE:
        return f"{what}: done and then undone again; I checked that it is gone.{why}"
    if done.ours and undo is not None:
        return f"{what}: done, and undoing it did not succeed; a person has to look.{why}"
    return {
        Outcome.DONE: f"{step.achieved} I checked that it is so.",
        Outcome.FOUND: f"{step.achieved} It was so already; I changed nothing.",
        Outcome.REFUSED: f"{what}: not done.{why}",
        Outcome.FAILED: f"{what}: it failed and nothing of it remains.{why}",
        Outcome.UNKNOWN: f"{what}: sent, but I cannot see whether it took effect.{why}",
        Outcome.UNDONE: f"{what}: undone.",
        Outcome.WAITING: f"{what}: I stopped before I could see whether it took effect.{why}"
        if done.sent
        else f"{what}: not finished.{why}",
    }[done.outcome]


def plain(refusal: Refusal) -> bool:
    """Whether a refusal is a no that stands by itself, and not trouble for a person to look at."""
    return refusal.code in _PLAIN_NO or refusal.code.startswith(_PLAIN_NO_PREFIX)


def _handed_over(
    record: RequestRecord,
    lines: Sequence[str],
    text: str,
    desk: PersonId,
    status: Status = Status.ESCALATED,
    receipts: Sequence[Receipt] = (),
) -> Answer:
    """Return an answer with a ticket: what was asked, found, planned, done, left undone."""
    account = (*_background(record), *map(_tried, receipts), *lines)
    ticket = Ticket(id=f"T-{record.request.id[:10]}", to=desk, summary=text, account=account)
    told = f"{text} I have handed this to the service desk (ticket {ticket.id})."
    return Answer(status=status, text=told, ticket=ticket)


def _background(record: RequestRecord) -> list[str]:
    """Return what was asked, what was seen and by whose eyes, what was planned, why it stopped."""
    account = [f"Asked: {record.request.ask.text or record.request.ask.action}"]
    work = record.work
    if work is None:
        return account
    if work.intent.say:
        account.append(f"Understood as {work.intent.kind}: {work.intent.say}")
    for f in work.findings:
        seen = f.unknown or canonical(f.seen).decode()
        account.append(f"Found {f.lookup} of {f.about} ({f.source}): {_short(seen)}")
    account += [f"Planned {s.id}: {s.summary}" for s in work.plan.steps]
    if work.refusal is not None:
        account.append(f"Stopped: {work.refusal.for_admin}")
    return account


def _tried(receipt: Receipt) -> str:
    """Return what became of one attempt, in the words of an engineer."""
    hands = f" as {receipt.authority.mode} {receipt.authority.person}" if receipt.authority else ""
    why = f": {receipt.refusal.for_admin}" if receipt.refusal else ""
    trace = f" (Graph request {receipt.graph.request_id})" if receipt.graph else ""
    return f"Tried to {receipt.direction} {receipt.step}{hands}: {receipt.outcome}{why}{trace}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_FINDING else f"{text[:LONGEST_FINDING]} …"
