"""One request as a script tells it: looked up, planned, decided, acted, read back, written down."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType

from agent.domain import Finding, Step, Work
from agent.records import AuditRecord
from local.demo.exhibits import Dossier
from local.demo.ink import columns, entry, ink, joined
from policy.decide import Decision, LayerResult

_RESULT = {"permit": "green", "deny": "red", "silent": "yellow"}
# The API shows a decision without its sentences and its shadow rules.
_NO_WORDS: Mapping[str, Any] = {"shadow": (), "reason": "", "remedy": None}
_TELLING = ("department", "policy on it", "its owners", "access before", "security flag")
_GUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MS = timedelta(milliseconds=1)


class Script:
    """Tells dossiers; knows only how people are called."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def tell(self, dossier: Dossier) -> Iterator[RenderableType]:
        """Every entry of one request, or of the part asked for, in the order of events."""
        if dossier.part != "end":
            yield from self._before(dossier)
        if dossier.part != "plan":
            yield from self._after(dossier)

    def _before(self, dossier: Dossier) -> Iterator[RenderableType]:
        work = dossier.work
        if work is None:
            return
        if work.findings:
            yield self._looked_up(dossier, work)
        for step in work.plan.steps:
            yield _planned(step, dossier.full)
            yield entry("policy", *_layers(step.forecast, "at planning", dossier.full))
        yield from _refused(dossier.trail)

    def _after(self, dossier: Dossier) -> Iterator[RenderableType]:
        planned = dossier.work.plan.steps if dossier.work else ()
        for shown in dossier.view["steps"]:
            forecast = next((s.forecast for s in planned if s.id == shown["id"]), None)
            yield from _decided_again(shown, forecast)
        yield from self._acted(dossier)
        yield self._written_down(dossier)
        yield entry("Warrant", ink(f"“{dossier.view['answer']}”", "bold"), style="bold cyan")

    def _looked_up(self, dossier: Dossier, work: Work) -> RenderableType:
        facts = list(_facts(work, self._names))
        if not dossier.full:
            telling = [f"{what}: {seen}" for what, seen, _ in facts if what in _TELLING]
            return entry("looked up", ink("; ".join(dict.fromkeys(telling))))
        began = datetime.fromisoformat(dossier.view["created_at"])
        table = columns(15, None, 14, 7)
        for what, seen, finding in facts:
            source = finding.source if finding else "tables Targets and PolicySnapshots"
            who = self._called(finding.read_as) if finding else "Warrant itself"
            after = f"+{(finding.read_at - began) / _MS:.0f} ms" if finding else ""
            answer = Group(ink(seen, "bold"), ink(source, "dim"))
            table.add_row(ink(what), answer, ink(who), ink(after, "dim"))
        return entry("looked up", table)

    def _acted(self, dossier: Dossier) -> Iterator[RenderableType]:
        for shown in dossier.view["steps"]:
            receipts = [r for r in (shown["receipt"], shown["undo"]) if r]
            if not _acted(shown) or not receipts:
                continue
            hands = shown["acted_as"]
            who = f"with {self._called(hands['id'])}'s token, as {hands['mode']}"
            why = next(_why(dossier.trail, shown["digest"]), "")
            mine = [w for w in dossier.writes if w["target"]["id"] == shown["target"]["id"]]
            yield entry(
                "acted", joined(ink(who, "bold"), ink(f": {why}" if why else "")), *_sent(mine)
            )
            yield entry("read back", *(ink(_read_back(r)) for r in receipts))

    def _written_down(self, dossier: Dossier) -> RenderableType:
        trail = dossier.trail
        if not trail:
            return entry("written down", ink("nothing"))
        if not dossier.full:
            phases = " → ".join(str(r.body["phase"]).replace("_", " ") for r in trail)
            return entry("written down", ink(f"#{trail[0].seq} to #{trail[-1].seq}: {phases}"))
        table = columns(4, 12, 10, None, 8)
        for record in trail:
            told = ink(self._told(record)), ink(record.hash[:8], "dim")
            at = datetime.fromisoformat(str(record.body["at"]))
            table.add_row(ink(f"#{record.seq}"), ink(_clock(at)), ink(record.body["phase"]), *told)
        return entry("written down", table)

    def _told(self, record: AuditRecord) -> str:
        body = record.body
        match body["phase"]:
            case "request":
                return f"{self._called(body['actor'])} asked; by digest only"
            case "read":
                return f"{len(body['reasoning'])} look-ups, what was seen by digest"
            case "decision" if "decision" in body:
                return f"forecast: {body['decision']['effect']}, all rules named"
            case "intent" | "compensate":
                return f"about to, with {self._called(body['acted_as']['person'])}'s token"
            case "outcome":
                return f"{body['outcome']}: before, after, Graph request"
            case _:
                return str(body.get("outcome") or "")

    def _called(self, person: object) -> str:
        return self._names.get(str(person), str(person))


def _facts(work: Work, names: Mapping[str, str]) -> Iterator[tuple[str, str, Finding | None]]:
    """What was looked up, as the seed case tells it, then what else was read."""
    by_name = {name: [f for f in work.findings if f.lookup == name] for name in _ORDER}
    for lookup, what in _ORDER.items():
        for finding in by_name[lookup]:
            if lookup == "owners":
                yield from _of_classes(work, finding.about)
            yield what, _seen(finding, names), finding
            if lookup == "person" and isinstance(finding.seen, dict):
                yield "department", str(finding.seen.get("department") or "none"), finding


_ORDER = {
    "person": "person in Entra",
    "site": "site exists",
    "owners": "its owners",
    "history": "access before",
    "risk": "security flag",
    "membership": "access now",
    "standing": "belongs to",
}


def _of_classes(work: Work, about: str) -> Iterator[tuple[str, str, None]]:
    for classed in work.classes:
        if classed.id == about:
            tags = ", ".join(sorted(classed.tags)) or "nothing"
            yield "policy on it", f"tagged {tags}, of {classed.department or 'no department'}", None


def _seen(finding: Finding, names: Mapping[str, str]) -> str:
    """What one lookup saw, in words; doubt is said as doubt."""
    seen: Any = finding.seen
    if finding.unknown is not None:
        return f"unknown: {finding.unknown}"
    match finding.lookup:
        case "person":
            state = "active" if seen["enabled"] else "switched off"
            return f"{state}, {str(seen['kind']).lower()}" if seen else "nobody"
        case "site":
            return f"yes, {str(seen).split(',', 1)[0]}" if seen else "no"
        case "owners":
            return ", ".join(names.get(o, o) for o in seen) or "nobody"
        case "history":
            return _history(seen["changes"], finding.read_at)
        case "risk":
            return "none" if seen["state"] == "none" else f"{seen['state']}, level {seen['level']}"
        case "membership":
            return "yes" if seen else "no"
        case _:
            roles = ", ".join(seen["roles"]) or "none"
            return f"{len(seen['groups'])} groups; directory roles: {roles}"


def _history(changed: list[dict[str, str]], now: datetime) -> str:
    if not changed:
        return "no trace in the last 30 days"
    days = (now - datetime.fromisoformat(changed[0]["at"])).days
    return f"{changed[0]['what']} {days} days ago" if days else f"{changed[0]['what']} today"


def _planned(step: Step, full: bool) -> RenderableType:
    lines: list[RenderableType] = [joined(ink(f"{step.id}  ", "dim"), ink(step.summary))]
    if full:
        undo = f"undo: policy says {step.undo_forecast.effect}" if step.undo_forecast else "no undo"
        lines.append(ink(f"    only if it is not so already · done when read back · {undo}", "dim"))
    return entry("planned", *lines)


def _layers(decision: Decision, about: str, full: bool) -> list[RenderableType]:
    ref = decision.snapshot
    signed = f", signed snapshot {ref.seq}, {ref.id[:12]}" if ref else ""
    effect = ink(decision.effect, f"bold {_RESULT[decision.effect]}")
    head = joined(effect, ink(f"  {about}{signed}", "dim"))
    telling = [r for r in decision.layers if full or r.result != "permit" or r.required_by]
    if not telling:
        return [joined(head, ink("; all six layers permit it", "dim"))]
    return [head, _table(telling)]


def _table(layers: Iterable[LayerResult]) -> RenderableType:
    table = columns(10, 6, None)
    for layer in layers:
        rules = layer.denied_by or layer.permitted_by or ("no rule permits it",)
        lines = [ink(", ".join(rules))]
        if layer.required_by:
            more = ink(", ".join(layer.required_by))
            lines.append(joined(ink("asks for more: ", "yellow"), more))
        table.add_row(ink(layer.layer), ink(layer.result, _RESULT[layer.result]), Group(*lines))
    return table


def _decided_again(shown: Mapping[str, Any], forecast: Decision | None) -> Iterator[RenderableType]:
    """What the decision that counts said, where a step came so far as to be decided again."""
    decision = Decision.model_validate({**_NO_WORDS, **shown["decision"]})
    if forecast is not None and decision.layers == forecast.layers:
        if _acted(shown):
            effect = ink(decision.effect, f"bold {_RESULT[decision.effect]}")
            line = "  on fresh facts, right before the act: the same rules"
            yield entry("policy", joined(effect, ink(line, "dim")))
        return
    yield entry("policy", *_layers(decision, "on fresh facts, right before the act", False))


def _refused(trail: tuple[AuditRecord, ...]) -> Iterator[RenderableType]:
    for record in trail:
        detail = record.body.get("detail") or {}
        if record.body["phase"] == "decision" and "why" in detail:
            yield entry("policy", joined(ink("deny", "bold red"), ink(f"  {detail['why']}")))


def _acted(shown: Mapping[str, Any]) -> bool:
    receipt = shown["receipt"]
    return bool(shown["acted_as"] and receipt and receipt["before"] != receipt["after"])


def _why(trail: tuple[AuditRecord, ...], digest: str) -> Iterator[str]:
    for record in trail:
        if record.body["phase"] == "intent" and record.body.get("digest") == digest:
            yield str(record.body["acted_as"]["why"])


def _sent(writes: list[Mapping[str, Any]]) -> Iterator[RenderableType]:
    for write in writes:
        at = _clock(datetime.fromisoformat(write["at"]))
        path = _GUID.sub(lambda found: f"{found[1]}…", write["path"])
        yield ink(f"{write['method']} {path} · {at}", "dim")
        yield ink(f"Graph request {write['request_id']}", "dim")


def _read_back(receipt: Mapping[str, Any]) -> str:
    before, after = (_member(receipt[key]) for key in ("before", "after"))
    at = _clock(datetime.fromisoformat(receipt["verified_at"])) if receipt["verified_at"] else None
    return f"{before} → {after}{f', seen at {at}' if at else ', not verified'}"


def _member(seen: object) -> str:
    return (
        {True: "a member", False: "not a member"}.get(bool(seen), "") if seen is not None else "?"
    )


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S.%f")[:12]
