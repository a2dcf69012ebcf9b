"""The sections of evidence, as values: what one request's records say, ordered for a person.

Shapes only; `telling` reads them from records. Text that is None was not in the record, or was not
text; JSON stands as the record has it.
"""

from pydantic import JsonValue

from agent.values import Frozen


class Asked(Frozen):
    """Who asked, when, through which channel; the words are in the trail by digest only."""

    seq: int
    at: str | None
    by: str | None
    channel: str | None
    digest: str | None


class Found(Frozen):
    """One lookup: where, when and as whom it was read, and the digest of what was seen."""

    seq: int
    lookup: str
    source: str | None
    read_at: str | None
    read_as: str | None
    seen: str | None
    unknown: str | None


class LayerSaid(Frozen):
    """What one of the six layers said, and by which rules."""

    layer: str
    result: str
    permitted_by: tuple[str, ...] = ()
    denied_by: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()


class Occasion(Frozen):
    """A record in which a decision stands, and when in the course of things that was."""

    seq: int
    at: str | None
    moment: str


class Verdict(Frozen):
    """A decision of policy on one change, and every record that holds this same decision."""

    step: str | None
    action: JsonValue
    target: JsonValue
    occasions: tuple[Occasion, ...]
    effect: str
    layers: tuple[LayerSaid, ...]
    obligations: tuple[JsonValue, ...]
    unknown: tuple[str, ...]
    snapshot: JsonValue
    why: str | None


class ApprovalAsked(Frozen):
    """Who was asked to approve which digest, by when."""

    seq: int
    at: str | None
    step: str | None
    digest: str | None
    by: str | None
    quorum: str
    when: str | None
    approvers: tuple[str, ...]
    expires_at: str | None


class Said(Frozen):
    """What one person said to exactly this digest."""

    seq: int
    at: str | None
    step: str | None
    person: str | None
    decision: str | None
    digest: str | None
    was_asked: bool


class Became(Frozen):
    """What a change became, by reading the world."""

    seq: int
    at: str | None
    outcome: str | None
    before: JsonValue
    after: JsonValue
    verified_at: str | None
    code: str | None
    why: str | None
    graph: JsonValue


class Change(Frozen):
    """One exact change in one direction: with whose token, why theirs, and what became of it."""

    step: str | None
    digest: str | None
    undo: bool
    action: JsonValue
    target: JsonValue
    acted_as: JsonValue
    intents: tuple[int, ...]
    before: JsonValue
    became: tuple[Became, ...]


class Ending(Frozen):
    """How the request ended, and to whom it was handed."""

    seq: int
    at: str | None
    status: str | None
    ticket: str | None
    to: str | None
