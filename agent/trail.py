"""What is asked of the audit trail, and what a list of answers shows of a record.

Rules
- a person is found by whatever they had to do with a record: acting, lending their hands, acted
  upon, asked; the same word finds any other object by its id;
- a record is read as JSON that may hold more, or less, than we know: what is not there, or is of
  another type than expected, is simply not found by it; only its time has to be there.

Never here: storage, and whole records: whoever needs one asks for its place.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from agent.records import AuditRecord
from agent.values import Frozen, PlainText, canonical

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONCERNED = ("actor", "acted_as", "on_behalf_of", "action", "target", "approval")
_ALSO = ("approvers", "to", "subject")  # of `detail`
_RULES = ("rule", "rules", "policies")

Asked = Annotated[PlainText, Field(min_length=1, max_length=200)]


class AuditQuery(Frozen):
    """What records are wanted: all that is given must hold; `to` is the first moment after."""

    frm: AwareDatetime | None = None
    to: AwareDatetime | None = None
    person: Asked | None = None
    action: Asked | None = None
    decision: Asked | None = None
    rule: Asked | None = None
    request: Asked | None = None
    phase: Asked | None = None


class AuditLine(Frozen):
    """What a list of answers shows of one record."""

    seq: int
    at: datetime
    phase: str | None = None
    request: str | None = None
    step: str | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    decision: str | None = None
    outcome: str | None = None
    rules: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class AuditPage(Frozen):
    """Some answers, newest first; `continuation` is None when there are no more.

    `rows` is how many rows of the store were read for it.
    """

    lines: tuple[AuditLine, ...]
    continuation: str | None
    rows: int


def line_of(record: AuditRecord) -> AuditLine:
    """Return what a list shows of a record. Raises ValueError when it does not say its time."""
    body = record.body
    at = datetime.fromisoformat(str(body.get("at")))
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone, saw none")
    actor = body.get("actor")
    return AuditLine(
        seq=record.seq,
        at=at,
        phase=_text(body.get("phase")),
        request=_text(body.get("request")),
        step=_text(body.get("step")),
        actor=next(_guids(actor), None) or _text(actor),
        action=_text(_under(body.get("action"), "name")),
        target=_text(_under(body.get("target"), "id")),
        decision=_text(_under(body.get("decision"), "effect")),
        outcome=_text(body.get("outcome")),
        rules=tuple(dict.fromkeys(_rules(body.get("decision")))),
        people=tuple(dict.fromkeys(_people(body))),
    )


def sought(line: AuditLine) -> Iterator[tuple[str, str]]:
    """Yield every (word of the query, value) under which a line is found."""
    for word in ("action", "decision", "request", "phase"):
        value = getattr(line, word)
        if value is not None:
            yield word, value
    for rule in line.rules:
        yield "rule", rule
    for person in line.people:
        yield "person", person


def answers(query: AuditQuery, line: AuditLine) -> bool:
    """Whether a line is wanted."""
    if query.frm is not None and line.at < query.frm:
        return False
    if query.to is not None and line.at >= query.to:
        return False
    if query.person is not None and query.person.lower() not in line.people:
        return False
    if query.rule is not None and query.rule not in line.rules:
        return False
    plain = ("action", "decision", "request", "phase")
    return all(getattr(query, word) in (None, getattr(line, word)) for word in plain)


def _people(body: Mapping[str, Any]) -> Iterator[str]:
    for word in _CONCERNED:
        yield from _guids(body.get(word))
    detail = body.get("detail")
    for word in _ALSO:
        yield from _guids(_under(detail, word))


def _guids(value: object) -> Iterator[str]:
    """Yield the ids that stand anywhere in a value, in lower case."""
    match value:
        case str() if _GUID.fullmatch(value):
            yield value.lower()
        case dict():
            for part in value.values():
                yield from _guids(part)
        case list():
            for part in value:
                yield from _guids(part)


def _rules(value: object, named: bool = False) -> Iterator[str]:
    """Yield the names of rules that stand anywhere in a decision."""
    match value:
        case str() if named and value:
            yield value
        case dict():
            for name, part in value.items():
                yield from _rules(part, name in _RULES or name.endswith("_by"))
        case list():
            for part in value:
                yield from _rules(part, named)


def _under(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


class Tombstone(Frozen):
    """What stands where retention removed a segment: enough to check the chain around it."""

    tenant: str
    first: int
    last: int
    prev: str  # the hash before `first`
    hash: str  # of `last`: what comes next refers to it
    root: str  # of the Merkle tree over the hashes of the records
    older_than: AwareDatetime
    at: AwareDatetime
    kid: str = ""
    signature: str = ""  # ES256 over `message`, in base64url without padding

    @property
    def message(self) -> bytes:
        """What is signed: everything but the signature and who signed."""
        return canonical(self.model_dump(mode="json", exclude={"kid", "signature"}))
