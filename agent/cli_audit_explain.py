"""One request in words for a terminal, told from its evidence.

Answers  who asked, what was found, why per layer, who approved, what changed, what was read back.
Never    says more than the records do: what is not there is said to be not recorded.
Rules    - every line goes through `shown`: no text of a trail can move a cursor or hide.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from agent.audit.export.evidence import Evidence
from agent.audit.export.fields import at, cell, text
from agent.audit.export.markup import shown
from agent.audit.export.sections import Change, LayerSaid, Verdict
from agent.audit.export.words import OUTCOMES, owed

_NOTHING = "  nothing is recorded"


def story(evidence: Evidence) -> Iterator[str]:
    """Give the story line by line."""
    parts = (
        ("Who asked", _asked(evidence)),
        ("What was found", _found(evidence)),
        ("Why", _why(evidence)),
        ("Who approved", _approved(evidence)),
        ("What changed", _changed(evidence)),
        ("How it ended", _ended(evidence)),
    )
    yield shown(f"Request {evidence.request} of tenant {evidence.tenant}")
    for flaw in evidence.flaws:
        yield shown(f"FLAW: {flaw}")
    for name, lines in parts:
        told = [shown(line.replace("\n", " ")) for line in lines]
        yield from ("", name, *(told or [_NOTHING]))


def _asked(evidence: Evidence) -> Iterator[str]:
    if one := evidence.asked:
        over = f" over {one.channel}" if one.channel else ""
        yield f"  {_said(one.by)} at {_said(one.at)}{over} [{one.seq}]"
        yield f"  their words by digest: {_said(one.digest)}"


def _found(evidence: Evidence) -> Iterator[str]:
    for one in evidence.findings:
        what = f"unknown: {one.unknown}" if one.unknown else f"digest {_said(one.seen)}"
        yield (
            f"  {one.lookup}: read from {_said(one.source)} as {_said(one.read_as)} at "
            f"{_said(one.read_at)}: {what} [{one.seq}]"
        )


def _why(evidence: Evidence) -> Iterator[str]:
    for verdict in evidence.verdicts:
        when = ", ".join(f"{one.moment} [{one.seq}]" for one in verdict.occasions)
        what = _change(verdict.action, verdict.target)
        yield f"  {verdict.effect.replace('_', ' ')}: {what}, {when}"
        if verdict.why is not None:
            yield f"    {verdict.why}"
        yield from (f"    {_layer(one)}" for one in verdict.layers)
        yield from (f"    owed: {owed(one)}" for one in verdict.obligations)
        yield from _rules(verdict)


def _rules(verdict: Verdict) -> Iterator[str]:
    if verdict.unknown:
        yield f"    not known: {', '.join(verdict.unknown)}"
    if verdict.snapshot is not None:
        seq, name = cell(verdict.snapshot, "seq"), cell(verdict.snapshot, "id")
        yield f"    policy: sequence {seq}, snapshot {name}"


def _layer(one: LayerSaid) -> str:
    parts = (
        ("permitted by", one.permitted_by),
        ("denied by", one.denied_by),
        ("requirements by", one.required_by),
    )
    rules = "; ".join(f"{how} {', '.join(names)}" for how, names in parts if names)
    return f"{one.layer}: {one.result}{f' ({rules})' if rules else ''}"


def _approved(evidence: Evidence) -> Iterator[str]:
    for asked in evidence.approvals:
        yield (
            f"  asked: {', '.join(asked.approvers) or 'nobody'} as {_said(asked.by)}, until "
            f"{_said(asked.expires_at)}, for change {_said(asked.digest)} [{asked.seq}]"
        )
    for vote in evidence.votes:
        doubt = "" if vote.was_asked else ", who was not asked for this change"
        yield (
            f"  {_said(vote.decision)}: {_said(vote.person)} at {_said(vote.at)}, for change "
            f"{_said(vote.digest)}{doubt} [{vote.seq}]"
        )


def _changed(evidence: Evidence) -> Iterator[str]:
    for one in evidence.changes:
        undo = "undo: " if one.undo else ""
        yield f"  {undo}{_change(one.action, one.target)}, change {_said(one.digest)}"
        yield f"    {_hands(one)}"
        for became in one.became:
            outcome = _said(became.outcome)
            yield (
                f"    {OUTCOMES.get(outcome, outcome)}: before {_value(became.before)}, "
                f"after {_value(became.after)} [{became.seq}]"
            )
            if became.why is not None:
                yield f"    because: {became.why}"
            yield f"    {_read_back(became.verified_at, text(became.graph, 'request_id'))}"


def _hands(one: Change) -> str:
    person = text(one.acted_as, "person")
    if person is None:
        return "nobody's token is recorded"
    mode, why = cell(one.acted_as, "mode"), cell(one.acted_as, "why")
    return f"with the token of {person} ({mode}: {why})"


def _read_back(verified_at: str | None, graph: str | None) -> str:
    call = f", Microsoft's request {graph}" if graph else ""
    return f"read back at {verified_at}{call}" if verified_at else f"not read back{call}"


def _ended(evidence: Evidence) -> Iterator[str]:
    if one := evidence.ending:
        yield f"  {_said(one.status)} at {_said(one.at)} [{one.seq}]"
        if one.ticket is not None:
            yield f"  handed to {_said(one.to)} as {one.ticket}"


def _change(action: JsonValue, target: JsonValue) -> str:
    given: Any = at(action, "arguments")
    names = sorted(given) if isinstance(given, dict) else ()
    arguments = "".join(f" {name} {cell(given, name)}" for name in names)
    name = text(action, "name") or "a change that is not recorded"
    goal = text(target, "id")
    where = f" on {cell(target, 'type')} {goal}" if goal else ""
    return f"{name}{arguments}{where}"


def _said(found: str | None) -> str:
    return found if found is not None else "not recorded"


def _value(found: JsonValue) -> str:
    return cell({"": found}, "") or "not recorded"
