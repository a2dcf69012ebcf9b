"""A policy in Cedar's words, so that Cedar can say what it thinks of it.

Nothing here knows how Warrant matches: a rule is read as it is written, a fact as it was given, and
both are put into Cedar by the words of the public contract. One PolicySet a layer holds its permits
and denies; one more holds all requirements, as permits, so that Cedar names those that apply.

A fact in doubt is left out of the context. A permit asks `has x && ...`; what restrains asks
`if has x then ... else true`, because Cedar skips a forbid that meets a missing attribute.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

Record = Mapping[str, Any]

LAYERS = ("global", "tenant", "target", "department", "action", "runtime")
REQUIREMENTS = "requirements"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 24 * 60

# For each kind of fact: its name, as the contract lists them.
FACTS: Mapping[str, tuple[str, ...]] = {
    "text": (
        *("action.id", "action.family", "requester.department", "requester.kind", "target.type"),
        *("target.department", "target.subject", "runtime.channel"),
    ),
    "id": ("requester.id", "target.id"),
    "texts": (
        *("action.effects", "requester.roles", "requester.flags", "target.tags"),
        *("plan.actions", "plan.before"),
    ),
    "ids": ("requester.groups",),
    "count": (
        *("action.risk", "runtime.sign_in_age_minutes", "runtime.sign_in_risk"),
        *("runtime.bulk_count", "runtime.changes_last_hour", "runtime.subjects_last_hour"),
        *("runtime.licences_last_hour", "runtime.privileged_last_hour"),
        *("plan.subjects", "plan.licences", "plan.privileged"),
    ),
    "truth": (
        *("action.reversible", "action.undo", "target.owner_is_requester", "target.privileged"),
        *("target.role_assignable", "runtime.device_compliant"),
    ),
    "time": ("runtime.now",),
}
_KIND = {name: kind for kind, names in FACTS.items() for name in names}
# Selectors whose fact is not simply their name without `_any`, `_none`, `_min` or `_max`.
_READS = {
    "action.ids": "action.id",
    "action.families": "action.family",
    "requester.ids": "requester.id",
    "requester.departments": "requester.department",
    "requester.kinds": "requester.kind",
    "target.types": "target.type",
    "target.ids": "target.id",
    "target.departments": "target.department",
    "runtime.channels": "runtime.channel",
    "runtime.sign_in_age_max_minutes": "runtime.sign_in_age_minutes",
    "runtime.bulk_max": "runtime.bulk_count",
}


def policy_texts(rules: Iterable[Record]) -> dict[str, str]:
    """Translate the enforced rules: a set for each layer, and one for what they require."""
    texts: dict[str, list[str]] = {name: [] for name in (*LAYERS, REQUIREMENTS)}
    for rule in rules:
        if rule.get("mode", "enforce") == "enforce":
            texts[REQUIREMENTS if rule["effect"] == "require" else rule["layer"]].append(
                _policy(rule)
            )
    return {name: "\n".join(some) for name, some in texts.items()}


def _policy(rule: Record) -> str:
    doubt = "false" if rule["effect"] == "permit" else "true"
    when = [_guarded(*one, doubt) for one in _conjuncts(rule.get("when", {}))]
    for end, holds in (("valid_from", ">="), ("valid_until", "<")):
        if end in rule:
            test = f"context.now {holds} {_microseconds(datetime.fromisoformat(rule[end]))}"
            when.append(_guarded(("now",), test, doubt))
    unless = ""
    if "unless" in rule:  # an exemption in doubt does not exempt
        exempt = [_guarded(*one, "false") for one in _conjuncts(rule["unless"])]
        unless = f"\nunless {{ {' && '.join(exempt)} }}"
    effect = "forbid" if rule["effect"] == "deny" else "permit"
    asked = " && ".join(when) or "true"
    return (
        f'@id("{rule["id"]}")\n{effect}(principal, action, resource)\nwhen {{ {asked} }}{unless};'
    )


def _guarded(attributes: tuple[str, ...], test: str, doubt: str) -> str:
    known = " && ".join(f"context has {attribute}" for attribute in attributes)
    return f"(if {known} then {test} else {doubt})"


def _conjuncts(selectors: Record) -> Iterable[tuple[tuple[str, ...], str]]:
    for section, written in selectors.items():
        for name, wanted in written.items():
            yield _conjunct(f"{section}.{name}", wanted)


def _conjunct(selector: str, wanted: Any) -> tuple[tuple[str, ...], str]:
    """Give the attributes that a selector reads, and its test of them."""
    if selector == "target.same_department":
        both = ("requester_department", "target_department")
        return both, f"(context.{both[0]} == context.{both[1]}) == {_literal(wanted)}"
    if selector == "runtime.window":
        name = zone_attribute(wanted["tz"])
        inside = (
            f"(context.{name} >= {first} && context.{name} < {last})"
            for first, last in intervals(wanted)
        )
        return (name,), " || ".join(inside)
    fact = fact_of(selector)
    attribute = fact.replace(".", "_")
    mine = f"context.{attribute}"
    if isinstance(wanted, list):
        words = _literal([_folded(word, _KIND[fact]) for word in wanted])
        if _KIND[fact] in ("text", "id"):
            return (attribute,), f"{words}.contains({mine})"
        any_of = f"{mine}.containsAny({words})"
        return (attribute,), any_of if selector.endswith("_any") else f"!({any_of})"
    if _KIND[fact] == "count":
        return (attribute,), f"{mine} {'>=' if selector.endswith('_min') else '<='} {wanted}"
    if isinstance(wanted, str):
        wanted = _folded(wanted, "text")
    return (attribute,), f"{mine} == {_literal(wanted)}"


def fact_of(selector: str) -> str:
    """Give the fact that a selector reads."""
    base = selector
    for ending in ("_any", "_none", "_min", "_max"):
        base = base.removesuffix(ending)
    return _READS.get(selector, base)


def intervals(window: Record) -> Iterable[tuple[int, int]]:
    """Spell out weekly hours as half-open stretches of a week's minutes."""
    opens, closes = (int(t[:2]) * 60 + int(t[3:]) for t in (window["from"], window["to"]))
    length = (closes - opens) % (24 * 60) or 24 * 60
    for day in window.get("days", _DAYS):
        first = _DAYS.index(day) * 24 * 60 + opens
        yield first, first + length
        if first + length > _WEEK:
            yield 0, first + length - _WEEK


def request(facts: Record, zones: Iterable[str]) -> dict[str, Any]:
    """Give one question as Cedar takes it; what is in doubt is not in the context."""
    context: dict[str, Any] = {}
    for name, kind in _KIND.items():
        section, _, leaf = name.partition(".")
        raw = facts.get(section)
        value = _value(raw.get(leaf), kind) if isinstance(raw, Mapping) else None
        if isinstance(value, datetime):
            context["now"] = _microseconds(value)
            for zone in zones:
                local = value.astimezone(ZoneInfo(zone))
                minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
                context[zone_attribute(zone)] = minute
        elif value is not None:
            context[name.replace(".", "_")] = value
    return {"principal": 'P::"p"', "action": 'A::"a"', "resource": 'R::"r"', "context": context}


def zones_of(rules: Iterable[Record]) -> set[str]:
    """Name the time zones that some window of these rules is in."""
    parts = [rule.get(part, {}) for rule in rules for part in ("when", "unless")]
    windows = [part.get("runtime", {}).get("window") for part in parts]
    return {window["tz"] for window in windows if window}


def _value(raw: object, kind: str) -> Any:
    """Give a fact if it is well-formed, else None."""
    match kind, raw:
        case ("text" | "id", str()) if raw.strip():
            return _folded(raw, kind)
        case ("texts" | "ids", list()):
            words = [_value(word, kind.removesuffix("s")) for word in raw]
            return None if None in words else words
        case ("truth", bool()):
            return raw
        case ("count", int()) if not isinstance(raw, bool) and raw >= 0:
            return raw
        case ("time", str()):
            try:
                time = datetime.fromisoformat(raw)
            except ValueError:
                return None
            return time if time.tzinfo is not None else None
        case _:
            return None


def _folded(text: str, kind: str) -> str:
    """Texts compare after NFKC and case folding, ids in lower case."""
    if kind.startswith("id"):
        return text.lower()
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _microseconds(time: datetime) -> int:
    return (time - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)


def zone_attribute(zone: str) -> str:
    """Name the attribute that holds the minute of the week in a time zone."""
    return f"minute_in_{zone.replace('/', '_')}"


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
