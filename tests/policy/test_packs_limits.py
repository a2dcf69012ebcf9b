"""The hard limits hold even in a tenant whose own pack is careless: it permits everything.

Each limit is asked of every kind of change in the catalogue, as whoever has the most power.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from policy.actions import CATALOGUE, ActionType
from policy.decide import RuleSet
from policy.pack import SHIPPED, load
from policy.rule import Layer, Rule
from tests.policy.tasks import PARAMETERS, decided, facts

CARELESS = [
    Rule.of(
        {
            "schema": 1,
            "id": f"careless-{layer}",
            "layer": layer,
            "effect": "permit",
            "baseline": True,
            "reason": "Everything goes.",
        }
    )
    for layer in Layer
]
HELD = RuleSet.of([*load(SHIPPED / "global", parameters=PARAMETERS), *CARELESS])
NOBODY_NAMED = RuleSet.of([*load(SHIPPED / "global"), *CARELESS])
KINDS = sorted(CATALOGUE.values(), key=lambda kind: kind.id)
PIM = {"role.activate", "role.deactivate", "role.eligibility.grant", "role.eligibility.remove"}
OWN_SECRETS = {"user.password.reset", "device.passcode.reset", "device.recovery_key.reveal"}
DECIDED_BY_OTHERS = {"role.activate", "ca.travel.grant", "quarantine.release_phish"}
GUARDED = {"grants_power", "consents", "weakens_protection", "destroys", "discloses_secret"}


def of_kinds(which: Callable[[ActionType], bool]) -> pytest.MarkDecorator:
    """Ask for every kind of change that is meant, and for at least one."""
    meant = [kind for kind in KINDS if which(kind)]
    assert meant
    return pytest.mark.parametrize("kind", meant, ids=lambda kind: kind.id)


each_kind = of_kinds(lambda kind: True)


def ask(kind: ActionType, whose: str = "other", given: str = "", rules: RuleSet = HELD) -> str:
    return decided(rules, facts(kind.id, "Global Administrator", whose, given))


def test_the_careless_pack_is_careless() -> None:
    assert ask(CATALOGUE["group.member.add"]) == "yes"
    assert ask(CATALOGUE["user.disable"], given="target.tags=[restricted]") == "yes"
    assert decided(RuleSet.of(CARELESS), facts("warrant.policy.change", "employee")) == "yes"


@each_kind
def test_a_critical_or_unknown_risk_is_refused(kind: ActionType) -> None:
    assert ask(kind, given="action.risk=?") == "no"
    assert ask(kind, given="action.risk=4") == "no"


@of_kinds(lambda kind: kind.risk == 4 or "changes_warrant" in kind.effects)
def test_what_is_critical_or_changes_warrant_is_never_done(kind: ActionType) -> None:
    assert ask(kind) == ask(kind, "self") == "no"


@of_kinds(
    lambda kind: (
        bool({"grants_power", "weakens_protection"} & kind.effects)
        and kind.id not in DECIDED_BY_OTHERS
    )
)
def test_nobody_gives_themselves_power_or_lowers_their_own_guard(kind: ActionType) -> None:
    assert ask(kind, "self") == "no"
    assert ask(kind, given="target.subject=?") == "no"


@of_kinds(lambda kind: bool(kind.effects & GUARDED) and kind.risk < 4)
def test_what_moves_power_secrets_or_data_waits_for_another_person(kind: ActionType) -> None:
    for whose in ("self", "other"):
        said = ask(kind, whose).split()
        if said == ["no"]:
            assert whose == "self", "an administrator may ask it for others"
            continue
        assert "proof<PT30M" in said
        if {"grants_power", "consents", "weakens_protection"} & kind.effects:
            assert {"S", "S2"} & set(said)
        elif whose == "other" or kind.id not in OWN_SECRETS:
            assert "A" in said


@each_kind
def test_an_unknown_effect_counts_as_every_effect(kind: ActionType) -> None:
    for whose in ("self", "other"):
        said = ask(kind, whose, "action.effects=?")
        assert said == "no", "it may change Warrant itself"


@of_kinds(lambda kind: bool(kind.effects & GUARDED))
def test_where_nobody_is_named_to_decide_it_is_refused(kind: ActionType) -> None:
    assert ask(kind, rules=NOBODY_NAMED) == "no"


@each_kind
@pytest.mark.parametrize(
    "given",
    [
        "target.role_assignable=true",
        "target.role_assignable=?",
        "target.tags=[break_glass]",
        "target.tags=[Break-Glass]",
        "target.tags=[warrant]",
        "target.tags=?",
        "target.id=?",
        f"target.id={PARAMETERS['admin_group']}",
        f"target.id={PARAMETERS['security_group'].upper()}",
        "requester.kind=guest",
        "requester.kind=?",
        "requester.flags=[break_glass]",
        "requester.flags=?",
    ],
)
def test_whoever_and_whatever_is_out_of_reach_stays_so(kind: ActionType, given: str) -> None:
    assert ask(kind, given=given) == "no"


@pytest.mark.parametrize("privileged", ["true", "?"])
@each_kind
def test_privileged_persons_are_left_to_people(kind: ActionType, privileged: str) -> None:
    assert ask(kind, "self", f"target.privileged={privileged} target.type=user") == "no"


@pytest.mark.parametrize("privileged", ["true", "?"])
@of_kinds(lambda kind: kind.id not in PIM)
def test_privileged_things_are_left_to_people(kind: ActionType, privileged: str) -> None:
    assert ask(kind, "self", f"target.privileged={privileged}") == "no"


@each_kind
@pytest.mark.parametrize(
    "given",
    [
        "target.role_assignable=true",
        "target.tags=[break_glass]",
        "target.tags=[warrant]",
        "target.privileged=true target.type=user",
    ],
)
def test_the_limits_of_the_target_hold_for_an_undo_too(kind: ActionType, given: str) -> None:
    assert ask(kind, given=f"action.undo=true {given}") == "no"


def test_an_undo_is_not_held_up_by_who_asked_and_owes_nothing() -> None:
    undo: Mapping[str, Any] = facts("group.member.remove", "employee", "self", "action.undo=true")
    for given in ("requester.kind=guest", "requester.flags=[break_glass]", "requester.flags=?"):
        asked = facts("group.member.remove", "employee", "self", f"action.undo=true {given}")
        assert decided(HELD, asked) == "yes"
    assert decided(HELD, dict(undo)) == "yes"


def test_roles_end_the_same_day_and_two_persons_agree() -> None:
    said = ask(CATALOGUE["role.activate"], "self")
    assert said == "yes S2 proof<PT30M ticket until<PT8H why"
    assert ask(CATALOGUE["role.activate"], "self", "action.undo=?") == said
