"""What rules may speak of and what the agent can do are one vocabulary."""

from agent.actions import ACTIONS
from policy.roles import ROLE_NAMES
from policy.pack import SHIPPED, load

RULES = load(*sorted(p for p in SHIPPED.iterdir() if p.is_dir()))


def test_a_shipped_rule_names_only_actions_that_exist() -> None:
    known = {kind.name for kind in ACTIONS}
    for rule in RULES:
        for selectors in (rule.when, rule.unless):
            named = set((selectors.action.ids if selectors else None) or ())
            assert named <= known, f"{rule.id} names {named - known}"


def test_a_shipped_rule_names_only_families_that_exist() -> None:
    known = {kind.family for kind in ACTIONS}
    for rule in RULES:
        assert set(rule.when.action.families or ()) <= known, rule.id


def test_a_shipped_rule_names_only_roles_that_microsoft_has() -> None:
    known = set(ROLE_NAMES.values())
    for rule in RULES:
        named = set(rule.when.requester.roles_any or ()) | set(rule.when.requester.roles_none or ())
        assert named <= known, f"{rule.id} names {named - known}"


def test_an_action_is_carried_by_roles_that_microsoft_has() -> None:
    for kind in ACTIONS:
        assert kind.needs.roles_any <= set(ROLE_NAMES.values()), kind.name
