"""Plans as a whole: what may not be together, what must come first, and how much is too much."""

import pytest

from policy.decide import RuleSet, decide
from policy.pack import SHIPPED, load
from policy.query import Query
from tests.policy.tasks import MANAGERS, PARAMETERS, decided, facts

ALL = {**PARAMETERS, "people_managers_group": MANAGERS}
DEFAULT = RuleSet.of(load(SHIPPED / "global", SHIPPED / "tenant-default", parameters=ALL))


def said(action: str, who: str, whose: str, given: str) -> tuple[str, tuple[str, ...]]:
    """The answer, and the rules that deny."""
    asked = facts(action, who, whose, given)
    layers = decide(DEFAULT, Query.of(asked)).layers
    return decided(DEFAULT, asked), tuple(rule for layer in layers for rule in layer.denied_by)


@pytest.mark.parametrize(
    ("action", "who", "whose", "other", "rule"),
    [
        ("app.consent.grant", "employee", "self", "group.member.add", "no-consent-with-access"),
        ("app.consent.grant", "employee", "self", "role.activate", "no-consent-with-access"),
        (
            *("auth.pass.issue", "employee", "self", "mailbox.forwarding.enable"),
            "no-secret-with-a-way-out",
        ),
        (
            *("device.recovery_key.reveal", "employee", "self", "guest.invite"),
            "no-secret-with-a-way-out",
        ),
        (
            *("user.password.reset", "employee", "self", "auth.method.remove"),
            "no-password-with-factors",
        ),
        (
            *("risk.dismiss", "Security Operator", "other", "user.enable"),
            "no-cleared-risk-with-access",
        ),
    ],
)
def test_what_is_dangerous_together_is_refused(
    action: str, who: str, whose: str, other: str, rule: str
) -> None:
    assert said(action, who, whose, "")[0].startswith("yes")
    together = f"plan.actions=[{action},{other}]"
    assert said(action, who, whose, together) == ("no", (f"global-{rule}",))
    assert said(action, who, whose, "plan.actions=?")[0] == "no"


def test_an_owner_is_not_made_together_with_members() -> None:
    given = "plan.actions=[group.owner.add,group.member.add]"
    assert (
        "global-no-owner-with-members"
        in said("group.owner.add", "Groups Administrator", "other", given)[1]
    )


@pytest.mark.parametrize(
    ("action", "first", "rule"),
    [
        ("licence.remove", "mailbox.convert_shared", "action-mailbox-before-licence"),
        ("user.sessions.revoke", "user.disable", "action-block-before-revoke"),
        ("mailbox.convert_shared", "user.disable", "action-block-before-mailbox"),
    ],
)
def test_a_leavers_steps_come_in_their_order(action: str, first: str, rule: str) -> None:
    both = f"plan.actions=[{action},{first}]"
    assert said(action, "manager", "other", f"{both} plan.before=[]") == ("no", (rule,))
    assert said(action, "manager", "other", f"{both} plan.before=?")[0] == "no"
    right = said(action, "manager", "other", f"{both} plan.before=[{first}]")
    assert right[0].startswith("yes A M")
    assert said(action, "manager", "other", "")[0].startswith("yes A M")


@pytest.mark.parametrize(
    ("action", "who", "fact", "most", "rule"),
    [
        ("group.member.add", "owner", "runtime.subjects_last_hour", 20, "runtime-people-an-hour"),
        ("group.member.add", "owner", "plan.subjects", 10, "runtime-people-a-plan"),
        ("group.member.add", "owner", "runtime.bulk_count", 10, "runtime-too-many-at-once"),
        (
            *("group.member.add", "owner", "runtime.licences_last_hour", 25),
            "runtime-licences-an-hour",
        ),
        (
            *("licence.swap", "License Administrator", "runtime.licences_last_hour", 25),
            "runtime-licences-an-hour",
        ),
        (
            *("role.eligibility.grant", "Privileged Role Administrator"),
            *("runtime.privileged_last_hour", 3, "runtime-privileged-an-hour"),
        ),
    ],
)
def test_what_is_over_the_budget_is_refused(
    action: str, who: str, fact: str, most: int, rule: str
) -> None:
    assert said(action, who, "other", f"{fact}={most}")[0].startswith("yes")
    assert said(action, who, "other", f"{fact}={most + 1}") == ("no", (rule,))
    assert said(action, who, "other", f"{fact}=?") == ("no", (rule,))


def test_taking_back_is_held_up_by_no_budget() -> None:
    given = (
        "action.undo=true runtime.subjects_last_hour=999 plan.subjects=999 runtime.bulk_count=99"
    )
    assert said("group.member.remove", "employee", "self", given) == ("yes", ())
