"""The evidence of one request: what its audit records say, ordered for a person, to be signed.

Rules
- every section is read from the records and from nothing else; the records stand in it whole, so
  that anybody can tell the sections again and compare;
- what the caller adds (names for ids, proofs, Microsoft's own record) stands apart, under names
  of its own: none of it is part of the trail;
- a record that does not fit its own hash, its place or its request is named in `flaws`;
- what is signed is canonical JSON with the kind of statement in it, so that no signature over
  anything else passes for one over evidence.

Never here: keys, clocks, storage. Who signs is the caller's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from agent.audit.chain import link_hash
from agent.audit.export import telling
from agent.audit.export.fields import line_of, text
from agent.audit.export.sections import ApprovalAsked, Asked, Change, Ending, Found, Said, Verdict
from agent.records import AuditRecord
from agent.values import Frozen, canonical

KIND: Literal["warrant.evidence.v1"] = "warrant.evidence.v1"


class Added(Frozen):
    """What the caller knows beside the trail: how ids are called, proofs, Microsoft's record."""

    names: dict[str, str] = Field(default_factory=dict)
    checkpoint: JsonValue = None
    inclusion: JsonValue = None
    microsoft: tuple[JsonValue, ...] = ()


class Evidence(Frozen):
    """One request, told from its records."""

    tenant: str
    request: str
    made_at: AwareDatetime
    asked: Asked | None
    findings: tuple[Found, ...]
    verdicts: tuple[Verdict, ...]
    approvals: tuple[ApprovalAsked, ...]
    votes: tuple[Said, ...]
    changes: tuple[Change, ...]
    ending: Ending | None
    flaws: tuple[str, ...]
    records: tuple[AuditRecord, ...]
    added: Added


class Signature(Frozen):
    """A signature over `signing_bytes`: by which key, and its value in base64url."""

    alg: Literal["ES256"] = "ES256"
    kid: str
    value: str


class SignedEvidence(Frozen):
    """The bundle's one JSON document."""

    kind: Literal["warrant.evidence.v1"] = KIND
    evidence: Evidence
    signature: Signature


def evidence_of(
    records: Sequence[AuditRecord],
    tenant: str,
    request: str,
    made_at: datetime,
    added: Added | None = None,
) -> Evidence:
    """Tell one request from its records, in order of sequence.

    Raises ValueError when there is no record, or one that has no canonical form.
    """
    if not records:
        raise ValueError(f"expected records of request `{request}`, saw none")
    for record in records:
        line_of(record)
    ordered = sorted(records, key=lambda record: record.seq)
    return Evidence(
        tenant=tenant,
        request=request,
        made_at=made_at,
        asked=telling.asked(ordered),
        findings=telling.findings(ordered),
        verdicts=telling.verdicts(ordered),
        approvals=telling.approvals(ordered),
        votes=telling.votes(ordered),
        changes=telling.changes(ordered),
        ending=telling.ending(ordered),
        flaws=flaws(ordered, request),
        records=tuple(ordered),
        added=added or Added(),
    )


def flaws(ordered: Sequence[AuditRecord], request: str) -> tuple[str, ...]:
    """Name every record that does not fit its own hash, its place or the request."""
    found = []
    last: AuditRecord | None = None
    for record in ordered:
        if record.hash != link_hash(record.seq, record.prev, record.body):
            found.append(f"record {record.seq} does not fit its hash")
        if text(record.body, "request") != request:
            found.append(f"record {record.seq} is not of this request")
        if last is not None and record.seq == last.seq:
            found.append(f"record {record.seq} is there twice")
        if last is not None and record.seq == last.seq + 1 and record.prev != last.hash:
            found.append(f"record {record.seq} does not follow record {last.seq}")
        last = record
    return tuple(found)


def signing_bytes(evidence: Evidence) -> bytes:
    """Return what is signed.

    Raises ValueError when something added has no canonical form.
    """
    return canonical({"kind": KIND, "evidence": evidence.model_dump(mode="json")})


def write(evidence: Evidence, signature: Signature) -> str:
    """Return the signed document as canonical JSON; `SignedEvidence` reads it back."""
    signed = SignedEvidence(evidence=evidence, signature=signature)
    return canonical(signed.model_dump(mode="json")).decode()
