"""Would the tests notice? Faults are put into the decision point one by one; each must show.

The mutants are made of the source text, in this process; each is asked the golden corpus and a
few questions. A mutant whose text is no longer in the source fails too: it would prove nothing.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from policy import decide as original
from policy.pack import SHIPPED, load
from policy.query import Query
from policy.rule import Rule

SOURCE = Path(original.__file__).read_text(encoding="utf-8")
CASES = [json.loads(f.read_text()) for f in sorted((SHIPPED.parent / "corpus").glob("*.json"))]
PACKS = {name: load(SHIPPED / name) for name in ("global", "tenant-default")}

MUTANTS = {
    "a doubtful permit permits": (
        "(Effect.PERMIT, Match.UNKNOWN): False",
        "(Effect.PERMIT, Match.UNKNOWN): True",
    ),
    "a doubtful deny is dropped": (
        "(Effect.DENY, Match.UNKNOWN): True",
        "(Effect.DENY, Match.UNKNOWN): False",
    ),
    "a doubtful requirement is dropped": (
        "(Effect.REQUIRE, Match.UNKNOWN): True",
        "(Effect.REQUIRE, Match.UNKNOWN): False",
    ),
    "a permit needs no match": (
        "(Effect.PERMIT, Match.NO): False",
        "(Effect.PERMIT, Match.NO): True",
    ),
    "a deny never fires": ("(Effect.DENY, Match.YES): True", "(Effect.DENY, Match.YES): False"),
    "a deny always fires": ("(Effect.DENY, Match.NO): False", "(Effect.DENY, Match.NO): True"),
    "a requirement never fires": (
        "(Effect.REQUIRE, Match.YES): True",
        "(Effect.REQUIRE, Match.YES): False",
    ),
    "a requirement always fires": (
        "(Effect.REQUIRE, Match.NO): False",
        "(Effect.REQUIRE, Match.NO): True",
    ),
    "a doubtful exemption exempts": ("Match.UNKNOWN: Match.UNKNOWN}", "Match.UNKNOWN: Match.NO}"),
    "an exemption works the wrong way": (
        "NOT[every(self.unless, query)]",
        "every(self.unless, query)",
    ),
    "exemptions are ignored": ("if self.unless is None or when is Match.NO:", "if True:"),
    "one open layer is enough": ("permitted = all(layer", "permitted = any(layer"),
    "silence permits": ('result = "silent"', 'result = "permit"'),
    "a permit beats a deny": ("match (denies, permits):", "match (permits and [], permits):"),
    "layers are mixed": ("if one.rule.layer is layer])", "])"),
    "the last layer is forgotten": ("for layer in Layer\n", "for layer in list(Layer)[:-1]\n"),
    "a conjunct is dropped": ("for condition in conditions:", "for condition in conditions[1:]:"),
    "only the first conjunct counts": (
        "for condition in conditions:",
        "for condition in conditions[:1]:",
    ),
    "a no is a doubt": (
        "Match.YES if condition.holds(fact.value) else Match.NO",
        "Match.YES if condition.holds(fact.value) else Match.UNKNOWN",
    ),
    "an unknown fact is a no": (
        "else Match.NO\n    return Match.UNKNOWN\n",
        "else Match.NO\n    return Match.NO\n",
    ),
    "an unknown fact is a yes": (
        "else Match.NO\n    return Match.UNKNOWN\n",
        "else Match.NO\n    return Match.YES\n",
    ),
    "and is or": ("if Match.NO in (one, other):", "if one is other is Match.NO:"),
    "doubt is forgotten": (
        "Match.UNKNOWN if Match.UNKNOWN in (one, other)",
        "Match.UNKNOWN if one is other is Match.UNKNOWN",
    ),
    "only the first obligation is owed": (
        "for owed in one.rule.obligations)",
        "for owed in one.rule.obligations[:1])",
    ),
    "obligations do not unite": (
        "obligations=merge(owed for one, _ in applying",
        "obligations=merge(owed for one, _ in applying[:1]",
    ),
    "report-only counts": (
        "enforced = tuple(one for one in ready if one.rule.mode is Mode.ENFORCE)",
        "enforced = tuple(ready)",
    ),
    "unknowns are not told": ("if isinstance(query.facts[name], Unknown)", "if False"),
    "a repeated id is let through": ("if name == following}", "if False}"),
}


@contextmanager
def mutated(source: str) -> Iterator[ModuleType]:
    module = ModuleType("policy_decide_mutant")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "mutant", "exec"), module.__dict__)  # noqa: S102 - the point of this test
        yield module
    finally:
        del sys.modules[module.__name__]


def faults(module: Any) -> list[str]:
    """Name the quick checks that this decision point fails."""
    failed = []
    for case in CASES:
        rules = [Rule.of(record) for record in case.get("rules", [])]
        rules += [rule for pack in case.get("packs", []) for rule in PACKS[pack]]
        try:
            decision = module.decide(module.RuleSet.of(rules), Query.of(case["query"]))
            right = decision.model_dump(mode="json") == case["decision"]
        except (StopIteration, ValueError):
            right = False
        if not right:
            failed.append(case["name"])
    try:
        module.RuleSet.of([PACKS["global"][0]] * 2)
    except ValueError:
        return failed
    return [*failed, "two rules of one id"]


def test_the_original_has_no_fault() -> None:
    with mutated(SOURCE) as module:
        assert faults(module) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_in_the_decision_point_shows(name: str) -> None:
    before, after = MUTANTS[name]
    assert SOURCE.count(before) == 1, f"the mutant is out of date: {before}"
    with mutated(SOURCE.replace(before, after)) as module:
        assert faults(module), f"nothing notices that {name}"
