"""The company's rules with one changed, and a comparison whose every sample is confirmed."""

import json
from collections.abc import Callable
from typing import Any

from policy.decide import Decision, RuleSet, decide
from policy.diff import Diff, Finding, Outcome, compare
from policy.obligations import merge
from policy.query import Query
from policy.rule import Rule
from tests.policy.company import COMPANY

OLD = COMPANY
OTHERS = "others-ask-the-owner"
Edit = Callable[[dict[str, Any]], None]


def edited(name: str, edit: Edit) -> list[Rule]:
    (record,) = (json.loads(json.dumps(one.record())) for one in OLD if one.id == name)
    edit(record)
    return [*without(name), Rule.of(record)]


def without(name: str) -> list[Rule]:
    return [one for one in OLD if one.id != name]


def compared(old: Any, new: Any) -> Diff:
    """Compare, and ask the decision point once more whether each sample shows what it says."""
    diff = compare(old, new)
    for finding in diff.findings:
        query = Query.of(json.loads(json.dumps(finding.query)))
        assert not query.errors
        before, after = (decide(RuleSet.of(rules), query) for rules in (old, new))
        assert finding.old == Outcome.of(before)
        assert finding.new == Outcome.of(after)
        assert_shows(finding, before, after)
    return diff


def assert_shows(finding: Finding, before: Decision, after: Decision) -> None:
    effects = (before.effect, after.effect)
    match finding.change:
        case "newly_permitted":
            assert effects == ("deny", "permit")
        case "newly_denied":
            assert effects == ("permit", "deny")
        case "less_demanding":
            assert effects == ("permit", "permit")
            assert merge((*after.obligations, *before.obligations)) != after.obligations
        case "more_demanding":
            assert effects == ("permit", "permit")
            assert merge((*after.obligations, *before.obligations)) != before.obligations


EASIER, HARDER = "less_demanding", "more_demanding"
