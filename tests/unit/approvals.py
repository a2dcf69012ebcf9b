"""What the tests of approval are made of: a change that owes the owner's yes, and its decision."""

from datetime import timedelta
from typing import Any

from agent.domain import ApprovalNeed, Step
from agent.plan import decide_on
from policy.decide import Decision
from tests.unit.values import OLGA, SAM, adding, alone, findings, planned, require, rules, scene

HOUR = timedelta(hours=1)


def owed_by(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "approval",
        "by": "resource_owner",
        "expires_after": "PT8H",
        "when": "before",
        **changes,
    }


def needing(**changes: Any) -> Step:
    """A step that owes the owner's approval; Olga and Sam own the group."""
    at = scene(rules(require(owed_by(**changes))), findings(owners=[OLGA, SAM]))
    return planned(at).steps[0]


def need(**changes: Any) -> ApprovalNeed:
    return needing(**changes).approvals[0]


def decided(*obligations: dict[str, Any]) -> Decision:
    at = scene(rules(require(*obligations)) if obligations else rules(), findings(owners=[OLGA]))
    return decide_on(at, adding(), alone()).decision


STEP = needing()
