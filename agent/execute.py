"""Carry out one step of a plan, or undo it. The numbered steps are the product's safety argument.

    0  claim the step            a finished step is never done again
    1  observe                   the world, as the person whose token will act; the place of this
                                 change in the budgets of the hour is taken meanwhile
    2  already so?               then nothing is changed; after a crash this tells what is ours
    3  decide on fresh facts     newest policy snapshot; this decision is the one that counts
    4  obligations discharged?   for exactly this digest; new demands go back to approval
    5  intent record             durable before the act, or there is no act
    6  warrant, apply            minted one line before the change; sent at most once
    7  read back                 until the world says so, or say that it does not yet
    8  outcome record, receipt   a place in the budgets that was not used is given back

Rules: a fault before 6 changes nothing. After 6 the only legal move is to observe. Undo touches
only what a receipt says is ours. Never here: tokens, retries of an unknown outcome.
"""

import asyncio
import logging

from pydantic import JsonValue

from agent import approve
from agent.attempt import Attempt, Direction, load
from agent.authorize import mint
from agent.chronicle import asked_drafts, decision_draft, intent_draft, outcome_draft
from agent.domain import Authority, Refusal, Status
from agent.errors import (
    Fault,
    Permanent,
    StoreUnusable,
    Transient,
    UnknownOutcome,
)
from agent.facts import owners_of
from agent.fresh import decide_now, look_again
from agent.plan import Scene, denied
from agent.ports import M365, Tenant
from agent.receipts import Began, GraphTrace, Outcome, Receipt
from agent.scene import as_authority
from agent.values import RequestId, StepId
from policy.decide import Decision

READ_BACK = (0.0, 0.25, 0.5, 1.0, 2.0)  # seconds; Graph is eventually consistent
_log = logging.getLogger("warrant.execute")


async def execute(
    tenant: Tenant, request: RequestId, step: StepId, direction: Direction
) -> Receipt:
    """Carry out (or undo) one step and return its receipt; WAITING says what for."""
    # 0 claim the step
    claim, loaded = await asyncio.gather(
        tenant.requests.claim(request, step, direction), load(tenant, request, step)
    )
    if claim.receipt is not None and claim.receipt.outcome is not Outcome.WAITING:
        return claim.receipt
    attempt = Attempt(tenant, loaded, step, direction, claim)
    try:
        receipt = await _carry_out(attempt)
    except Fault as fault:
        receipt = await _after(attempt, fault)
    await asyncio.gather(
        tenant.requests.save_receipt(request, receipt, attempt.rulings), attempt.released()
    )
    if receipt.wait is not None and receipt.wait.event is not None:
        await tenant.requests.set_status(request, Status.WAITING_FOR_APPROVAL)
    return receipt


async def _carry_out(attempt: Attempt) -> Receipt:
    before = attempt.claim.receipt
    if before is not None and before.ours:
        return await _settle(attempt, before)
    if (blocked := attempt.not_yet()) is not None:
        return await _record(attempt, blocked)
    authority = attempt.planned_authority()
    if isinstance(authority, Refusal):
        return await _record(attempt, attempt.receipt(Outcome.FAILED, refusal=authority))
    m365 = await as_authority(
        attempt.tenant, attempt.request, authority, attempt.votes, attempt.lent
    )
    if before is not None and before.sent and attempt.claim.began is not None:
        attempt.sent = True
        return await _read_back(attempt, m365, attempt.claim.began, before.graph)
    # 1 observe: the change's own state and the safety facts, at once, as the acting person
    seen, scene = await look_again(attempt, m365)
    # 2 already so?
    if attempt.action.holds(seen):
        return await _already(attempt, seen)
    # 3 decide on fresh facts
    decision = decide_now(attempt, scene)
    if decision.effect == "deny":
        refused = attempt.receipt(Outcome.REFUSED, refusal=denied(decision), decision=decision)
        return await _record(attempt, refused)
    if blocked := await _drifted(attempt, scene, decision, authority):
        return blocked
    return await _act(attempt, m365, Began(before=seen, authority=authority, decision=decision))


async def _already(attempt: Attempt, seen: JsonValue) -> Receipt:
    """The world already is as wanted: by us, before a crash, or by somebody else."""
    if attempt.claim.began is not None:
        return await _verified(attempt, attempt.claim.began, None, seen)
    outcome = Outcome.UNDONE if attempt.direction == "undo" else Outcome.FOUND
    found = attempt.receipt(outcome, before=seen, after=seen, verified_at=attempt.now)
    return await _record(attempt, found)


async def _drifted(
    attempt: Attempt, scene: Scene, decision: Decision, authority: Authority
) -> Receipt | None:
    """Return why the permit cannot be used as planned: another hand, or a demand nobody met."""
    now_able = attempt.authority(scene.notes, scene.classes.get(attempt.action.target))
    if isinstance(now_able, Refusal) or now_able.person != authority.person:
        refusal = Refusal(
            code="authority_moved",
            for_user="The person whose right was to be used no longer holds it, so I stopped.",
            for_admin=f"planned {authority.person}, now {_who(now_able)}",
        )
        moved = attempt.receipt(Outcome.FAILED, refusal=refusal, decision=decision)
        return await _record(attempt, moved)
    # 4 obligations discharged, for exactly this digest?
    if attempt.direction == "do" and approve.unasked(decision, attempt.step.approvals):
        return await _ask_again(attempt, scene, decision)
    if still := _owed(attempt, decision):
        refusal = Refusal(
            code="owed",
            for_user="Something that policy demands for this is still missing, so I stopped.",
            for_admin=f"owed: {', '.join(still)}",
        )
        short = attempt.receipt(Outcome.REFUSED, refusal=refusal, decision=decision)
        return await _record(attempt, short)
    return None


def _who(able: Authority | Refusal) -> str:
    return able.code if isinstance(able, Refusal) else able.person


def _owed(attempt: Attempt, decision: Decision) -> tuple[str, ...]:
    needs = attempt.step.approvals if attempt.direction == "do" else ()
    return approve.owed(
        decision.obligations,
        needs,
        attempt.votes,
        attempt.request,
        attempt.step.digest,
        attempt.now,
    )


async def _ask_again(attempt: Attempt, scene: Scene, decision: Decision) -> Receipt:
    """Policy or facts moved and demand more than was asked: back to approval, nothing done."""
    tenant, action = attempt.tenant, attempt.action
    owners = owners_of(scene.notes, action.target)
    needs = approve.needs_of(
        decision,
        attempt.request,
        attempt.step.id,
        action.digest,
        owners,
        action.subject,
        attempt.now,
    )
    if isinstance(needs, Refusal):
        return await _record(attempt, attempt.receipt(Outcome.FAILED, refusal=needs))
    step = attempt.step.model_copy(update={"approvals": needs})
    steps = tuple(step if s.id == step.id else s for s in attempt.work.plan.steps)
    work = attempt.work.model_copy(
        update={"plan": attempt.work.plan.model_copy(update={"steps": steps})}
    )
    asked = asked_drafts(attempt.request, step, attempt.now)
    await tenant.audit.append([decision_draft(attempt, decision), *asked])
    await tenant.approvals.ask(attempt.request.id, step, attempt.request.requester)
    await tenant.requests.save_work(attempt.request.id, work, Status.WAITING_FOR_APPROVAL)
    return attempt.receipt(
        Outcome.WAITING,
        decision=decision,
        wait=approve.wait_for(needs[0], attempt.votes, attempt.now),
    )


async def _act(attempt: Attempt, m365: M365, began: Began) -> Receipt:
    tenant, action = attempt.tenant, attempt.action
    # 5 intent record: durable in the trail and beside the step, or there is no act
    (intent,), _ = await asyncio.gather(
        tenant.audit.append([intent_draft(attempt, began)]),
        tenant.requests.save_began(
            attempt.request.id, attempt.step.id, attempt.direction, began, attempt.rulings
        ),
    )
    trace: GraphTrace | None = None
    attempt.sent = True
    try:
        # 6 warrant, apply
        warrant = mint(
            began.decision,
            tenant=tenant.id,
            authority=began.authority,
            digest=action.digest,
            owed=_owed(attempt, began.decision),
            intent=intent,
            now=tenant.clock.now(),
        )
        trace = await action.apply(m365, warrant)
    except UnknownOutcome as unknown:
        _log.warning("step %s of %s: %s", attempt.step.id, attempt.request.id, unknown)
    except Permanent as no:
        attempt.sent = no.code == "already_so"
        if not attempt.sent:
            raise
    except Transient:
        attempt.sent = False
        raise
    return await _read_back(attempt, m365, began, trace)


async def _read_back(
    attempt: Attempt, m365: M365, began: Began, trace: GraphTrace | None
) -> Receipt:
    # 7 read back; on a later look the time has passed already
    for pause in READ_BACK if attempt.claim.receipt is None else READ_BACK[:1]:
        await asyncio.sleep(pause)
        try:
            seen = await attempt.action.observe(m365)
        except Transient:
            continue
        if attempt.action.holds(seen):
            return await _verified(attempt, began, trace, seen)
    if attempt.last:
        unknown = attempt.receipt(Outcome.UNKNOWN, sent=True, graph=trace, **_of(began))
        return await _record(attempt, unknown)
    return attempt.receipt(
        Outcome.WAITING, sent=True, graph=trace, wait=attempt.later(), **_of(began)
    )


async def _verified(
    attempt: Attempt, began: Began, trace: GraphTrace | None, seen: JsonValue
) -> Receipt:
    """The world says so: ours, unless an approval that may come afterwards is still open."""
    attempt.now = attempt.tenant.clock.now()
    done = Outcome.UNDONE if attempt.direction == "undo" else Outcome.DONE
    receipt = attempt.receipt(
        done, ours=True, after=seen, verified_at=attempt.now, graph=trace, **_of(began)
    )
    return await _record(attempt, attempt.until_settled(receipt))


def _of(began: Began) -> dict[str, object]:
    return {"before": began.before, "authority": began.authority, "decision": began.decision}


async def _settle(attempt: Attempt, before: Receipt) -> Receipt:
    """A change that was made provisionally: say whether it stands now."""
    settled = before.model_copy(update={"outcome": Outcome.DONE, "wait": None, "at": attempt.now})
    settled = attempt.until_settled(settled)
    return settled if settled.outcome is Outcome.WAITING else await _record(attempt, settled)


async def _record(attempt: Attempt, receipt: Receipt) -> Receipt:
    # 8 outcome record; a wait that changed nothing has nothing to record
    if receipt.outcome is not Outcome.WAITING or receipt.ours:
        await attempt.tenant.audit.append([outcome_draft(attempt, receipt)])
    return receipt


async def _after(attempt: Attempt, fault: Fault) -> Receipt:
    """Return what a fault leaves, recorded where the trail can be written."""
    _log.warning("step %s of %s: %s", attempt.step.id, attempt.request.id, fault)
    left = attempt.after(fault)
    try:
        return await _record(attempt, left) if left.wait is None else left
    except StoreUnusable as worse:
        # The trail itself cannot be written: nothing more is changed, and the log is the alarm.
        _log.error("step %s of %s ended unrecorded: %s", left.step, attempt.request.id, worse)
        return left
