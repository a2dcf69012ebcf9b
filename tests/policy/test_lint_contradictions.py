"""Rules against each other: a permit that is always denied is wrong, one that is covered is not."""

from typing import Any

import pytest

from policy.contradictions import covered, overridden, wrong_selectors
from policy.decide import RuleSet, decide
from policy.query import Query
from policy.rule import Rule


def rule(id: str, effect: str, when: dict[str, Any], **more: Any) -> Rule:
    said = {"schema": 1, "id": id, "layer": "target", "effect": effect, "reason": "So."}
    return Rule.of({**said, "when": when, **more})


FINANCE = {"target": {"tags_any": ["finance"]}}
NARROW = {"target": {"tags_any": ["finance"], "types": ["group"]}}


@pytest.mark.parametrize(
    ("permit", "deny"),
    [
        (NARROW, FINANCE),
        (FINANCE, FINANCE),
        (NARROW, {"target": {"tags_any": ["sales", "Finance"]}}),
        ({"action": {"risk_max": 1}}, {"action": {"risk_max": 2}}),
        ({"action": {"risk_min": 3}}, {"action": {"risk_min": 2}}),
        ({"target": {"tags_none": ["a", "b"]}}, {"target": {"tags_none": ["a"]}}),
        ({"target": {"subject": "self"}}, {"target": {"subject": "SELF"}}),
        ({"action": {"ids": ["group.create", "group.nest"]}}, {"action": {"families": ["group"]}}),
        ({"action": {"ids": ["device.wipe"]}}, {"action": {"effects_any": ["destroys"]}}),
        ({"action": {"effects_any": ["changes_warrant"]}}, {"action": {"risk_min": 4}}),
    ],
)
def test_a_permit_that_its_own_layer_always_denies_is_wrong(
    permit: dict[str, Any], deny: dict[str, Any]
) -> None:
    one, other = rule("p", "permit", permit), rule("d", "deny", deny)
    ((number, (sentence, remedy)),) = overridden([one, other])
    assert number == 0
    assert "`d` of the same layer" in sentence
    assert remedy


@pytest.mark.parametrize(
    ("permit", "deny", "more"),
    [
        (FINANCE, NARROW, {}),
        (FINANCE, {"target": {"tags_any": ["sales"]}}, {}),
        (NARROW, FINANCE, {"layer": "action"}),
        (NARROW, FINANCE, {"unless": {"action": {"undo": True}}}),
        (NARROW, FINANCE, {"mode": "report_only"}),
        (NARROW, FINANCE, {"valid_from": "2026-01-01T00:00:00Z"}),
        (
            {"action": {"ids": ["group.create", "user.create"]}},
            {"action": {"families": ["group"]}},
            {},
        ),
        ({"action": {"risk_max": 3}}, {"action": {"risk_max": 2}}, {}),
        ({"action": {"undo": True}}, {"action": {"reversible": True}}, {}),
    ],
)  # fmt: skip
def test_a_permit_that_is_only_sometimes_denied_is_not(
    permit: dict[str, Any], deny: dict[str, Any], more: dict[str, Any]
) -> None:
    rules = [rule("p", "permit", permit), rule("d", "deny", deny, **more)]
    assert [*overridden(rules)] == []


def test_a_covered_permit_is_remarked_upon_and_changes_no_decision() -> None:
    rules = [rule("wide", "permit", FINANCE), rule("narrow", "permit", NARROW)]
    ((number, (sentence, _)),) = covered(rules)
    assert (number, "`wide`" in sentence) == (1, True)
    query = Query.of({"target": {"tags": ["finance"], "type": "group"}})
    both, one = (decide(RuleSet.of(some), query).layers for some in (rules, rules[:1]))
    assert [layer.result for layer in both] == [layer.result for layer in one]
    elsewhere = [rules[0], rule("narrow", "permit", NARROW, layer="action")]
    assert [*covered(elsewhere)] == []


def test_selectors_that_fit_together_are_left_alone() -> None:
    fits = rule(
        "r",
        "deny",
        {
            "action": {"families": ["group", "user"], "risk_min": 1, "effects_none": ["consents"]},
            "target": {"types": ["group", "user"], "tags_any": ["a", "b"], "tags_none": ["b"]},
            "plan": {"actions_any": ["group.create"], "before_none": ["group.create"]},
        },
        unless={"target": {"tags_any": ["c"]}},
    )
    assert [at for at, _, _ in wrong_selectors(fits)] == []


def test_a_family_is_checked_against_every_other_selector_of_the_action() -> None:
    never = rule("r", "permit", {"action": {"families": ["licence"], "effects_any": ["destroys"]}})
    (complaint,) = wrong_selectors(never)
    assert complaint[0] == "when.action.families"
