"""What is stored, as values: request records, step claims, pending approvals, audit records,
watermarks.

Shapes only; `agent.adapters` decides rows and columns, `agent.audit` chains and verifies.
"""

from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue

from agent.domain import ApprovalNeed, Request, Ruling, Status, TargetFacts, Work
from agent.receipts import Answer, Began, Receipt
from agent.values import Frozen, PersonId, RequestId, StepId, digest_of
from policy.decide import Decision

Phase = Literal[
    "request",
    "read",
    "decision",
    "approval_asked",
    "approval",
    "intent",
    "outcome",
    "compensate",
    "escalate",
    "answer",
    "failure",
    "config",
    "reconcile",
    "export",
]


class RequestRecord(Frozen):
    """A stored request: its ask, the work on it, and its end."""

    request: Request
    body_digest: str
    status: Status
    work: Work | None = None
    answer: Answer | None = None
    finished_at: AwareDatetime | None = None


class Claim(Frozen):
    """What earlier attempts at a step left behind."""

    attempt: int
    began: Began | None = None  # a change was about to be sent, or was sent, by an earlier attempt
    receipt: Receipt | None = None
    rulings: tuple[Ruling, ...] = ()


class Stored(Frozen):
    """All that is stored of one request: read at once, so that its parts fit together."""

    record: RequestRecord | None = None
    replies: tuple[str, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    unsettled: tuple[StepId, ...] = ()  # began a change of which no receipt tells the end


class Pending(Frozen):
    """One approval that was asked for."""

    request: RequestId
    step: StepId
    digest: str
    requester: PersonId
    target: TargetFacts
    summary: str
    need: ApprovalNeed


class StoredDecision(Frozen):
    """One decision of the past with everything it was made from: it can be made again."""

    request: RequestId
    step: StepId
    phase: Literal["plan", "execute"]
    at: AwareDatetime
    facts: dict[str, JsonValue]
    decision: Decision


class Draft(Frozen):
    """One audit record before it has a place in the chain: ids only, nothing personal."""

    phase: Phase
    at: AwareDatetime
    request: RequestId | None = None
    actor: PersonId | None = None
    source: dict[str, JsonValue] | None = None
    acted_as: dict[str, JsonValue] | None = None
    step: str | None = None
    action: dict[str, JsonValue] | None = None
    target: dict[str, JsonValue] | None = None
    digest: str | None = None
    decision: dict[str, JsonValue] | None = None
    reasoning: tuple[dict[str, JsonValue], ...] = ()
    before: JsonValue = None
    after: JsonValue = None
    outcome: str | None = None
    graph: dict[str, JsonValue] | None = None
    detail: dict[str, JsonValue] = Field(default_factory=dict)


class Watermark(Frozen):
    """How far a log of Microsoft's was set against our trail: as of when, and where to go on."""

    at: AwareDatetime
    seq: int = Field(ge=1)


class AuditRecord(Frozen):
    """One link of the chain: `hash` covers the body and the hash of the link before."""

    seq: int
    body: dict[str, Any]
    prev: str
    hash: str


class Written(Frozen):
    """A record that is durable: what it says, the digest of that, its place if it has one yet."""

    body: dict[str, Any]
    digest: str
    seq: int | None = None

    @classmethod
    def of(cls, body: dict[str, Any], seq: int | None) -> Self:
        """Return a body as written, with the digest of its canonical form."""
        return cls(body=body, digest=digest_of(body), seq=seq)
