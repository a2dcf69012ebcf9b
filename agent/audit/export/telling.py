"""The sections of evidence, read from records whose bodies may hold anything.

Answers  who asked, what was found, why it was permitted, who approved, what changed, how it ended.
Never    raises on a body, never guesses: what is not there is None, what is not text is JSON.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agent.audit.export.fields import at, cell, text
from agent.audit.export.sections import (
    ApprovalAsked,
    Asked,
    Became,
    Change,
    Ending,
    Found,
    LayerSaid,
    Occasion,
    Said,
    Verdict,
)
from agent.records import AuditRecord
from agent.values import canonical
from policy.rule import Layer

_CHANGES = ("intent", "compensate", "effect", "verify", "outcome")
NOT_RECORDED = "not recorded"


def asked(records: Sequence[AuditRecord]) -> Asked | None:
    """Return the first record of the ask."""
    for record in _of(records, "request"):
        body = record.body
        channel = text(body, "source", "channel") or text(body, "detail", "channel")
        return Asked(
            seq=record.seq,
            at=text(body, "at"),
            by=text(body, "actor"),
            channel=channel,
            digest=text(body, "digest"),
        )
    return None


def findings(records: Sequence[AuditRecord]) -> tuple[Found, ...]:
    """Return every step of reasoning in any record, in order."""
    return tuple(
        Found(
            seq=record.seq,
            lookup=cell(step, "lookup") or NOT_RECORDED,
            **{key: text(step, key) for key in ("source", "read_at", "read_as", "seen", "unknown")},
        )
        for record in records
        for step in _list(record.body.get("reasoning"))
    )


def verdicts(records: Sequence[AuditRecord]) -> tuple[Verdict, ...]:
    """Return each different decision once, with every record that holds it."""
    groups: dict[bytes, list[AuditRecord]] = {}
    for record in records:
        body = record.body
        if isinstance(body.get("decision"), Mapping):
            same = {key: body.get(key) for key in ("step", "digest", "decision")}
            groups.setdefault(canonical(same), []).append(record)
        elif text(body, "phase") == "decision":
            groups.setdefault(canonical({"seq": record.seq}), []).append(record)
    return tuple(_verdict(group) for group in groups.values())


def _verdict(group: Sequence[AuditRecord]) -> Verdict:
    body = group[0].body
    decision = at(body, "decision")
    occasions = (Occasion(seq=r.seq, at=text(r.body, "at"), moment=_moment(r.body)) for r in group)
    return Verdict(
        step=text(body, "step"),
        action=body.get("action"),
        target=body.get("target"),
        occasions=tuple(occasions),
        effect=text(decision, "effect") or text(body, "outcome") or NOT_RECORDED,
        layers=_layers(decision),
        obligations=tuple(_list(at(decision, "obligations"))),
        unknown=_words(at(decision, "unknown")),
        snapshot=at(decision, "snapshot"),
        why=text(body, "detail", "why") if text(body, "phase") == "decision" else None,
    )


def _moment(body: Mapping[str, Any]) -> str:
    if at(body, "detail", "forecast") is True:
        return "at planning"
    moments = {
        "decision": "when it stopped",
        "intent": "right before the act",
        "compensate": "right before the undo",
        "outcome": "with the outcome",
    }
    phase = cell(body, "phase")
    return moments.get(phase, phase)


def _layers(decision: object) -> tuple[LayerSaid, ...]:
    """Return all six layers in order, then any that has another name."""
    told = [
        LayerSaid(
            layer=cell(said, "layer") or NOT_RECORDED,
            result=cell(said, "result") or NOT_RECORDED,
            permitted_by=_words(at(said, "permitted_by")),
            denied_by=_words(at(said, "denied_by")),
            required_by=_words(at(said, "required_by")),
        )
        for said in _list(at(decision, "layers"))
    ]
    if not told:
        return ()
    names = {said.layer for said in told}
    missing = (LayerSaid(layer=one, result=NOT_RECORDED) for one in Layer if one not in names)
    place = {layer.value: number for number, layer in enumerate(Layer)}
    return tuple(sorted([*told, *missing], key=lambda said: place.get(said.layer, len(place))))


def approvals(records: Sequence[AuditRecord]) -> tuple[ApprovalAsked, ...]:
    """Return whose approval was asked for."""
    return tuple(
        ApprovalAsked(
            seq=record.seq,
            at=text(record.body, "at"),
            step=text(record.body, "step"),
            digest=text(record.body, "digest"),
            by=text(record.body, "detail", "by"),
            quorum=cell(record.body, "detail", "quorum"),
            when=text(record.body, "detail", "when"),
            approvers=_words(at(record.body, "detail", "approvers")),
            expires_at=text(record.body, "detail", "expires_at"),
        )
        for record in _of(records, "approval_asked")
    )


def votes(records: Sequence[AuditRecord]) -> tuple[Said, ...]:
    """Return what people said, and whether they were asked for this very digest."""
    shown = {(who, one.digest) for one in approvals(records) if one.digest for who in one.approvers}
    return tuple(
        Said(
            seq=record.seq,
            at=text(record.body, "at"),
            step=text(record.body, "step"),
            person=text(record.body, "actor"),
            decision=text(record.body, "outcome"),
            digest=text(record.body, "digest"),
            was_asked=(text(record.body, "actor"), text(record.body, "digest")) in shown,
        )
        for record in _of(records, "approval")
    )


def changes(records: Sequence[AuditRecord]) -> tuple[Change, ...]:
    """Return each exact change with its intents and outcomes, in the order they began."""
    groups: dict[bytes, list[AuditRecord]] = {}
    for record in _of(records, *_CHANGES):
        same = {key: record.body.get(key) for key in ("step", "digest")}
        same["undo"] = _undoes(record.body)
        groups.setdefault(canonical(same), []).append(record)
    return tuple(_change(group) for group in groups.values())


def _change(group: Sequence[AuditRecord]) -> Change:
    intents = [r for r in group if text(r.body, "phase") in ("intent", "compensate")]
    first = (intents or group)[0].body
    return Change(
        step=text(first, "step"),
        digest=text(first, "digest"),
        undo=_undoes(first),
        action=first.get("action"),
        target=first.get("target"),
        acted_as=next((said for r in group if (said := r.body.get("acted_as"))), None),
        intents=tuple(r.seq for r in intents),
        before=first.get("before"),
        became=tuple(_became(r) for r in group if r not in intents),
    )


def _became(record: AuditRecord) -> Became:
    body = record.body
    return Became(
        seq=record.seq,
        at=text(body, "at"),
        outcome=text(body, "outcome"),
        before=body.get("before"),
        after=body.get("after"),
        verified_at=text(body, "detail", "verified_at"),
        code=text(body, "detail", "code"),
        why=text(body, "detail", "why"),
        graph=body.get("graph"),
    )


def ending(records: Sequence[AuditRecord]) -> Ending | None:
    """Return the last answer, with the ticket where one was handed over."""
    answers = list(_of(records, "answer"))
    if not answers:
        return None
    handed = [r.body for r in _of(records, "escalate")]
    last = answers[-1]
    return Ending(
        seq=last.seq,
        at=text(last.body, "at"),
        status=text(last.body, "outcome"),
        ticket=text(handed[-1], "detail", "ticket") if handed else None,
        to=text(handed[-1], "detail", "to") if handed else None,
    )


def _of(records: Iterable[AuditRecord], *phases: str) -> Iterator[AuditRecord]:
    return (record for record in records if text(record.body, "phase") in phases)


def _undoes(body: Mapping[str, Any]) -> bool:
    return text(body, "phase") == "compensate" or text(body, "detail", "direction") == "undo"


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _words(found: object) -> tuple[str, ...]:
    return tuple(cell({"": one}, "") for one in _list(found))
