"""The engine and the plain reference give one answer, over everything a rule can say.

The worlds are random (every selector, effect, mode, window, validity, exemption, and facts that
are missing, null or mistyped); hypothesis picks the seeds and keeps the one that fails.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import reference
from policy.conditions import CONDITIONS
from policy.decide import RuleSet, decide, trace
from policy.engine import COLUMNS, Index, fewest, members, tally
from policy.explain import near_misses
from policy.facts import FACTS, SAME_DEPARTMENT, Kind
from policy.obligations import merge
from policy.query import Query
from policy.rule import Effect, Rule
from tests.policy.worlds import facts, rule, rules

SEEDS = st.randoms(use_true_random=True)
DOUBTS = st.sampled_from([(0.0, 0.0), (0.05, 0.02), (0.3, 0.1), (0.9, 0.5)])


def policy(records: list[dict[str, Any]]) -> RuleSet:
    return RuleSet.of(map(Rule.of, records))


def assert_equal(rules_of: RuleSet, query: Query) -> None:
    decision, found = trace(rules_of, query)
    plain = reference.decide(rules_of, query)
    assert decide(rules_of, query) == decision == plain
    assert decision.model_dump_json() == plain.model_dump_json()
    assert decision.model_fields_set == plain.model_fields_set
    misses = near_misses(rules_of, query, decision, found)
    assert misses == reference.near_misses(rules_of, query, plain)


@settings(max_examples=400)
@given(SEEDS, DOUBTS)
def test_the_engine_and_the_reference_agree(rng: Random, doubt: tuple[float, float]) -> None:
    made = policy(rules(rng, most=15))
    for _ in range(10):
        assert_equal(made, Query.of(facts(rng, *doubt)))


def test_the_worlds_are_not_one_sided() -> None:
    rng, seen = Random(7), Counter[str]()
    for _ in range(150):
        made = policy(rules(rng, most=15))
        for doubt in (0.0, 0.05, 0.3, 0.0, 0.05):
            decision = decide(made, Query.of(facts(rng, doubt, doubt / 3)))
            told = {decision.effect, *(f"layer {layer.result}" for layer in decision.layers)}
            parts = ("obligations", "shadow", "unknown")
            seen.update(told | {part for part in parts if getattr(decision, part)})
    shares = {kind: many / 750 for kind, many in seen.items()}
    assert set(shares) >= {"permit", "deny", "layer silent", "layer deny", *parts}
    assert min(shares.values()) >= 0.05, shares
    assert min(shares["permit"], shares["deny"]) >= 0.1, shares


@given(SEEDS)
def test_the_order_of_storage_never_matters(rng: Random) -> None:
    records, query = rules(rng), Query.of(facts(rng, 0.1, 0.05))
    before = decide(policy(records), query)
    rng.shuffle(records)
    assert decide(policy(records), query) == before


@given(SEEDS)
def test_a_rule_that_does_not_apply_is_as_if_it_were_not_there(rng: Random) -> None:
    records, query = rules(rng), Query.of(facts(rng, 0.1, 0.05))
    decision = decide(policy(records), query)
    heard = {name for one in decision.layers for name in one.permitted_by + one.denied_by}
    heard |= {name for one in decision.layers for name in one.required_by}
    heard |= {one.rule for one in decision.shadow}
    alone = decide(policy([one for one in records if one["id"] in heard]), query)
    assert alone.model_copy(update={"unknown": ()}) == decision.model_copy(update={"unknown": ()})


@settings(max_examples=150)
@given(SEEDS, st.sampled_from([Effect.DENY, Effect.REQUIRE, Effect.PERMIT]))
def test_adding_a_restraint_never_widens_and_adding_a_permit_drops_no_obligation(
    rng: Random, effect: Effect
) -> None:
    records, query = rules(rng), Query.of(facts(rng, 0.05, 0.02))
    before = decide(policy(records), query)
    after = decide(policy([*records, rule(rng, "added", effect.value)]), query)
    if effect is Effect.PERMIT:
        assert after.obligations == before.obligations
    else:
        assert not (before.effect == "deny" and after.effect == "permit")
        assert merge((*after.obligations, *before.obligations)) == after.obligations


@settings(max_examples=100)
@given(SEEDS, st.sampled_from([None, 1.5, "", {}, [None], -1, b"a"]))
def test_forgetting_or_corrupting_any_fact_never_widens(rng: Random, wrong: object) -> None:
    records, asked = rules(rng), facts(rng, 0.0, 0.0)
    made = policy(records)
    whole = decide(made, Query.of(asked))
    for section, leaves in asked.items():
        for less in (wrong, *({**leaves, leaf: wrong} for leaf in leaves)):
            decision = decide(made, Query.of({**asked, section: less}))
            assert not (whole.effect == "deny" and decision.effect == "permit"), (section, less)
            owed = merge((*decision.obligations, *whole.obligations))
            assert decision.effect == "deny" or owed == decision.obligations, (section, less)


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
GIVEN = [name for name in FACTS if name != SAME_DEPARTMENT]


@given(SEEDS, st.dictionaries(st.sampled_from(GIVEN), HOSTILE, max_size=8))
def test_no_question_makes_the_engine_raise(rng: Random, hostile: dict[str, Any]) -> None:
    asked = facts(rng, 0.3, 0.0)
    for name, value in hostile.items():
        section, _, leaf = name.partition(".")
        asked.setdefault(section, {})[leaf] = value
    assert_equal(policy(rules(rng)), Query.of(asked))


def test_huge_values_are_values_like_any_other() -> None:
    rng = Random(3)
    made = policy(rules(rng, most=40))
    huge: dict[Kind, Any] = {
        Kind.TEXT: "a" * 100_000,
        Kind.ID: "a" * 100_000,
        Kind.TEXTS: [f"word {n}" for n in range(20_000)],
        Kind.IDS: [f"id {n}" for n in range(20_000)],
        Kind.COUNT: 10**4000,
        Kind.TRUTH: True,
        Kind.TIME: "9998-12-31T23:59:59+14:00",
    }
    asked: dict[str, Any] = {}
    for name in GIVEN:
        section, _, leaf = name.partition(".")
        asked.setdefault(section, {})[leaf] = huge[FACTS[name].kind]
    assert_equal(made, Query.of(asked))


class Counted(frozenset[str]):
    """A list that notices when all of it is gone through."""

    def __iter__(self) -> Any:
        raise AssertionError("expected a look at the words that rules mention only")


def test_a_long_list_is_never_gone_through() -> None:
    words = [Rule.of(rule(Random(n), f"r{n}", "permit")) for n in range(200)]
    conditions = [one.conditions() for one in words]
    index = Index.of([(one, None) for one in conditions])
    long = Counted(f"word {n}" for n in range(10_000))
    for column in index.when:
        if FACTS[column.fact].kind in (Kind.TEXTS, Kind.IDS):
            assert column.fails(long) in (0, column.rules)


def test_every_registered_condition_has_a_column() -> None:
    assert set(COLUMNS) == set(CONDITIONS)


def test_an_index_of_nothing_finds_nothing() -> None:
    found = Index.of([]).ask(Query.of({}).facts)
    assert (found.surely, found.perhaps, list(found.missed)) == (0, 0, [])
    assert Index.of([]).places(0) == []


@given(st.lists(st.booleans(), max_size=200))
def test_a_set_gives_back_the_places_it_was_made_of(tests: list[bool]) -> None:
    index = Index.of([((), None)] * len(tests))
    assert index.places(members(tests)) == [at for at, true in enumerate(tests) if true]


@given(st.lists(st.integers(0, 2**12 - 1), max_size=20), st.integers(1, 2**12 - 1))
def test_fewest_keeps_exactly_those_that_the_fewest_sets_hold(sets: list[int], among: int) -> None:
    held = {bit: sum(one >> bit & 1 for one in sets) for bit in range(12) if among >> bit & 1}
    least = min(held.values())
    assert fewest(tally(sets, among), among) == sum(
        1 << bit for bit, many in held.items() if many == least
    )


@pytest.mark.parametrize("among", [0b1, 0b1010])
def test_where_no_set_holds_anything_all_are_fewest(among: int) -> None:
    assert fewest(tally([], among), among) == fewest(tally([0, 0], among), among) == among
