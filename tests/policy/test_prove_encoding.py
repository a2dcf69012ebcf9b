"""The encoder's own oracle: whatever the formulas say of a request, the decision point says too.

A random query is put into the formulas of random rules, symbol by symbol; every rule's own
formula, the whole permit and every single demand must come out as the decision point answers.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.axioms import AXIOMS
from policy.conditions import CONDITIONS, Validity
from policy.decide import RuleSet, decide
from policy.facts import FACTS, Kind
from policy.prove.encode import Encoding, conditions_of
from policy.prove.invariants import INVARIANTS, Invariant
from policy.prove.search import Search
from policy.prove.symbols import Symbols, words_of
from policy.prove.timeline import DAY_MINUTES
from policy.query import Known, Query
from policy.rule import Effect, Layer, Rule, Selectors
from tests.policy.encoding_oracle import (
    SELECTORS,
    VALUES,
    Agreement,
    facts_of,
    put_in,
    queries,
    rule_sets,
)

CASES = {"permit": 0, "deny": 0}


@settings(max_examples=420)
@given(st.data(), rule_sets())
def test_the_formulas_say_of_a_query_what_the_decision_point_says(
    data: st.DataObject, rules: list[Rule]
) -> None:
    agreement, facts = Agreement(rules), facts_of(rules)
    for _ in range(5):
        CASES[agreement.on(data.draw(queries(facts))).effect] += 1


def test_the_oracle_saw_both_outcomes_often() -> None:
    if not sum(CASES.values()):  # this test was chosen alone
        test_the_formulas_say_of_a_query_what_the_decision_point_says()
    assert sum(CASES.values()) >= 2_000
    assert min(CASES.values()) >= sum(CASES.values()) // 10


@settings(max_examples=200)
@given(st.data(), rule_sets(most=4))
def test_what_is_never_permitted_is_denied_and_what_is_found_is_permitted(
    data: st.DataObject, rules: list[Rule]
) -> None:
    symbols = Symbols(conditions_of(rules))
    ready = RuleSet.of(rules)
    found = Search(symbols).find(Encoding(symbols).permitted(rules))
    if found is not None:
        query = Query.of(found)
        assert decide(ready, query).effect == "permit"
        assert not query.errors
        assert all(axiom.holds(query) for axiom in AXIOMS)
        return
    for _ in range(10):
        query = Query.of(data.draw(queries(facts_of(rules))))
        honest = all(axiom.holds(query) for axiom in AXIOMS)
        assert not honest or decide(ready, query).effect == "deny"


def test_every_kind_of_condition_and_every_effect_has_a_formula() -> None:
    drawn = {
        type(condition)
        for section, name, _ in SELECTORS
        for condition in Selectors.model_validate_json(sample(section, name)).all_conditions()
    }
    assert drawn | {Validity} == set(CONDITIONS)
    assert {one.value for one in Effect} == {"permit", "deny", "require"}


def sample(section: str, name: str) -> str:
    """Write one selector in the first of these forms that it accepts."""
    for value in ('["a"]', "true", "1", '"a"', '{"tz": "UTC", "from": "08:00", "to": "10:00"}'):
        text = f'{{"{section}": {{"{name}": {value}}}}}'
        try:
            Selectors.model_validate_json(text)
        except ValueError:
            continue
        return text
    raise AssertionError(f"no sample value fits {section}.{name}")


ASKED = Symbols(
    set[Any]().union(*(one.conditions() for one in INVARIANTS)),
    {name for one in INVARIANTS for name in one.missing},
)
INVARIANT_WORDS = sorted({w for c in ASKED.conditions for w in words_of(c)} | {"else"})
INVARIANT_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    **VALUES,
    Kind.TEXT: st.sampled_from(INVARIANT_WORDS),
    Kind.TEXTS: st.lists(st.sampled_from(INVARIANT_WORDS), max_size=2),
}


def refusing(when: Selectors, unless: Selectors | None) -> Rule:
    """The deny that an invariant reads like."""
    parts = {"when": when, **({"unless": unless} if unless else {})}
    said = {
        name: one.model_dump(by_alias=True, exclude_defaults=True) for name, one in parts.items()
    }
    record = {"schema": 1, "id": "r", "layer": "global", "effect": "deny", "reason": "because"}
    return Rule.of({**record, **said})


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: one.name)
@settings(max_examples=60)
@given(data=st.data())
def test_an_invariant_is_about_what_a_deny_of_the_same_words_would_deny(
    data: st.DataObject, invariant: Invariant
) -> None:
    facts = {c.fact for c in invariant.conditions()}.union(invariant.missing)
    query = Query.of(data.draw(queries(tuple(sorted(facts)), INVARIANT_VALUES)))
    solver = z3.Solver(ctx=ASKED.context)
    solver.add(*put_in(ASKED, query))
    assert solver.check() == z3.sat
    about = Encoding(ASKED).concerned(invariant)
    said = z3.is_true(solver.model().eval(about, model_completion=True))
    denied = any(
        all(
            decide(RuleSet.of([refusing(when, unless)]), query).layers[0].denied_by
            for unless in invariant.unless or (None,)
        )
        for when in invariant.when
    )
    if invariant.missing:
        undo = query.facts["action.undo"]
        exempt = bool(invariant.unless) and isinstance(undo, Known) and undo.value is True
        unread = any(not isinstance(query.facts[name], Known) for name in invariant.missing)
        denied = denied or (unread and not exempt)
    assert said == invariant.concerns(query) == denied


def found(**when: Any) -> Query:
    """A request that rules permit which all ask for this."""
    record = {"schema": 1, "effect": "permit", "reason": "because", "when": when}
    rules = [Rule.of({**record, "id": f"r-{one}", "layer": one}) for one in Layer]
    symbols = Symbols(conditions_of(rules))
    raw = Search(symbols).find(Encoding(symbols).permitted(rules))
    assert raw is not None
    assert decide(RuleSet.of(rules), Query.of(raw)).effect == "permit"
    return Query.of(raw)


def test_what_a_request_adds_keeps_to_the_axioms() -> None:
    plan = {"before_any": ["a"], "actions_any": ["b"], "subjects_max": 3}
    query = found(plan=plan, runtime={"subjects_last_hour_max": 2}, action={"risk_max": 1})
    assert all(axiom.holds(query) for axiom in AXIOMS)
    query = found(plan={"actions_any": ["b"], "actions_none": ["a"]}, action={"ids": ["c"]})
    assert all(axiom.holds(query) for axiom in AXIOMS)


def test_a_text_that_no_rule_uses_is_really_none_of_them() -> None:
    record = {"schema": 1, "id": "r", "layer": "global", "effect": "deny", "reason": "because"}
    words = ["another-1", "another-one-1", "another"]
    rule = Rule.of({**record, "when": {"requester": {"departments": words}}})
    symbols = Symbols(conditions_of([rule]))
    raw = Search(symbols).find(z3.Not(Encoding(symbols).applies(rule)))
    assert raw is not None
    assert raw["requester"]["department"] not in words


LOOKS: dict[str, dict[str, Any]] = {
    "action": {"ids": ["a", "b"]},
    "plan": {"actions_any": ["a", "b"], "before_any": ["a", "b"], "subjects_max": 2},
    "runtime": {"subjects_last_hour_max": 1},
}
COUNTS = st.none() | st.integers(0, 3)


@settings(max_examples=300)
@given(
    st.sampled_from([None, "a", "b"]),
    st.none() | st.lists(st.sampled_from("ab"), max_size=2),
    st.none() | st.lists(st.sampled_from("ab"), max_size=2),
    COUNTS,
    COUNTS,
)
def test_an_axiom_binds_the_formulas_exactly_as_it_binds_queries(
    action: str | None, actions: Any, before: Any, subjects: int | None, hour: int | None
) -> None:
    raw = {
        "action": {"id": action},
        "plan": {"actions": actions, "before": before, "subjects": subjects},
        "runtime": {"subjects_last_hour": hour},
    }
    symbols = Symbols(Selectors.model_validate_json(json.dumps(LOOKS)).all_conditions())
    query, solver = Query.of(raw), z3.Solver(ctx=symbols.context)
    solver.add(*put_in(symbols, query))
    assert solver.check() == z3.sat
    said = {
        axiom: z3.is_true(solver.model().eval(formula, model_completion=True))
        for axiom, formula in symbols.axioms.items()
    }
    assert said == {axiom: axiom.holds(query) for axiom in symbols.axioms}
    assert len(said) == 3


def test_an_axiom_is_about_facts_that_can_be_related_and_names_its_guarantor() -> None:
    for axiom in AXIOMS:
        kinds = (FACTS[axiom.fact].kind, FACTS[axiom.other].kind)
        assert kinds in {
            (Kind.TEXTS, Kind.TEXT),
            (Kind.TEXTS, Kind.TEXTS),
            (Kind.COUNT, Kind.COUNT),
        }
        assert axiom.guaranteed_by
        assert axiom.holds(Query.of({}))


def test_departments_that_no_rule_names_may_be_one_or_two() -> None:
    record = {"schema": 1, "id": "r", "layer": "global", "effect": "deny", "reason": "because"}
    for same in (True, False):
        rule = Rule.of({**record, "when": {"target": {"same_department": same}}})
        for theirs, its in (("x", "x"), ("x", "X"), ("x", "y")):
            raw = {"requester": {"department": theirs}, "target": {"department": its}}
            Agreement([rule]).on(raw)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [("00:00", "05:15"), ("00:00", "24:00"), ("08:30", "00:00"), ("22:00", "05:15")],
)
@pytest.mark.parametrize("days", [["sun"], ["mon", "fri"]])
def test_hours_are_open_in_the_formula_exactly_when_they_are_open(
    opens: str, closes: str, days: list[str]
) -> None:
    hours = {"tz": "Europe/Berlin", "days": days, "from": opens, "to": closes}
    written = Selectors.model_validate_json(json.dumps({"runtime": {"window": hours}}))
    (window,) = written.all_conditions()
    symbols = Symbols([window])
    wall, formula = symbols.wall_minute("Europe/Berlin"), symbols.holds(window)
    monday = datetime(2026, 11, 22, 23, tzinfo=UTC)  # midnight on the wall in Berlin
    for minute in range(0, 7 * DAY_MINUTES, 5):
        value = z3.IntVal(minute, symbols.context)
        said = z3.is_true(z3.simplify(z3.substitute(formula, (wall, value))))
        assert said == window.holds(monday + timedelta(minutes=minute)), minute


def test_a_repeated_hour_is_the_same_hour_twice() -> None:
    window = {"tz": "Europe/Berlin", "days": ["sun"], "from": "02:00", "to": "03:00"}
    record = {"schema": 1, "id": "r", "layer": "global", "effect": "deny", "reason": "because"}
    rule = Rule.of({**record, "when": {"runtime": {"window": window}}})
    for hour, denied in ((23, False), (0, True), (1, True), (2, False)):
        day = 24 if hour == 23 else 25
        now = datetime(2026, 10, day, hour, 30, tzinfo=UTC).isoformat()
        decision = Agreement([rule]).on({"runtime": {"now": now}})
        assert bool(decision.layers[0].denied_by) == denied
