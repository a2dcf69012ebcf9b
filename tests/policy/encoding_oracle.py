"""Random rules and queries, and the agreement of formulas with the decision point on them.

Selectors are drawn from the rule format itself, so one that is added there is drawn here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import z3
from hypothesis import strategies as st

from policy.conditions import AtLeast, AtMost, Equals, Window
from policy.decide import Decision, RuleSet, decide
from policy.facts import FACTS, SAME_DEPARTMENT, Kind
from policy.prove.demands import Demand, demands
from policy.prove.encode import Encoding, conditions_of, enforced
from policy.prove.symbols import Symbols, micros
from policy.prove.timeline import DAY_MINUTES
from policy.query import Known, Query
from policy.rule import Layer, On, Rule, Selectors

WORDS = ["a", "B", "\uff23", "x y"]
TIMES = [
    "2026-03-29T00:59:59Z",
    "2026-11-23T09:00:00Z",
    "2026-11-23T22:30:00Z",
    "2027-01-01T00:00:00Z",
]
windows = st.fixed_dictionaries(
    {
        "tz": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
        "from": st.sampled_from(["00:00", "08:00", "22:00"]),
        "to": st.sampled_from(["05:00", "10:30", "24:00"]),
    },
    optional={"days": st.lists(st.sampled_from(["mon", "sun"]), min_size=1, unique=True)},
)


def written(on: On) -> st.SearchStrategy[Any]:
    if on.condition is Window:
        return windows
    if on.condition in (AtLeast, AtMost):
        return st.integers(0, 3)
    if on.condition is Equals:
        return st.booleans() if FACTS[on.fact].kind is Kind.TRUTH else st.sampled_from(WORDS)
    return st.lists(st.sampled_from(WORDS), min_size=1, max_size=2)


SELECTORS = [
    (section, field.alias or name, written(on))
    for section, part in Selectors.model_fields.items()
    for name, field in part.annotation.model_fields.items()  # type: ignore[union-attr]
    for on in field.metadata
    if isinstance(on, On)
]


@st.composite
def selectors(draw: st.DrawFn, least: int = 0) -> dict[str, dict[str, Any]]:
    chosen: dict[str, dict[str, Any]] = {}
    some = st.lists(st.sampled_from(SELECTORS), min_size=least, max_size=3, unique_by=id)
    for section, name, value in draw(some):
        chosen.setdefault(section, {})[name] = draw(value)
    if "action" in chosen and {"risk_min", "risk_max"} <= chosen["action"].keys():
        del chosen["action"]["risk_min"]
    return chosen


obligations = st.fixed_dictionaries(
    {
        "kind": st.just("approval"),
        "by": st.sampled_from(["resource_owner", "manager"]),
        "quorum": st.integers(1, 3),
        "expires_after": st.sampled_from(["PT1H", "PT60M", "P1D"]),
        "when": st.sampled_from(["before", "provisional"]),
    }
) | st.sampled_from(
    [
        {"kind": "justify"},
        {"kind": "ticket"},
        {"kind": "time_bound", "max": "P7D"},
        {"kind": "time_bound", "max": "P1D"},
        {"kind": "step_up", "max_age": "PT5M"},
        {"kind": "notify", "who": "manager"},
    ]
)


@st.composite
def rule_sets(draw: st.DrawFn, most: int = 5) -> list[Rule]:
    """Permits everywhere but in one layer, and rules of every kind."""
    closed = draw(st.sampled_from([None, *Layer]))
    permit = {"schema": 1, "effect": "permit", "baseline": True, "reason": "open"}
    records = [{**permit, "id": f"open-{one}", "layer": one} for one in Layer if one is not closed]
    for number in range(draw(st.integers(1, most))):
        effect = draw(st.sampled_from(["permit", "deny", "require"]))
        record: dict[str, Any] = {
            "schema": 1,
            "id": f"r{number}",
            "layer": closed if effect == "permit" and closed else draw(st.sampled_from([*Layer])),
            "effect": effect,
            "mode": draw(st.sampled_from(["enforce"] * 6 + ["report_only", "disabled"])),
            "when": draw(selectors()),
            "reason": "because",
        }
        if effect == "permit":
            record["baseline"] = True
        elif draw(st.booleans()):
            record["unless"] = draw(selectors(least=1))
        if effect == "require":
            record["obligations"] = draw(st.lists(obligations, min_size=1, max_size=2))
        if draw(st.integers(0, 3)) == 0:
            record[draw(st.sampled_from(["valid_from", "valid_until"]))] = draw(
                st.sampled_from(["2026-11-23T09:00:00Z", "2027-01-01T00:00:00Z"])
            )
        records.append(record)
    return [Rule.of(record) for record in records]


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: st.sampled_from([*WORDS, "else", "elsewhere"]),
    Kind.ID: st.sampled_from([*WORDS, "else"]),
    Kind.TEXTS: st.lists(st.sampled_from([*WORDS, "else"]), max_size=3),
    Kind.IDS: st.lists(st.sampled_from([*WORDS, "else"]), max_size=3),
    Kind.COUNT: st.integers(0, 4),
    Kind.TRUTH: st.booleans(),
    Kind.TIME: st.sampled_from(TIMES),
}
MISTYPED = st.sampled_from([None, 1.5, "", ["a", None], -1])


@st.composite
def queries(
    draw: st.DrawFn, facts: tuple[str, ...], values: Mapping[Kind, st.SearchStrategy[Any]] = VALUES
) -> dict[str, dict[str, Any]]:
    raw: dict[str, dict[str, Any]] = {}
    for name in facts:
        doubt = draw(st.integers(0, 5)) == 0
        section, _, leaf = name.partition(".")
        raw.setdefault(section, {})[leaf] = draw(MISTYPED if doubt else values[FACTS[name].kind])
    return raw


def put_in(symbols: Symbols, query: Query) -> Iterator[Any]:
    """Say of every symbol what this query says of its fact."""
    strange: dict[str, int] = {}
    for name in symbols.facts:
        fact, symbol = query.facts[name], symbols.values[name]
        if not isinstance(fact, Known):
            yield symbols.missing(name)
            continue
        yield z3.Not(symbols.missing(name))
        match fact.value:
            case frozenset() as entries:
                yield from (there == (word in entries) for word, there in symbol.items())
            case datetime() as now:
                yield symbols.instant == micros(now)
                yield symbols.utc_minute == minute_of_week(now)
                for key, zone in symbols.zones.items():
                    yield symbols.wall_minute(key) == minute_of_week(now.astimezone(zone))
            case str(text):
                words = symbols.words(name)
                new = len(words) + strange.setdefault(text, len(strange))
                yield symbol == words.get(text, new)
            case value:
                yield symbol == value


def minute_of_week(time: datetime) -> int:
    return time.weekday() * DAY_MINUTES + time.hour * 60 + time.minute


def met(demand: Demand, decision: Decision) -> bool:
    return any(demand.met_by(owed) for owed in decision.obligations)


class Agreement:
    """Rules beside their formulas, and one query after the other asked of both."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules, self.ready = rules, RuleSet.of(rules)
        self.symbols = Symbols(conditions_of(rules))
        self.encoding = Encoding(self.symbols)
        self.solver = z3.Solver(ctx=self.symbols.context)
        self.solver.add(*self.symbols.domain)

    def on(self, raw: dict[str, dict[str, Any]]) -> Decision:
        query = Query.of(raw)
        decision = decide(self.ready, query)
        self.solver.push()
        self.solver.add(*put_in(self.symbols, query))
        assert self.solver.check() == z3.sat, "a query that can be asked has no place in here"
        self.compare(self.solver.model(), query, decision)
        self.solver.pop()
        return decision

    def compare(self, model: Any, query: Query, decision: Decision) -> None:
        def true(formula: Any) -> bool:
            return bool(z3.is_true(model.eval(formula, model_completion=True)))

        encoding, rules = self.encoding, self.rules
        spoke = {
            name
            for layer in decision.layers
            for names in (layer.permitted_by, layer.denied_by, layer.required_by)
            for name in names
        }
        assert {rule.id for rule in enforced(rules) if true(encoding.applies(rule))} == spoke
        assert true(encoding.permitted(rules)) == (decision.effect == "permit")
        for demand in {one for rule in rules for owed in rule.obligations for one in demands(owed)}:
            assert true(encoding.demanded(rules, demand)) == met(demand, decision), demand
        for axiom, formula in self.symbols.axioms.items():
            assert true(formula) or not axiom.holds(query), axiom.name


def facts_of(rules: list[Rule]) -> tuple[str, ...]:
    facts = {condition.fact for condition in conditions_of(rules)}
    departments = {"requester.department", "target.department"} if SAME_DEPARTMENT in facts else ()
    return tuple(sorted((facts - {SAME_DEPARTMENT}).union(departments)))
