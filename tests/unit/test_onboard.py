"""Every tenant's policy holds the publisher's limits."""

import pytest

from policy.pack import SHIPPED, load
from policy.publishing import with_limits
from policy.rule import Rule

LIMITS = load(SHIPPED / "global")
OWN = load(SHIPPED / "tenant-default")


def test_a_tenants_rules_come_with_the_limits_whether_given_or_not() -> None:
    whole = sorted(rule.id for rule in (*LIMITS, *OWN))
    assert sorted(rule.id for rule in with_limits(OWN, LIMITS)) == whole
    assert sorted(rule.id for rule in with_limits((*LIMITS, *OWN), LIMITS)) == whole
    assert with_limits((), LIMITS) == LIMITS


def test_a_limit_cannot_be_replaced_by_a_rule_of_its_name() -> None:
    harmless = Rule.of(
        {
            "schema": 1,
            "id": LIMITS[1].id,
            "layer": "global",
            "effect": "permit",
            "baseline": True,
            "reason": "nothing is limited",
        }
    )
    with pytest.raises(ValueError, match=LIMITS[1].id):
        with_limits((harmless,), LIMITS)
