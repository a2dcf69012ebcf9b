"""The nouns, as frozen values: what a request is made of from sentence to plan.

Never here: I/O, clocks, vendor types. Ids are NewTypes so that a group id cannot be passed for a
person's; times are aware UTC. Everything here may be sealed and stored.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from agent.values import (
    Frozen,
    GroupId,
    PersonId,
    PlainText,
    RequestId,
    StepId,
    digest_of,
)
from policy.decide import Decision


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


class Ruling(Frozen):
    """One question put to policy, exactly as it was asked, and its answer: it can be asked again.

    `facts` is the very mapping that `policy.query.Query.of` was given.
    """

    facts: dict[str, JsonValue]
    decision: Decision


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
    achieved: str
    facts: dict[str, JsonValue]
    forecast: Decision
    undo_facts: dict[str, JsonValue] | None
    undo_forecast: Decision | None
    approvals: tuple[ApprovalNeed, ...] = ()

    def foreseen(self, *, undo: bool) -> Ruling | None:
        """Return what policy forecast for this step, or for taking it back."""
        if not undo:
            return Ruling(facts=self.facts, decision=self.forecast)
        if self.undo_facts is None or self.undo_forecast is None:
            return None
        return Ruling(facts=self.undo_facts, decision=self.undo_forecast)


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


class Denied(Frozen):
    """The change at which planning stopped, and what policy said of it where it was asked."""

    step: StepId
    action: ActionSpec
    target: GroupId
    digest: str
    ruling: Ruling | None


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
    denied: Denied | None = None
    asked: Asked | None = None


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
