"""What happened: votes, what was true before a change, what became of it, what people are told.

Only what was read from the world may be claimed here; see `Outcome` for the words.
"""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, JsonValue

from agent.domain import Authority, Refusal, Status, Wait
from agent.values import Frozen, PersonId, StepId
from policy.decide import Decision


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
