"""Cedar as an independent oracle: it must say what the engine says, and name the same rules.

20,000 random questions a run under 100 random policies, from one seed. Cedar names only what
decided: the denies of a layer that denies, else its permits; so that is what is compared.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest
from cedarpy import Entities, PolicySet, is_authorized_batch

from policy.decide import Decision, RuleSet, decide
from policy.facts import FACTS, SAME_DEPARTMENT
from policy.query import Query
from policy.rule import Rule
from tests.policy import cedar
from tests.policy.worlds import SELECTORS, facts, rules

POLICIES, QUESTIONS = 100, 200
NOBODY = Entities.from_json_str("[]")

Said = dict[str, tuple[str, frozenset[str]]]


@pytest.mark.timeout(240)
def test_cedar_decides_alike_and_names_the_same_rules() -> None:
    rng, effects, doubts = Random(20261123), Counter[str](), 0
    for number in range(POLICIES):
        records = rules(rng, most=20)
        missing, wrong = [(0.0, 0.0), (0.05, 0.02), (0.3, 0.1)][number % 3]
        questions = [facts(rng, missing, wrong) for _ in range(QUESTIONS)]
        policy = RuleSet.of(map(Rule.of, records))
        for question, theirs in zip(questions, _cedar(records, questions), strict=True):
            decision = decide(policy, Query.of(question))
            assert theirs == _ours(decision), (records, question)
            effects[decision.effect] += 1
            doubts += bool(decision.unknown)
    assert effects.total() >= 20_000
    assert min(effects["permit"], effects["deny"]) >= effects.total() // 10
    assert doubts >= effects.total() // 10


def _ours(decision: Decision) -> Said:
    said: Said = {}
    for one in decision.layers:
        names = one.denied_by if one.result == "deny" else one.permitted_by
        said[one.layer.value] = ("Allow" if one.result == "permit" else "Deny", frozenset(names))
    required = frozenset(name for one in decision.layers for name in one.required_by)
    effect = "Allow" if decision.effect == "permit" else "Deny"
    return said | {cedar.REQUIREMENTS: ("", required), "all": (effect, frozenset())}


def _cedar(records: list[dict[str, Any]], questions: list[dict[str, Any]]) -> list[Said]:
    """Ask every layer's PolicySet every question."""
    zones = cedar.zones_of(records)
    requests = [cedar.request(question, zones) for question in questions]
    said: list[Said] = [{} for _ in questions]
    for name, text in cedar.policy_texts(records).items():
        policies = PolicySet.from_str(text)
        for one, answer in zip(said, is_authorized_batch(requests, policies, NOBODY), strict=True):
            assert answer.diagnostics.errors == []
            names = frozenset(answer.diagnostics.id_annotations_by_reason.values())
            effect = "" if name == cedar.REQUIREMENTS else answer.decision.value
            one[name] = (effect, names)
    for one in said:
        allowed = all(one[layer][0] == "Allow" for layer in cedar.LAYERS)
        one["all"] = ("Allow" if allowed else "Deny", frozenset())
    return said


def test_the_oracle_knows_every_fact_and_every_selector() -> None:
    known = {name for names in cedar.FACTS.values() for name in names}
    assert known == set(FACTS) - {SAME_DEPARTMENT}
    derived = {"target.same_department": SAME_DEPARTMENT, "runtime.window": "runtime.now"}
    for section, name, on in SELECTORS:
        selector = f"{section}.{name}"
        assert derived.get(selector, cedar.fact_of(selector)) == on.fact
