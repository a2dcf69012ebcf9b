"""The golden decisions, and every shipped rule's own examples."""

import json
from pathlib import Path
from typing import Any

import pytest

from policy.decide import RuleSet, decide
from policy.lint import ExampleResult, lint, run_examples
from policy.pack import SHIPPED, load, read
from policy.query import Query
from policy.rule import Layer, Rule

CORPUS = sorted((SHIPPED.parent / "corpus").glob("*.json"))
PACKS = {name: load(SHIPPED / name) for name in ("global", "tenant-default")}
EXAMPLES = [result for rules in PACKS.values() for rule in rules for result in run_examples(rule)]


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_golden_decision_comes_out_whole(file: Path) -> None:
    case: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    rules = [Rule.of(record) for record in case.get("rules", [])]
    rules += [rule for pack in case.get("packs", []) for rule in PACKS[pack]]
    decision = decide(RuleSet.of(rules), Query.of(case["query"]))
    assert decision.model_dump(mode="json") == case["decision"]


def test_the_corpus_is_there_and_says_yes_and_no() -> None:
    effects = [json.loads(file.read_text())["decision"]["effect"] for file in CORPUS]
    assert effects.count("permit") >= 10
    assert effects.count("deny") >= 10


@pytest.mark.parametrize("result", EXAMPLES, ids=lambda result: f"{result.rule}: {result.name}")
def test_a_shipped_rule_does_what_its_example_says(result: ExampleResult) -> None:
    assert result.holds, result


def test_shipped_rules_lack_nothing_a_publisher_would_ask_for() -> None:
    placed, problems = read(SHIPPED)
    assert problems == []
    assert [p.sentence for p in lint(placed)] == []


def test_the_shipped_packs_hold_a_permit_in_every_layer() -> None:
    permits = {rule.layer for rules in PACKS.values() for rule in rules if rule.effect == "permit"}
    assert permits == set(Layer)
