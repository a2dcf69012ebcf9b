"""What a permit still owes: who may approve, and whether it has been discharged.

Rules
- an approval counts only for the digest that was shown, from a person who was asked;
- the requester and the person concerned never approve; approvers are distinct persons;
- one reject is final; silence until the deadline is a no;
- an obligation that is not understood, or that cannot be discharged here, is owed for ever: deny.

Never here: I/O. Votes are rows of the tenant's `Approvals` table; the event is only a wake-up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from agent.domain import ApprovalNeed, Refusal, Request, Wait
from agent.receipts import Vote
from agent.records import Pending
from agent.values import PersonId, StepId, digest_of
from policy.decide import Decision
from policy.obligations import Approval, Justify, Obligation, StepUp, duration

LONGEST_SLEEP = timedelta(days=5)


class Standing(StrEnum):
    """Where one approval stands."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    OPEN = "open"


def approvals_in(decision: Decision) -> tuple[Approval, ...]:
    """Return the approvals a decision demands."""
    return tuple(o for o in decision.obligations if isinstance(o, Approval))


def needs_of(
    decision: Decision,
    request: Request,
    step: StepId,
    digest: str,
    owners: frozenset[PersonId],
    subject: PersonId,
    now: datetime,
) -> tuple[ApprovalNeed, ...] | Refusal:
    """Return who has to be asked what for a step, or why nobody can be asked."""
    needs: list[ApprovalNeed] = []
    for owed in approvals_in(decision):
        pool = owners if owed.by == "resource_owner" else frozenset[PersonId]()
        approvers = tuple(sorted(pool - {request.requester, subject}))
        if len(approvers) < owed.quorum:
            return Refusal(
                code="no_approver",
                for_user="This needs an approval, and there is nobody who could give it.",
                for_admin=f"approval by {owed.by} x{owed.quorum}: {len(approvers)} may approve",
            )
        nonce = digest_of([request.id, step, owed.by, digest])[:16]
        needs.append(
            ApprovalNeed(
                slot=owed.by,
                by=owed.by,
                quorum=owed.quorum,
                when=owed.when,
                approvers=approvers,
                expires_at=now + duration(owed.expires_after),
                event=f"approval-{step}-{nonce}",
            )
        )
    return tuple(needs)


def standing(need: ApprovalNeed, votes: Sequence[Vote], digest: str, now: datetime) -> Standing:
    """Return where one approval stands, by the votes on exactly this change."""
    cast = [v for v in votes if v.slot == need.slot and v.digest == digest]
    if any(v.decision == "reject" for v in cast):
        return Standing.REJECTED
    yes = {v.approver for v in cast if v.approver in need.approvers}
    if len(yes) >= need.quorum:
        return Standing.APPROVED
    return Standing.EXPIRED if now >= need.expires_at else Standing.OPEN


def owed(
    obligations: Sequence[Obligation],
    needs: Sequence[ApprovalNeed],
    votes: Sequence[Vote],
    request: Request,
    digest: str,
    now: datetime,
) -> tuple[str, ...]:
    """Return the obligations that are not discharged; empty means that the permit stands."""
    return tuple(
        _named(o) for o in obligations if not _discharged(o, needs, votes, request, digest, now)
    )


def _discharged(
    owed: Obligation,
    needs: Sequence[ApprovalNeed],
    votes: Sequence[Vote],
    request: Request,
    digest: str,
    now: datetime,
) -> bool:
    match owed:
        case Approval(when="provisional"):
            # acting first is what provisional means; asking must have happened all the same
            return any(_answers(n, owed) for n in needs)
        case Approval():
            return any(
                _answers(n, owed) and standing(n, votes, digest, now) is Standing.APPROVED
                for n in needs
            )
        case Justify():
            return bool(request.ask.justification)
        case StepUp():
            since = request.signed_in_at
            return since is not None and now - since <= duration(owed.max_age)
        case _:
            # time_bound, notify, ticket: nothing here can carry them out yet, so they deny
            return False


def _answers(need: ApprovalNeed, owed: Approval) -> bool:
    """Whether what was asked is at least what is owed now."""
    return need.by == owed.by and need.quorum >= owed.quorum


def unasked(decision: Decision, needs: Sequence[ApprovalNeed]) -> tuple[Approval, ...]:
    """Return approvals owed now that nobody was asked for: policy or facts have moved."""
    return tuple(o for o in approvals_in(decision) if not any(_answers(n, o) for n in needs))


def impossible(
    obligations: Sequence[Obligation], request: Request, now: datetime
) -> Refusal | None:
    """Return a refusal when an obligation can never be discharged for this request."""
    for o in obligations:
        if isinstance(o, Approval) or _discharged(o, (), (), request, "", now):
            continue
        for_user = {
            "justify": "Please say why you need this: send it again with a justification.",
            "step_up": "Please sign in again and send it once more: this needs a fresh sign-in.",
        }.get(o.kind, "Policy demands something here that I cannot do yet, so I stopped.")
        return Refusal(
            code=f"owed_{o.kind}",
            for_user=for_user,
            for_admin=f"obligation not dischargeable: {_named(o)}",
        )
    return None


def no(state: Standing) -> Refusal:
    """Return the refusal that a rejected or expired approval is."""
    if state is Standing.REJECTED:
        return Refusal(
            code="rejected",
            for_user="The person who decides about this said no.",
            for_admin="an approver rejected it",
        )
    return Refusal(
        code="no_answer",
        for_user="Nobody who may approve this answered in time.",
        for_admin="the approval expired unanswered",
    )


def wait_for(need: ApprovalNeed, votes: Sequence[Vote], now: datetime) -> Wait:
    """Return what to sleep on: the next vote of this need, or its deadline.

    Each wait has an event name of its own: an event that came early satisfies every later wait of
    the same name (azure-functions-durable issue 507). Longer waits are taken in legs: the Durable
    SDK splits a timer of more than six days, and an event is not heard while a part runs.
    """
    cast = sum(1 for v in votes if v.slot == need.slot)
    return Wait(event=f"{need.event}-{cast + 1}", until=min(need.expires_at, now + LONGEST_SLEEP))


def may_vote(pending: Pending, person: PersonId, digest: str, now: datetime) -> Refusal | None:
    """Return why this person may not decide this, or None."""
    if person not in pending.need.approvers or person == pending.requester:
        return Refusal(
            code="not_an_approver",
            for_user="You are not asked to decide this.",
            for_admin=f"{person} is not among the approvers of step {pending.step}",
        )
    if now >= pending.need.expires_at:
        return Refusal(
            code="expired",
            for_user="The time to decide this is over; nothing was granted.",
            for_admin=f"expired at {pending.need.expires_at.isoformat()}",
        )
    if digest != pending.digest:
        return Refusal(
            code="other_digest",
            for_user="What is asked has changed since you looked. Please look again.",
            for_admin="the digest is not the one that was shown",
        )
    return None


def _named(o: Obligation) -> str:
    return f"{o.kind} by {o.by}" if isinstance(o, Approval) else o.kind
