"""The laws every action obeys. A new action is tested here by being listed in ACTIONS.

Real parts: the product's Graph adapter over HTTP against the simulated tenant, which enforces
scopes and roles as Microsoft does.
"""

import ast
import inspect
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.actions import ACTIONS, Action, BadArguments, Irreversible, UnknownAction, action_of
from agent.authorize import WarrantError
from agent.domain import ActionSpec
from policy.facts import EFFECTS
from tests.laws.conftest import Lab

WHO = ("freya.holm", "sam.okoro", "lena.fischer", "mira.kovac")
GROUPS = (
    "549c08d2-25ab-4d56-b09a-36ff559bf277",  # Finance
    "ad997e1b-e884-4efb-acfa-99d92bb1fbd0",  # Sales
    "c93c315c-9e79-4564-b218-069b3ba99d3e",  # Finance Systems Access
)
ADMIN = "nadia.petrov"  # holds the role that every action of today needs
quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
kinds = st.sampled_from(ACTIONS)
people = st.sampled_from(WHO)
groups = st.sampled_from(GROUPS)


def made(kind: type[Action[Any]], lab: Lab, who: str, group: str) -> Action[Any]:
    return kind.model_validate({"user": lab.oid(who), "group": group})


async def carry_out(lab: Lab, action: Action[Any]) -> None:
    """Do it as the executor would: only when it does not hold already."""
    graph = lab.graph(ADMIN)
    if not action.holds(await action.observe(graph)):
        await action.apply(graph, lab.unsafe_warrant_for(action, ADMIN))


@quick
@given(kind=kinds, who=people, group=groups)
async def test_observing_changes_nothing(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    before = lab.state()
    await made(kind, lab, who, group).observe(lab.graph(ADMIN))
    assert lab.state() == before


@quick
@given(kind=kinds, who=people, group=groups)
async def test_what_was_applied_is_read_back(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    action = made(kind, lab, who, group)
    await carry_out(lab, action)
    assert action.holds(await action.observe(lab.graph(ADMIN)))


@quick
@given(kind=kinds, who=people, group=groups)
async def test_carrying_out_twice_is_carrying_out_once(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    action = made(kind, lab, who, group)
    await carry_out(lab, action)
    once = lab.state()
    await carry_out(lab, action)
    assert lab.state() == once


@quick
@given(kind=kinds, who=people, group=groups)
async def test_undo_restores_what_was_there_before(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    action = made(kind, lab, who, group)
    before, seen = lab.state(), await action.observe(lab.graph(ADMIN))
    await carry_out(lab, action)
    inverse = action.undo(seen)
    if isinstance(inverse, Action):
        await carry_out(lab, inverse)
        assert lab.state() == before
    elif isinstance(inverse, Irreversible):
        assert not action.reversible
    else:
        assert lab.state() == before, "no undo is needed only where nothing was changed"


@quick
@given(kind=kinds, who=people, group=groups, other_kind=kinds, other_who=people, other_group=groups)
async def test_a_warrant_covers_one_change_only(
    lab: Lab,
    kind: type[Action[Any]],
    who: str,
    group: str,
    other_kind: type[Action[Any]],
    other_who: str,
    other_group: str,
) -> None:
    asked, other = made(kind, lab, who, group), made(other_kind, lab, other_who, other_group)
    if asked.digest == other.digest:
        return
    before = lab.state()
    with pytest.raises(WarrantError):
        await other.apply(lab.graph(ADMIN), lab.unsafe_warrant_for(asked, ADMIN))
    assert lab.state() == before


@quick
@given(kind=kinds, who=people, group=groups)
async def test_a_warrant_of_one_person_is_useless_to_another(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    action, before = made(kind, lab, who, group), lab.state()
    with pytest.raises(WarrantError):
        await action.apply(lab.graph(ADMIN), lab.unsafe_warrant_for(action, "freya.holm"))
    assert lab.state() == before


@quick
@given(kind=kinds, who=people, group=groups)
def test_an_action_survives_being_written_down(
    lab: Lab, kind: type[Action[Any]], who: str, group: str
) -> None:
    action = made(kind, lab, who, group)
    again = action_of(ActionSpec.model_validate_json(action.spec.model_dump_json()))
    assert again == action
    assert again.digest == action.digest


@pytest.mark.parametrize("kind", ACTIONS, ids=lambda kind: kind.name)
def test_an_action_says_what_it_changes_verifies_undoes_needs_and_never_does(
    kind: type[Action[Any]],
) -> None:
    page = inspect.getdoc(inspect.getmodule(kind)) or ""
    for label in ("Changes", "Verifies", "Undoes", "Scopes", "Never"):
        assert re.search(rf"^{label} ", page, re.MULTILINE), f"the docstring lacks `{label}`"
    for scope in kind.needs.scopes:
        assert scope in page, f"the docstring does not name the scope {scope}"


@pytest.mark.parametrize("kind", ACTIONS, ids=lambda kind: kind.name)
def test_an_action_knows_nothing_of_policy_audit_or_retries(kind: type[Action[Any]]) -> None:
    module = inspect.getmodule(kind)
    assert module is not None
    imported = {
        (node.module or "")
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom)
    }
    assert not {m for m in imported if m.startswith(("policy", "agent.audit", "agent.execute"))}
    assert "apply" not in vars(kind), "apply is final: it is where the warrant is checked"


@pytest.mark.parametrize("kind", ACTIONS, ids=lambda kind: kind.name)
def test_what_an_action_moves_is_said_in_the_words_of_policy(kind: type[Action[Any]]) -> None:
    assert set(kind.effects) <= set(EFFECTS)
    assert len(set(kind.effects)) == len(kind.effects)
    assert kind.name != "group.member.add" or "grants_access" in kind.effects


@quick
@given(kind=kinds, who=people, group=groups, carried=st.none() | st.integers(0, 50))
def test_licences_that_nobody_read_are_never_counted_as_none(
    lab: Lab, kind: type[Action[Any]], who: str, group: str, carried: int | None
) -> None:
    assert made(kind, lab, who, group).licences(carried) == carried


def test_names_of_actions_are_unique() -> None:
    names = [kind.name for kind in ACTIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (ActionSpec(name="group.member.burn", arguments={}), UnknownAction),
        (ActionSpec(name="group.member.add", arguments={}), BadArguments),
        (ActionSpec(name="group.member.add", arguments={"user": "x", "group": "y"}), BadArguments),
        (
            ActionSpec(
                name="group.member.add",
                arguments={"user": GROUPS[0], "group": GROUPS[1], "also": GROUPS[2]},
            ),
            BadArguments,
        ),
    ],
)
def test_an_unknown_action_or_argument_is_an_error(
    spec: ActionSpec, error: type[Exception]
) -> None:
    with pytest.raises(error):
        action_of(spec)
