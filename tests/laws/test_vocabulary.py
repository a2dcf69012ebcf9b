"""What rules may speak of and what the agent can do are one vocabulary."""

from typing import get_args

from agent.actions import ACTIONS
from agent.domain import Request
from policy.actions import CATALOGUE
from policy.facts import EFFECTS
from policy.roles import ROLE_NAMES
from policy.words import CHANNELS


def test_every_registered_action_is_catalogued_with_the_same_values() -> None:
    for kind in ACTIONS:
        told = CATALOGUE[kind.name]
        assert (told.family, told.risk, told.reversible) == (
            kind.family,
            kind.risk,
            kind.reversible,
        ), kind.name


def test_the_catalogue_is_well_formed() -> None:
    for name, kind in CATALOGUE.items():
        assert kind.id == name == name.lower()
        assert name.startswith(f"{kind.family}.")
        assert 0 <= kind.risk <= 4
        assert kind.effects <= set(EFFECTS), name
        assert kind.meaning.endswith("."), name
        # What is lost, told or given to Warrant itself is never a small matter.
        if kind.effects - {"grants_access"}:
            assert kind.risk >= 2, name


def test_rules_know_the_channels_that_requests_come_through() -> None:
    assert set(CHANNELS) == set(get_args(Request.model_fields["channel"].annotation))


def test_an_action_is_carried_by_roles_that_microsoft_has() -> None:
    for kind in ACTIONS:
        assert kind.needs.roles_any <= set(ROLE_NAMES.values()), kind.name
