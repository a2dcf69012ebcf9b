"""What is written down of each stage: drafts for the audit trail, ids and digests only.

Rules
- names, departments and what people typed never appear: a finding is named by source, time and a
  digest of what was seen, so that an auditor who holds what was seen can check it. A digest of yes
  or no can be guessed: it hides words, not facts that the record says anyway;
- the decision is written with the rules of all six layers, its snapshot and what was Unknown;
- the same words for the same thing in every record.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from agent.domain import Authority, Denied, Finding, Request, Step, Work
from agent.drift import Drift
from agent.receipts import Answer, Began, Outcome, Receipt, Vote
from agent.records import Draft
from agent.values import digest_of
from policy.decide import Decision

if TYPE_CHECKING:
    from agent.attempt import Attempt
    from agent.ports import Caller


def request_draft(request: Request, body_digest: str) -> Draft:
    """Somebody asked for something."""
    return Draft(
        phase="request",
        at=request.created_at,
        request=request.id,
        actor=request.requester,
        digest=body_digest,
        source=source_of(request),
    )


def source_of(request: Request) -> dict[str, JsonValue]:
    """Return where a request came from, and how its person had proved who they are."""
    said = {
        "channel": request.channel,
        "client": request.client,
        "signed_in_at": request.signed_in_at.isoformat() if request.signed_in_at else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def refused_draft(person: str, code: str, at: datetime) -> Draft:
    """An identified person sent something that could not be taken."""
    return Draft.model_validate(
        {
            "phase": "request",
            "at": at,
            "actor": person,
            "outcome": "refused",
            "detail": {"code": code},
        }
    )


def assessed_drafts(request: Request, work: Work, at: datetime) -> list[Draft]:
    """What was read, and what policy forecast for each step."""
    base = {"at": at, "request": request.id, "actor": request.requester}
    drafts = [
        Draft.model_validate(
            {**base, "phase": "read", "reasoning": [reasoned(f) for f in work.findings]}
        )
    ]
    drafts += [
        Draft.model_validate(
            {
                **base,
                "phase": "decision",
                "step": step.id,
                "action": acted(step),
                "target": {"type": step.target.type, "id": step.target.id},
                "digest": step.digest,
                "decision": decided(step.forecast),
                "detail": {"forecast": True, "plan": work.plan.digest},
            }
        )
        for step in work.plan.steps
    ]
    if work.refusal is not None:
        detail = {"code": work.refusal.code, "why": work.refusal.for_admin}
        said = {**base, "phase": "decision", "outcome": "refused", "detail": detail}
        drafts.append(Draft.model_validate(said | _denied(work.denied)))
    return drafts


def _denied(denied: Denied | None) -> dict[str, object]:
    """At which change planning stopped, with all six layers where policy was asked."""
    if denied is None:
        return {}
    return {
        "action": {"name": denied.action.name, "arguments": dict(denied.action.arguments)},
        "target": {"type": "group", "id": denied.target},
        "digest": denied.digest,
        "step": denied.step,
        "decision": decided(denied.ruling.decision) if denied.ruling else None,
    }


def asked_drafts(request: Request, step: Step, at: datetime) -> list[Draft]:
    """Who was asked to approve what, by when."""
    return [
        Draft.model_validate(
            {
                "phase": "approval_asked",
                "at": at,
                "request": request.id,
                "actor": request.requester,
                "step": step.id,
                "digest": step.digest,
                "detail": {
                    "by": need.by,
                    "quorum": need.quorum,
                    "when": need.when,
                    "approvers": list(need.approvers),
                    "expires_at": need.expires_at.isoformat(),
                },
            }
        )
        for need in step.approvals
    ]


def vote_draft(request: str, vote: Vote) -> Draft:
    """A person approved or rejected exactly this change."""
    return Draft.model_validate(
        {
            "phase": "approval",
            "at": vote.at,
            "request": request,
            "actor": vote.approver,
            "step": vote.step,
            "digest": vote.digest,
            "outcome": vote.decision,
            "detail": {"slot": vote.slot},
        }
    )


def decision_draft(attempt: "Attempt", decision: Decision) -> Draft:
    """Policy was asked right before a change, and demands more than was asked for so far."""
    return Draft.model_validate(
        {
            "phase": "decision",
            **_change(attempt),
            "decision": decided(decision, attempt.drift),
            "detail": {"forecast": False, "awaits": "approval"},
        }
    )


def intent_draft(attempt: "Attempt", began: Began) -> Draft:
    """A change is about to be sent: by whose hands, under which rules, from which state."""
    return Draft.model_validate(
        {
            "phase": "compensate" if attempt.direction == "undo" else "intent",
            **_change(attempt),
            "acted_as": hands(began.authority),
            "decision": decided(began.decision, attempt.drift),
            "before": began.before,
            "detail": {"attempt": attempt.claim.attempt},
        }
    )


def outcome_draft(attempt: "Attempt", receipt: Receipt) -> Draft:
    """What became of it, by reading the world."""
    refusal = receipt.refusal
    detail: dict[str, JsonValue] = {"direction": attempt.direction, "ours": receipt.ours}
    if receipt.outcome is Outcome.WAITING:
        detail["awaits"] = "approval"
    if refusal is not None:
        detail |= {"code": refusal.code, "why": refusal.for_admin}
    if receipt.verified_at is not None:
        detail["verified_at"] = receipt.verified_at.isoformat()
    return Draft.model_validate(
        {
            "phase": "outcome",
            **_change(attempt),
            "acted_as": hands(receipt.authority) if receipt.authority else None,
            "decision": decided(receipt.decision, attempt.drift) if receipt.decision else None,
            "before": receipt.before,
            "after": receipt.after,
            "outcome": receipt.outcome,
            "graph": receipt.graph.model_dump() if receipt.graph else None,
            "detail": detail,
        }
    )


def answer_drafts(request: Request, answer: Answer, at: datetime) -> list[Draft]:
    """The request ended; and, where it was handed over, to whom."""
    base = {"at": at, "request": request.id, "actor": request.requester}
    drafts = [Draft.model_validate({**base, "phase": "answer", "outcome": answer.status})]
    if answer.ticket is not None:
        detail = {"ticket": answer.ticket.id, "to": answer.ticket.to}
        drafts.append(Draft.model_validate({**base, "phase": "escalate", "detail": detail}))
    return drafts


def export_draft(
    by: "Caller", role: str, form: str, what: Mapping[str, JsonValue], at: datetime
) -> Draft:
    """Somebody takes a part of the trail away, or reads it: written before they get any of it."""
    signed_in = {"signed_in_at": by.signed_in_at.isoformat()} if by.signed_in_at else {}
    return Draft(
        phase="export",
        at=at,
        actor=by.person,
        source={"channel": "command", "client": by.client, **signed_in},
        detail={"format": form, "role": role, **what},
    )


def _change(attempt: "Attempt") -> dict[str, object]:
    spec = attempt.action.spec
    return {
        "at": attempt.now,
        "request": attempt.request.id,
        "actor": attempt.request.requester,
        "step": attempt.step.id,
        "action": {"name": spec.name, "arguments": dict(spec.arguments)},
        "target": {"type": attempt.step.target.type, "id": attempt.step.target.id},
        "digest": attempt.action.digest,
    }


def acted(step: Step) -> dict[str, JsonValue]:
    """Return a step's action as ids."""
    return {"name": step.action.name, "arguments": dict(step.action.arguments)}


def hands(authority: Authority) -> dict[str, JsonValue]:
    """Return whose token acted, and why it was theirs."""
    return authority.model_dump(mode="json", exclude_none=True, exclude={"upn"})


def decided(decision: Decision, drift: Drift | None = None) -> dict[str, JsonValue]:
    """Return a decision as it is recorded: every layer by name, nothing that was only a default.

    `drift` says how far policy and facts had moved since the forecast: facts by name only.
    """
    whole = decision.model_dump(mode="json") | {"shadow": reported(decision)}
    if drift is not None:
        whole |= {"drift": drift.moved, "drifted": list(drift.facts)}
    return {k: v for k, v in whole.items() if k not in ("reason", "remedy") and v not in ([], None)}


def reported(decision: Decision) -> list[JsonValue]:
    """Return what rules that are only reported would have done, in the words admins know."""
    return [{"rule": shadow.rule, "would": f"would_{shadow.would}"} for shadow in decision.shadow]


def reasoned(finding: Finding) -> dict[str, JsonValue]:
    """Return a finding as a step of reasoning: source, time, reader, digest of what was seen."""
    step: dict[str, JsonValue] = {
        "lookup": finding.lookup,
        "source": finding.source,
        "read_at": finding.read_at.isoformat(),
        "read_as": finding.read_as,
    }
    if finding.unknown is not None:
        return {**step, "unknown": finding.unknown}
    return {**step, "seen": digest_of(finding.seen)}
