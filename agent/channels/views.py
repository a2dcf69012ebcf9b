"""What the API shows of requests and approvals: the shapes of CONTRACT, made from stored values.

Rules: nothing is shown that a stored record does not say; no tokens, no internal addresses (the
Durable management URLs would let their holder steer every run).
"""

from collections.abc import Sequence
from typing import Any

from agent import approve
from agent.chronicle import reported
from agent.domain import Step
from agent.receipts import Outcome, Receipt, Vote
from agent.records import AuditRecord, Pending, RequestRecord
from policy.decide import Decision


def request_line(record: RequestRecord) -> dict[str, Any]:
    """Return a request as one entry of a list."""
    asked = record.work.asked if record.work else None
    return {
        "id": record.request.id,
        "status": record.status,
        "created_at": record.request.created_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "intent": record.work.intent.intent if record.work else None,
        "answer": record.answer.text if record.answer else None,
        "question": {"text": asked.text, "choices": list(asked.choices)} if asked else None,
        "links": {"self": f"/api/v1/requests/{record.request.id}"},
    }


def request_whole(
    record: RequestRecord,
    receipts: Sequence[Receipt],
    votes: Sequence[Vote],
    trail: Sequence[AuditRecord] | None,
) -> dict[str, Any]:
    """Return a request with its steps, approvals, ticket and place in the trail.

    `trail` None: it cannot be read just now, and `audit` is null.
    """
    steps = record.work.plan.steps if record.work else ()
    ticket = record.answer.ticket if record.answer else None
    return {
        **request_line(record),
        "steps": [_step(s, receipts) for s in steps],
        "approvals": [_approval(s, n, votes) for s in steps for n in s.approvals],
        "ticket": {"id": ticket.id, "to": ticket.to} if ticket else None,
        "audit": None
        if trail is None
        else {
            "first_seq": trail[0].seq if trail else None,
            "last_seq": trail[-1].seq if trail else None,
        },
    }


def _step(step: Step, receipts: Sequence[Receipt]) -> dict[str, Any]:
    mine = {r.direction: r for r in receipts if r.step == step.id}
    done, undo = mine.get("do"), mine.get("undo")
    last = undo or done
    authority = done.authority if done else None
    return {
        "id": step.id,
        "action": step.action.name,
        "target": step.target.model_dump(),
        "digest": step.digest,
        "status": last.outcome if last else "planned",
        "reversible": step.reversible,
        "acted_as": {"mode": authority.mode, "id": authority.person, "upn": authority.upn}
        if authority
        else None,
        "decision": decision_view(done.decision if done and done.decision else step.forecast),
        "receipt": _receipt(done),
        "undo": _receipt(undo),
    }


def decision_view(decision: Decision) -> dict[str, Any]:
    """Return a decision: its effect, every layer with the names of its rules, what it demands."""
    whole = decision.model_dump(mode="json")
    shown = {k: whole[k] for k in ("effect", "layers", "obligations", "unknown", "snapshot")}
    return {**shown, "shadow": reported(decision)}


def _receipt(receipt: Receipt | None) -> dict[str, Any] | None:
    if receipt is None:
        return None
    return {
        "before": receipt.before,
        "after": receipt.after,
        "verified": receipt.outcome in (Outcome.DONE, Outcome.FOUND, Outcome.UNDONE)
        or (receipt.ours and receipt.verified_at is not None),
        "verified_at": receipt.verified_at.isoformat() if receipt.verified_at else None,
        "graph_request_id": receipt.graph.request_id if receipt.graph else None,
        "refusal": receipt.refusal.for_user if receipt.refusal else None,
    }


def _approval(step: Step, need: Any, votes: Sequence[Vote]) -> dict[str, Any]:
    cast = [v for v in votes if v.step == step.id and v.slot == need.slot]
    return {
        "step": step.id,
        "by": need.by,
        "quorum": need.quorum,
        "when": need.when,
        "approvers": list(need.approvers),
        "expires_at": need.expires_at.isoformat(),
        "votes": [vote_view(v) for v in cast],
    }


def vote_view(vote: Vote) -> dict[str, Any]:
    """Return a recorded decision."""
    return {
        "step": vote.step,
        "approver": vote.approver,
        "decision": vote.decision,
        "digest": vote.digest,
        "comment": vote.comment,
        "at": vote.at.isoformat(),
    }


def pending_view(pending: Pending, votes: Sequence[Vote], now: Any) -> dict[str, Any]:
    """Return what waits for a person: what, on what, for whom, why, until when."""
    return {
        "request": pending.request,
        "step": pending.step,
        "digest": pending.digest,
        "requester": pending.requester,
        "target": pending.target.model_dump(),
        "summary": pending.summary,
        "by": pending.need.by,
        "when": pending.need.when,
        "expires_at": pending.need.expires_at.isoformat(),
        "standing": approve.standing(pending.need, votes, pending.digest, now),
    }


def ticket_view(record: RequestRecord) -> dict[str, Any]:
    """Return a handover as the person who got it sees it: the whole account."""
    ticket = record.answer.ticket if record.answer else None
    return {
        "id": ticket.id if ticket else None,
        "request": record.request.id,
        "requester": record.request.requester,
        "summary": ticket.summary if ticket else None,
        "account": list(ticket.account) if ticket else [],
    }


def audit_view(record: AuditRecord) -> dict[str, Any]:
    """Return a link of the trail as it is stored."""
    return record.model_dump(mode="json")
