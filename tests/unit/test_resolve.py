"""From names to targets: only a unique exact match is ever taken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Refusal
from agent.facts import Notes
from agent.plan import Question, resolve
from agent.values import GroupId
from tests.unit.values import FINANCE, act, found, group

OTHER = GroupId("c93c315c-9e79-4564-b218-069b3ba99d3e")


def looked_up(name: str, *groups: dict[str, Any]) -> Notes:
    return Notes([found("resource", name, {"groups": list(groups), "sites": None})])


def asked(answer: object) -> Question:
    assert isinstance(answer, Question), answer
    return answer


def test_a_unique_exact_match_is_the_target() -> None:
    notes = looked_up("Finance", group(), group(OTHER, "Finance Reports"))
    assert resolve(act("Finance"), notes) == (FINANCE,)


def test_case_and_width_do_not_matter_to_a_match() -> None:
    assert resolve(act("fInAnCe"), looked_up("fInAnCe", group())) == (FINANCE,)
    wide = group(display="\uff26inance")
    assert resolve(act("Finance"), looked_up("Finance", wide)) == (FINANCE,)


def test_a_look_alike_letter_is_no_match() -> None:
    said = asked(resolve(act("Finance"), looked_up("Finance", group(display="Fin\u0430nce"))))
    assert said.choices == ("Fin\u0430nce",)


def test_two_of_one_name_are_asked_back_and_neither_is_taken() -> None:
    notes = looked_up("Finance", group(), group(OTHER, "Finance"))
    assert "more than one `Finance`" in asked(resolve(act("Finance"), notes)).text


def test_a_near_match_is_offered_and_never_taken() -> None:
    notes = looked_up("Finance", group(display="Finance Reports"))
    said = asked(resolve(act("Finance"), notes))
    assert said.choices == ("Finance Reports",)
    assert "found no `Finance`" in said.text


def test_at_most_six_choices_are_offered() -> None:
    many = [group(GroupId(f"{n:08d}{FINANCE[8:]}"), f"Finance {n}") for n in range(20)]
    assert len(asked(resolve(act("Finance"), looked_up("Finance", *many))).choices) == 6


def test_nothing_found_is_asked_back() -> None:
    assert "nothing called `Finance`" in asked(resolve(act("Finance"), looked_up("Finance"))).text


def test_what_could_not_be_looked_up_is_said_so_and_not_asked_back() -> None:
    for notes in (Notes(), Notes([found("resource", "Finance", None, unknown="forbidden")])):
        refusal = resolve(act("Finance"), notes)
        assert isinstance(refusal, Refusal)
        assert "could not look up" in refusal.for_user


@pytest.mark.parametrize("kind", ["site", "team"])
def test_a_site_or_a_team_is_never_a_security_group_of_that_name(kind: str) -> None:
    notes = looked_up("Finance", group(OTHER, "Finance", unified=False))
    asked(resolve(act("Finance", kind=kind), notes))
    assert resolve(act("Finance", kind="group"), notes) == (OTHER,)
    both = looked_up("Finance", group(), group(OTHER, "Finance", unified=False))
    assert resolve(act("Finance", kind=kind), both) == (FINANCE,)
    asked(resolve(act("Finance", kind="group"), both))


def test_one_unclear_name_of_several_stops_all() -> None:
    notes = Notes(
        [
            found("resource", "Finance", {"groups": [group()], "sites": None}),
            found("resource", "Slaes", {"groups": [], "sites": None}),
        ]
    )
    assert "Slaes" in asked(resolve(act("Finance", "Slaes"), notes)).text


def test_the_same_group_named_twice_is_one_target() -> None:
    notes = Notes(
        [found("resource", n, {"groups": [group()], "sites": None}) for n in ("Finance", "FINANCE")]
    )
    assert resolve(act("Finance", "FINANCE"), notes) == (FINANCE,)


names = st.sampled_from(["Finance", "finance", "Finance ", "Finance Reports", "Fin\u0430nce", ""])


@given(st.lists(st.tuples(names, st.booleans()), max_size=5))
def test_whatever_the_directory_holds_only_a_unique_exact_name_is_taken(
    held: list[tuple[str, bool]],
) -> None:
    groups = [
        group(GroupId(f"{n:08d}{FINANCE[8:]}"), display, unified=unified)
        for n, (display, unified) in enumerate(held)
    ]
    exact = [g["id"] for g in groups if g["unified"] and g["display"].lower() == "finance"]
    answer = resolve(act("Finance"), looked_up("Finance", *groups))
    assert answer == tuple(exact) if len(exact) == 1 else isinstance(answer, Question)
