"""The nouns, as frozen values: what a request is made of from sentence to receipt.

Never here: I/O, clocks, vendor types. Ids are NewTypes so that a group id cannot be passed for a
person's; times are aware UTC. Everything here may be sealed and stored except `Secret`, which
cannot be printed, pickled or serialised at all.
"""

import hashlib
import json
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, NewType, NoReturn

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

from policy.decide import Decision

TenantId = NewType("TenantId", str)
PersonId = NewType("PersonId", str)
GroupId = NewType("GroupId", str)
RequestId = NewType("RequestId", str)
StepId = NewType("StepId", str)

GUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _lower(text: object) -> object:
    """Graph compares ids without case; one form makes them comparable as text."""
    return text.lower() if isinstance(text, str) else text


Guid = Annotated[str, BeforeValidator(_lower), Field(pattern=GUID)]


def _readable(text: str) -> str:
    """Refuse what a person cannot have typed: controls (NUL, ESC) and lone surrogates."""
    for ch in text:
        if (ord(ch) < 0x20 and ch not in "\n\r\t") or 0xD800 <= ord(ch) <= 0xDFFF or ch == "\x7f":
            raise ValueError(f"expected plain text, saw the control character U+{ord(ch):04X}")
    return text


PlainText = Annotated[str, AfterValidator(_readable)]


class Frozen(BaseModel):
    """A value: immutable, closed to unknown fields, equal by content."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Secret:
    """A credential on its way from where it is kept to where it is used, and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the credential itself; grep for callers: each one is a place to review."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


def fresh_id() -> str:
    """Return 32 hex digits nobody can guess: an id for a request that brought no key of its own."""
    return secrets.token_hex(16)


def canonical(value: JsonValue) -> bytes:
    """Return the one byte form of a JSON value: sorted keys, no spaces, UTF-8 (after RFC 8785)."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(value: JsonValue) -> str:
    """Return the SHA-256 of a value's canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


class Status(StrEnum):
    """Where a request stands (CONTRACT, HTTP API v1)."""

    RUNNING = "running"
    WAITING_FOR_REPLY = "waiting_for_reply"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"
    PARTLY_DONE = "partly_done"
    ESCALATED = "escalated"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the request."""
        return self not in (
            Status.RUNNING,
            Status.WAITING_FOR_REPLY,
            Status.WAITING_FOR_APPROVAL,
        )


class Refusal(Frozen):
    """A no, as a value: a stable code, a sentence for the person and one for the admin."""

    code: str
    for_user: str
    for_admin: str


class Ask(Frozen):
    """What was asked, as it came: a sentence, or a known action with its arguments."""

    text: PlainText | None = Field(default=None, min_length=1, max_length=4_000)
    action: str | None = Field(default=None, max_length=100)
    arguments: dict[str, JsonValue] | None = None
    justification: PlainText | None = Field(default=None, max_length=1_000)


class Request(Frozen):
    """One ask by one person through one channel, under one correlation id for its whole life."""

    id: RequestId
    requester: PersonId
    upn: str | None = None
    channel: Literal["http", "teams"]
    ask: Ask
    created_at: AwareDatetime
    signed_in_at: (
        AwareDatetime | None
    )  # when they proved who they are; None: the token does not say


class ResourceName(Frozen):
    """A resource as the requester named it, and the kind they said it was."""

    name: str
    kind: Literal["site", "group", "team", "any"]


class Intent(Frozen):
    """The ask understood: a typed proposal, never an authority."""

    kind: Literal["act", "clarify", "refuse", "smalltalk", "escalate"]
    intent: str
    operation: Literal["grant", "remove"] | None = None
    resources: tuple[ResourceName, ...] = ()
    group_ids: tuple[GroupId, ...] = ()
    subject: PersonId | None = None
    say: str | None = None


class Finding(Frozen):
    """The answer of one lookup: what was seen, where, when and as whom. `seen` None is Unknown."""

    lookup: str
    about: str
    seen: JsonValue
    unknown: str | None = None
    source: str
    read_at: AwareDatetime
    read_as: PersonId | None = None


class AuthorityMode(StrEnum):
    """Whose token acts (DESIGN section 4)."""

    REQUESTER = "requester"
    APPROVER = "approver"
    SPONSOR = "sponsor"


class Authority(Frozen):
    """The person whose delegated token makes a change, and why it is theirs."""

    mode: AuthorityMode
    person: PersonId
    upn: str | None = None
    why: str
    sponsorship: str | None = None


class ActionSpec(Frozen):
    """An action as data: its registered name and its arguments; `agent.actions` gives it a body."""

    name: str
    arguments: dict[str, str]

    @property
    def digest(self) -> str:
        """Name this exact change."""
        return digest_of({"action": self.name, "arguments": dict(self.arguments)})


class Wait(Frozen):
    """What a run sleeps on: an event (a wake-up only, it proves nothing), and a latest time."""

    event: str | None = None
    until: AwareDatetime


class ApprovalNeed(Frozen):
    """One approval a step owes: who may give it, how many, by when, and before or after the act."""

    slot: str
    by: str
    quorum: int
    when: Literal["before", "provisional"]
    approvers: tuple[PersonId, ...]
    expires_at: AwareDatetime
    event: str


class TargetFacts(Frozen):
    """The one thing a step changes; `name` is text to show and decides nothing."""

    type: Literal["group"]
    id: GroupId
    name: str


class Step(Frozen):
    """One action in a plan: on what, what it owes, how it is undone, and what policy forecast."""

    id: StepId
    action: ActionSpec
    digest: str
    target: TargetFacts
    reversible: bool
    summary: str
    forecast: Decision
    undo_forecast: Decision | None
    approvals: tuple[ApprovalNeed, ...] = ()


class Plan(Frozen):
    """Ordered steps, conditional on what is found when each is about to run."""

    steps: tuple[Step, ...] = ()

    @property
    def digest(self) -> str:
        """Name this exact plan: approvals are bound to it."""
        return digest_of([[s.id, s.digest] for s in self.steps])


class Classification(Frozen):
    """What the tenant's own admins say a target is (the `Targets` table)."""

    id: str
    tags: frozenset[str]
    department: str | None
    privileged: bool


class Asked(Frozen):
    """A question to the requester: its number, text, choices, and until when it waits."""

    number: int
    text: str
    choices: tuple[str, ...] = ()
    event: str
    until: AwareDatetime


class Work(Frozen):
    """Everything one assessment learned and proposed; sealed at rest."""

    intent: Intent
    findings: tuple[Finding, ...] = ()
    classes: tuple[Classification, ...] = ()
    plan: Plan = Plan()
    refusal: Refusal | None = None
    asked: Asked | None = None


class Vote(Frozen):
    """One person's decision on one approval, bound to the digest they were shown."""

    step: StepId
    slot: str
    approver: PersonId
    upn: str | None = None
    decision: Literal["approve", "reject"]
    digest: str
    comment: str | None = None
    at: AwareDatetime


class GraphTrace(Frozen):
    """How Microsoft can find the call we made: their request id and ours."""

    request_id: str | None
    client_request_id: str


class Outcome(StrEnum):
    """What became of a step. Only DONE and FOUND mean that the world was read and says so."""

    DONE = "done"  # we changed it and read it back
    FOUND = "found"  # it was already so; we changed nothing
    UNDONE = "undone"  # we had changed it, changed it back, and read that back
    WAITING = "waiting"  # approval, sign of the change, or a later try is awaited
    REFUSED = "refused"  # policy or an approver said no; nothing was changed
    FAILED = "failed"  # tried, and the world says it is not so; nothing of ours remains
    UNKNOWN = "unknown"  # sent, and the world does not say yet: a person must look


class Began(Frozen):
    """What was true right before a change was sent: enough to tell, after a crash, what is ours."""

    before: JsonValue
    authority: Authority
    decision: Decision


class Receipt(Frozen):
    """What one step did, by reading the world before and after.

    `ours`: the world is so because of this step. `sent`: a change was sent and is not seen yet.
    """

    step: StepId
    direction: Literal["do", "undo"]
    outcome: Outcome
    ours: bool = False
    sent: bool = False
    authority: Authority | None = None
    decision: Decision | None = None
    before: JsonValue = None
    after: JsonValue = None
    verified_at: AwareDatetime | None = None
    graph: GraphTrace | None = None
    refusal: Refusal | None = None
    wait: Wait | None = None
    at: AwareDatetime


class Ticket(Frozen):
    """A handover to a person: the whole account of what was asked, found, done and left undone."""

    id: str
    to: PersonId
    summary: str
    account: tuple[str, ...]


class Answer(Frozen):
    """The end of a request: its status and what the requester is told, made from receipts only."""

    status: Status
    text: str
    ticket: Ticket | None = None


class Sponsorship(Frozen):
    """A right a named person lends: which actions and lookups, on what, until when."""

    id: str
    sponsor: PersonId
    upn: str | None = None
    actions: frozenset[str]
    lookups: frozenset[str]
    target_tags: frozenset[str] = frozenset()
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether the sponsorship may be used at this moment."""
        return self.revoked_at is None and now < self.expires_at
