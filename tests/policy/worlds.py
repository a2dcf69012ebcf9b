"""Random policies and questions for the tests: every selector, effect, mode and kind of doubt.

Everything comes out of one `Random`, so a seed, or hypothesis, says which. Half of the layers are
open from the start: left to chance alone, hardly anything would be permitted.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from policy.conditions import AtLeast, AtMost, Equals, Window
from policy.facts import FACTS, SAME_DEPARTMENT, Kind
from policy.rule import Layer, On, Selectors

Record = dict[str, Any]

SELECTORS = [
    (section, name, on)
    for section, group in Selectors.model_fields.items()
    for name, field in group.annotation.model_fields.items()  # type: ignore[union-attr]
    for on in field.metadata
    if isinstance(on, On)
]
Among = list[tuple[str, str, On]]
# Two texts that fold to one, one that only folds as a text and not as an id, and some that do not.
WRITTEN, SEEN = ("a", "B", "\uff23", "stra\u00dfe"), ("A", "b", "c", "STRASSE", "elsewhere")
SUBJECTS = ("self", "Other")
# Instants at which something in a rule begins or ends, and one next to each.
EDGES = [
    datetime.fromisoformat(f"{edge}+00:00") + timedelta(seconds=shift)
    for edge in (
        "2026-11-23T00:00:00",
        "2026-11-23T07:00:00",
        "2026-11-23T08:00:00",
        "2026-11-27T22:00:00",
        "2026-11-29T23:00:00",
        "2026-03-29T01:00:00",
        "2026-10-25T00:30:00",
        "2026-10-25T01:30:00",
    )
    for shift in (-1, 0, 1)
]
WRONG: tuple[object, ...] = (
    *(None, None, 1.5, "", "  ", {}, [None], ["a", None], [["a"]], -1, True, 1, "1", "a"),
    *("2026-11-23T09:00:00", {"a": True}, b"a", ["a", 1]),
)


def rules(rng: Random, most: int = 12, among: Among = SELECTORS) -> list[Record]:
    """Some rules, after a baseline permit in most of the layers.

    In half of the worlds all permits are of a layer that is not open: there they decide, and there
    one of them comes nearest.
    """
    closed = rng.sample(list(Layer), rng.choice([0, 0, 1, 2]))
    opened = [
        {**_start(f"open-{layer}", layer.value, "permit"), "baseline": True}
        for layer in Layer
        if layer not in closed
    ]
    made = [rule(rng, f"r{number}", among=among) for number in range(rng.randint(0, most))]
    if closed and rng.random() < 0.5:
        permits = [one for one in made if one["effect"] == "permit"]
        for one in permits:
            one["layer"] = closed[0].value
    return opened + made


def rule(rng: Random, name: str, effect: str | None = None, among: Among = SELECTORS) -> Record:
    """One legal rule."""
    effect = effect or rng.choice(["permit", "permit", "deny", "require"])
    made = _start(name, rng.choice(list(Layer)).value, effect)
    made["when"] = selectors(rng, rng.randint(0 if rng.random() < 0.2 else 1, 4), among)
    if effect == "permit":
        made["baseline"] = True
    elif rng.random() < 0.4:
        made["unless"] = selectors(rng, rng.randint(1, 2), among)
    if effect == "require":
        made["obligations"] = [_obligation(rng) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.2:
        begins, ends = sorted(rng.sample(EDGES, 2))
        made |= rng.choice([{"valid_from": begins}, {"valid_until": ends}, {}])
        made |= {"valid_from": begins, "valid_until": ends} if rng.random() < 0.3 else {}
    mode = rng.choice(["enforce"] * 8 + ["report_only", "disabled"])
    times = {k: v.isoformat() for k, v in made.items() if isinstance(v, datetime)}
    return made | times | {"mode": mode}


def _start(name: str, layer: str, effect: str) -> Record:
    return {"schema": 1, "id": name, "layer": layer, "effect": effect, "reason": f"Says {name}."}


def selectors(rng: Random, many: int, among: Among = SELECTORS) -> Record:
    """So many selectors, as a rule writes them."""
    written: Record = {}
    for section, name, on in rng.sample(among, min(many, len(among))):
        written.setdefault(section, {})[name] = _wanted(rng, on)
    action = written.get("action", {})
    if "risk_min" in action and "risk_max" in action:
        action["risk_min"], action["risk_max"] = sorted((action["risk_min"], action["risk_max"]))
    return written


def _wanted(rng: Random, on: On) -> Any:
    if on.condition is Window:
        return _window(rng)
    if on.condition in (AtLeast, AtMost):
        return rng.randint(0, 3)
    if on.condition is Equals:
        return rng.random() < 0.5 if FACTS[on.fact].kind is Kind.TRUTH else rng.choice(SUBJECTS)
    return rng.sample(WRITTEN, rng.randint(1, 3))


def _window(rng: Random) -> Record:
    hours = [("08:00", "18:00"), ("22:00", "06:00"), ("00:00", "24:00"), ("22:00", "00:00")]
    opens, closes = rng.choice([*hours, ("02:15", "02:45"), ("23:59", "23:58")])
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    zone = rng.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
    some = rng.sample(days, rng.randint(1, 7))
    return {"tz": zone, "from": opens, "to": closes} | (
        {"days": some} if rng.random() < 0.8 else {}
    )


def _obligation(rng: Random) -> Record:
    approval = {
        "kind": "approval",
        "by": rng.choice(["resource_owner", "manager"]),
        "quorum": rng.randint(1, 2),
        "expires_after": rng.choice(["PT1H", "PT60M", "P1D"]),
        "when": rng.choice(["before", "provisional"]),
    }
    bound = {"kind": "time_bound", "max": rng.choice(["P7D", "P1D"])}
    return rng.choice([approval, approval, bound, {"kind": "notify", "who": "manager"}])


def facts(rng: Random, missing: float, wrong: float) -> Record:
    """One question, of which such parts are left out or not well-formed."""
    asked: Record = {}
    for name, fact in FACTS.items():
        if name == SAME_DEPARTMENT or rng.random() < missing:
            continue
        section, _, leaf = name.partition(".")
        value = rng.choice(WRONG) if rng.random() < wrong else _seen(rng, name, fact.kind)
        asked.setdefault(section, {})[leaf] = value
    if asked and rng.random() < wrong:
        asked[rng.choice(list(asked))] = rng.choice([None, [], "x", 3])
    return asked


def _seen(rng: Random, name: str, kind: Kind) -> Any:
    if kind is Kind.TIME:
        week = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=rng.randrange(7 * 86_400))
        return rng.choice([*EDGES, week]).isoformat()
    if kind is Kind.TRUTH:
        return rng.random() < 0.5
    if kind is Kind.COUNT:
        return rng.randint(0, 4)
    if kind in (Kind.TEXTS, Kind.IDS):
        return rng.sample(SEEN, rng.randint(0, 3))
    return rng.choice(SUBJECTS if name == "target.subject" else SEEN)
