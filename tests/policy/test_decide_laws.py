"""The laws of the decision point, over many policies and queries; and an oracle beside it.

The oracle reads the written rules, not the compiled ones, and follows the words of the public
contract: it shares with the engine only the folding of texts and the merging of obligations.
"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from policy.decide import Decision, RuleSet, decide
from policy.facts import FACTS, SAME_DEPARTMENT, fold
from policy.obligations import merge
from policy.query import Query
from policy.rule import Layer, Rule

WORDS = st.lists(st.sampled_from(["a", "b", "\uff23"]), min_size=1, max_size=2)
FEW = st.integers(0, 3)
SELECTORS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "action": {"ids": WORDS, "risk_min": st.just(1), "risk_max": FEW, "reversible": st.booleans()},
    "requester": {
        "departments": WORDS,
        "groups_any": WORDS,
        "flags_any": WORDS,
        "flags_none": WORDS,
    },
    "target": {"tags_any": WORDS, "tags_none": WORDS, "same_department": st.booleans()},
    "runtime": {"bulk_max": FEW, "channels": WORDS},
}
FACT_VALUES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "action": {"id": st.sampled_from(["a", "B"]), "risk": FEW, "reversible": st.booleans()},
    "requester": {
        "department": st.sampled_from("ab"),
        "groups": WORDS,
        "flags": st.just([]) | WORDS,
    },
    "target": {"tags": st.just([]) | WORDS, "department": st.sampled_from("ab")},
    "runtime": {
        "bulk_count": FEW,
        "channel": st.sampled_from("abc"),
        "now": st.just("2026-11-23T09:00:00Z"),
    },
}
WRONG: tuple[object, ...] = (None, 1.5, "", {}, ["a", None], -1)


@st.composite
def some(draw: st.DrawFn, table: dict[str, dict[str, st.SearchStrategy[Any]]], most: int) -> Any:
    """At most so many of the entries, each in its section."""
    names = [(section, name) for section, fields in table.items() for name in fields]
    chosen: dict[str, dict[str, Any]] = {}
    for section, name in draw(st.lists(st.sampled_from(names), max_size=most, unique=True)):
        chosen.setdefault(section, {})[name] = draw(table[section][name])
    return chosen


@st.composite
def asked(draw: st.DrawFn) -> Any:
    """A query in which most facts are known: only what is known can be forgotten."""
    facts = draw(
        st.fixed_dictionaries({s: st.fixed_dictionaries(f) for s, f in FACT_VALUES.items()})
    )
    for section, leaves in draw(some(FACT_VALUES, 3)).items():
        facts[section] = {k: v for k, v in facts[section].items() if k not in leaves}
    return facts


def legal_bounds(selectors: dict[str, Any]) -> bool:
    action = selectors.get("action", {})
    return not ("risk_min" in action and action.get("risk_max", 3) < action["risk_min"])


selector_sets = some(SELECTORS, 2).filter(legal_bounds)
obligations = st.fixed_dictionaries(
    {
        "kind": st.just("approval"),
        "by": st.sampled_from(["resource_owner", "manager"]),
        "quorum": st.integers(1, 2),
        "expires_after": st.sampled_from(["PT1H", "PT8H", "P1D"]),
        "when": st.sampled_from(["before", "provisional"]),
    }
) | st.sampled_from([{"kind": "justify"}, {"kind": "time_bound", "max": "P7D"}])


@st.composite
def records(draw: st.DrawFn, effects: tuple[str, ...] = ("permit", "deny", "require")) -> Any:
    effect = draw(st.sampled_from(effects))
    record: dict[str, Any] = {
        "schema": 1,
        "layer": draw(st.sampled_from([layer.value for layer in Layer])),
        "effect": effect,
        "mode": draw(st.sampled_from(["enforce", "enforce", "enforce", "report_only", "disabled"])),
        "when": draw(selector_sets),
        "reason": "because",
    }
    if effect == "permit":
        record["baseline"] = True
    elif any((unless := draw(selector_sets)).values()):
        record["unless"] = unless
    if effect == "require":
        record["obligations"] = draw(st.lists(obligations, min_size=1, max_size=2))
    if draw(st.integers(0, 4)) == 0:
        record["valid_until"] = draw(
            st.sampled_from(["2026-11-23T09:00:00Z", "2027-01-01T00:00:00Z"])
        )
    return record


@st.composite
def policies(
    draw: st.DrawFn, /, name: str = "r", most: int = 4, **kinds: Any
) -> list[dict[str, Any]]:
    rules = draw(st.lists(records(**kinds), max_size=most))
    return [{**rule, "id": f"{name}{number}"} for number, rule in enumerate(rules)]


OPEN = [
    {
        "schema": 1,
        "id": f"open-{layer}",
        "layer": layer.value,
        "effect": "permit",
        "baseline": True,
        "reason": "open",
    }
    for layer in Layer
]


@st.composite
def askable(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A policy in which a single rule can decide: left to chance, nearly all would be silent."""
    rules = draw(policies())
    closed = draw(st.sampled_from([None, *Layer]))
    permits = [rule for rule in rules if rule["effect"] == "permit" and closed]
    for rule in permits:
        rule["layer"] = closed
    return [rule for rule in OPEN if rule["layer"] != closed] + rules


policies_to_ask = askable()
queries = asked()


def answer(rules: list[dict[str, Any]], facts: dict[str, Any]) -> Decision:
    return decide(RuleSet.of(Rule.of(rule) for rule in rules), Query.of(facts))


def is_no_wider(new: Decision, old: Decision) -> bool:
    """Everything that `new` lets happen, `old` lets happen for at most the same price."""
    if new.effect == "deny":
        return True
    return old.effect == "permit" and merge((*new.obligations, *old.obligations)) == new.obligations


@given(queries)
def test_silence_denies(facts: dict[str, Any]) -> None:
    assert answer([], facts).effect == "deny"


@given(policies_to_ask, queries)
def test_a_permit_needs_a_named_permit_in_every_layer_and_no_deny(
    rules: list[dict[str, Any]], facts: dict[str, Any]
) -> None:
    decision = answer(rules, facts)
    open_everywhere = all(layer.permitted_by for layer in decision.layers)
    denied = any(layer.denied_by for layer in decision.layers)
    assert (decision.effect == "permit") == (open_everywhere and not denied)
    assert [layer.layer for layer in decision.layers] == list(Layer)


@given(policies_to_ask, queries, st.randoms())
def test_order_of_storage_and_repetition_never_matter(
    rules: list[dict[str, Any]], facts: dict[str, Any], rng: Any
) -> None:
    shuffled = deepcopy(rules)
    rng.shuffle(shuffled)
    policy, query = RuleSet.of(map(Rule.of, rules)), Query.of(facts)
    assert decide(policy, query) == decide(policy, query) == answer(shuffled, facts)


@given(policies_to_ask, policies("s", effects=("deny", "require")), queries)
def test_adding_a_deny_or_a_requirement_never_widens(
    rules: list[dict[str, Any]], more: list[dict[str, Any]], facts: dict[str, Any]
) -> None:
    assert is_no_wider(answer(rules + more, facts), answer(rules, facts))


@given(policies_to_ask, policies("s", effects=("permit",)), queries)
def test_adding_a_permit_never_drops_an_obligation(
    rules: list[dict[str, Any]], more: list[dict[str, Any]], facts: dict[str, Any]
) -> None:
    assert answer(rules + more, facts).obligations == answer(rules, facts).obligations


@settings(max_examples=300)
@given(policies_to_ask, queries, st.sampled_from(WRONG))
def test_forgetting_a_fact_never_widens(
    rules: list[dict[str, Any]], facts: dict[str, Any], wrong: object
) -> None:
    policy = RuleSet.of(map(Rule.of, rules))
    whole = decide(policy, Query.of(facts))
    for section, leaves in facts.items():
        assert is_no_wider(decide(policy, Query.of({**facts, section: wrong})), whole)
        for leaf in leaves:
            less = {**facts, section: {**leaves, leaf: wrong}}
            assert is_no_wider(decide(policy, Query.of(less)), whole), f"{section}.{leaf}"


@settings(max_examples=300)
@given(policies_to_ask, queries)
def test_the_engine_agrees_with_the_oracle(
    rules: list[dict[str, Any]], facts: dict[str, Any]
) -> None:
    decision = answer(rules, facts)
    assert {layer.layer.value: spoken(layer) for layer in decision.layers} == oracle(rules, facts)


def spoken(layer: Any) -> dict[str, list[str]]:
    names = {"permit": layer.permitted_by, "deny": layer.denied_by, "require": layer.required_by}
    return {effect: list(ids) for effect, ids in names.items()}


@pytest.mark.parametrize("effect", ["permit", "deny"])
def test_the_laws_are_not_vacuous(effect: str) -> None:
    def tells(case: tuple[list[dict[str, Any]], dict[str, Any]]) -> bool:
        decision = answer(*case)
        return decision.effect == effect and bool(decision.obligations) and bool(decision.unknown)

    only_look = settings(max_examples=2000, phases=[Phase.generate])  # the smallest is not needed
    assert find(st.tuples(policies_to_ask, queries), tells, settings=only_look)


def oracle(rules: list[dict[str, Any]], facts: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    said: dict[str, dict[str, list[str]]] = {
        layer.value: {"permit": [], "deny": [], "require": []} for layer in Layer
    }
    for rule in sorted(rules, key=lambda rule: str(rule["id"])):
        when = conjunction(rule.get("when", {}), facts)
        unless = conjunction(rule["unless"], facts) if "unless" in rule else False
        if "valid_until" in rule:
            now = facts.get("runtime", {}).get("now")
            when = all3([when, None if now is None else now < rule["valid_until"]])
        permits = when is True
        counts = permits if rule["effect"] == "permit" else when is not False and unless is not True
        if counts and rule.get("mode", "enforce") == "enforce":
            said[rule["layer"]][rule["effect"]].append(rule["id"])
    return said


def conjunction(selectors: dict[str, Any], facts: dict[str, Any]) -> bool | None:
    return all3(
        [
            satisfied(section, name, wanted, facts)
            for section, written in selectors.items()
            for name, wanted in written.items()
        ]
    )


def all3(truths: list[bool | None]) -> bool | None:
    return False if False in truths else None if None in truths else True


def satisfied(section: str, name: str, wanted: Any, facts: dict[str, Any]) -> bool | None:
    fact = {
        "ids": "id",
        "departments": "department",
        "channels": "channel",
        "bulk_max": "bulk_count",
    }
    leaf = fact.get(name) or name.removesuffix("_any").removesuffix("_none")
    seen = facts.get(section, {}).get(leaf.removesuffix("_min").removesuffix("_max"))
    if name == "same_department":
        both = [facts.get(s, {}).get("department") for s in ("requester", "target")]
        return None if None in both else (both[0] == both[1]) == wanted
    if seen is None:
        return None
    words = {fold(w) for w in wanted} if isinstance(wanted, list) else set()
    if name.endswith(("_any", "_none")):
        common = words & {fold(w) for w in seen}
        # Group ids fold by lower case only, so a full-width letter stays another id.
        if leaf == "groups":
            common = {w.lower() for w in wanted} & {w.lower() for w in seen}
        return bool(common) == name.endswith("_any")
    if name.endswith("_min"):
        return bool(seen >= wanted)
    if name.endswith("_max"):
        return bool(seen <= wanted)
    return fold(seen) in words if words else bool(seen == wanted)


def test_every_fact_is_in_a_query_even_if_nothing_is_known() -> None:
    assert set(Query.of({}).facts) == set(FACTS)
    assert SAME_DEPARTMENT in FACTS
