"""One activity, read-only: understand, investigate, plan, forecast.

Everything is read as the requester, or as the sponsor who lends that lookup. What comes out is
either steps (perhaps waiting for an approval), a question, or a refusal; all of it is kept, sealed,
and recorded before the run goes on. Repeating it is harmless.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.approve import wait_for
from agent.calls import Outline, OutlineStep
from agent.chronicle import asked_drafts, assessed_drafts
from agent.domain import Asked, Finding, Intent, Plan, Refusal, Status, Wait, Work
from agent.errors import Fault, StoreUnusable
from agent.facts import Notes
from agent.investigate import Readers, first_questions, group_questions, look
from agent.plan import Question, Scene, actions_for, plan, resolve
from agent.ports import Tenant
from agent.records import RequestRecord
from agent.scene import as_requester, classes_of, readers
from agent.understand import understand
from agent.values import GroupId, RequestId, digest_of

REPLY_WITHIN = timedelta(hours=24)
MOST_QUESTIONS = 3


async def assess(tenant: Tenant, request: RequestId) -> Outline:
    """Return what to do next for a request, after keeping and recording how that was found."""
    stored, assertion, lent = await asyncio.gather(
        tenant.requests.whole(request),
        tenant.requests.assertion(request),
        tenant.sponsorships.standing(),
    )
    record, replies = stored.record, stored.replies
    if record is None:
        raise StoreUnusable("request_missing", f"request {request} is not in the store")
    if _unanswered(record, replies):
        return await _keep(tenant, record, _gave_up(record))
    try:
        acting = as_requester(tenant, record.request, assertion)
        work = await _work_on(
            tenant, record, replies, readers(tenant, acting, record.request, lent)
        )
    except Fault as fault:
        work = Work(intent=_unread(), refusal=_not_assessed(fault))
    return await _keep(tenant, record, work)


def _unanswered(record: RequestRecord, replies: Sequence[str]) -> bool:
    """Whether we asked, and the run woke without an answer: the time to reply is over."""
    asked = record.work.asked if record.work else None
    return asked is not None and asked.number > len(replies)


def _gave_up(record: RequestRecord) -> Work:
    refusal = Refusal(
        code="no_reply",
        for_user="I asked you something and heard nothing for a day, so I closed this.",
        for_admin="the requester did not reply in time",
    )
    work = record.work or Work(intent=_unread())
    return work.model_copy(update={"asked": None, "plan": Plan(), "refusal": refusal})


async def _work_on(
    tenant: Tenant, record: RequestRecord, replies: tuple[str, ...], reading: Readers
) -> Work:
    request = record.request
    intent = understand(request.ask, replies, request.requester)
    if intent.kind != "act":
        return _without_acting(record, intent, replies)
    first = await look(reading, tenant.clock, first_questions(request.requester, intent))
    resolved = resolve(intent, Notes(first))
    if isinstance(resolved, Refusal):
        return Work(intent=intent, findings=first, refusal=resolved)
    if isinstance(resolved, Question):
        return _ask(record, Work(intent=intent, findings=first), resolved, replies)
    return await _planned(tenant, record, reading, intent, first, resolved)


async def _planned(
    tenant: Tenant,
    record: RequestRecord,
    reading: Readers,
    intent: Intent,
    first: tuple[Finding, ...],
    groups: tuple[GroupId, ...],
) -> Work:
    request = record.request
    subject = intent.subject or request.requester
    second, classes, hour, snapshot = await asyncio.gather(
        look(reading, tenant.clock, group_questions(subject, groups)),
        classes_of(tenant, [request.requester, subject], groups),
        tenant.budget.last_hour(request.requester),
        tenant.policies.recent(),
    )
    notes = Notes((*first, *second))
    scene = Scene(
        request=request,
        intent=intent,
        notes=notes,
        classes=classes,
        hour=hour,
        rules=snapshot.rules,
        now=tenant.clock.now(),
    )
    planned = plan(scene, actions_for(intent, groups, subject))
    work = Work(intent=intent, findings=(*first, *second), classes=tuple(classes.values()))
    if isinstance(planned, Plan):
        return work.model_copy(update={"plan": planned})
    return work.model_copy(update={"refusal": planned.refusal, "denied": planned.denied})


def _without_acting(record: RequestRecord, intent: Intent, replies: tuple[str, ...]) -> Work:
    work = Work(intent=intent)
    if intent.kind == "clarify":
        return _ask(record, work, Question(text=intent.say or ""), replies)
    if intent.kind == "refuse":
        refusal = Refusal(
            code="not_for_me",
            for_user=intent.say or "I cannot do that.",
            for_admin=f"understood as {intent.intent}, refused by rule",
        )
        return work.model_copy(update={"refusal": refusal})
    return work


def _ask(record: RequestRecord, work: Work, question: Question, replies: tuple[str, ...]) -> Work:
    """Ask back, up to three times; then a person takes over."""
    number = len(replies) + 1
    if number > MOST_QUESTIONS:
        intent = work.intent.model_copy(
            update={"kind": "escalate", "say": "three replies did not help"}
        )
        return work.model_copy(update={"intent": intent})
    nonce = digest_of([record.request.id, number, question.text])[:16]
    asked = Asked(
        number=number,
        text=question.text,
        choices=question.choices,
        event=f"reply-{number}-{nonce}",
        until=record.request.created_at + number * REPLY_WITHIN,
    )
    return work.model_copy(update={"asked": asked})


def _unread() -> Intent:
    return Intent(kind="escalate", intent="other", say="it could not be assessed")


def _not_assessed(fault: Fault) -> Refusal:
    return Refusal(
        code=fault.code,
        for_user="I could not check what I must before acting, so I changed nothing.",
        for_admin=str(fault),
    )


async def _keep(tenant: Tenant, record: RequestRecord, work: Work) -> Outline:
    """Keep the work, ask whom it concerns, record it; then say what the run waits for."""
    request, now = record.request, tenant.clock.now()
    waiting = [s for s in work.plan.steps if s.approvals]
    before = any(n.when == "before" for s in waiting for n in s.approvals)
    status = Status.RUNNING
    if work.asked is not None:
        status = Status.WAITING_FOR_REPLY
    elif before:
        status = Status.WAITING_FOR_APPROVAL
    drafts = assessed_drafts(request, work, now)
    for step in waiting:
        drafts += asked_drafts(request, step, now)
    await asyncio.gather(
        tenant.requests.save_work(request.id, work, status),
        tenant.audit.append(drafts),
        *(tenant.approvals.ask(request.id, step, request.requester) for step in waiting),
    )
    return _outline(work, now)


def _outline(work: Work, now: datetime) -> Outline:
    asked = work.asked
    if asked is not None:
        return Outline(steps=(), wait=Wait(event=asked.event, until=asked.until))
    steps = []
    for step in work.plan.steps:
        need = next((n for n in step.approvals if n.when == "before"), None)
        wait = wait_for(need, [], now) if need else None
        steps.append(OutlineStep(id=step.id, wait=wait))
    return Outline(steps=tuple(steps), wait=None)
