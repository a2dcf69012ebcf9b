"""A plan is decided as a set: its changes, their order and its budget are facts of every step."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.actions import Action
from agent.budget import Hour, Reservation
from agent.domain import Plan, Ruling
from agent.plan import Scene, Stopped, plan
from policy.decide import RuleSet, decide
from policy.query import Known, Query
from tests.unit.values import (
    FREYA,
    HELEN,
    NADIA,
    NOTHING_YET,
    OLGA,
    SALES,
    SAM,
    adding,
    classes,
    findings,
    group,
    planned,
    refused,
    removing,
    reserved,
    rules,
    scene,
)

JOIN, LEAVE = "group.member.add", "group.member.remove"


def two(policy: RuleSet | None = None, hour: Hour = NOTHING_YET, sales: bool = True) -> Scene:
    """One person, in Sales unless a test says otherwise and not in Finance."""
    others = findings(target=SALES, group=group(SALES), membership=sales)
    seen = findings() + [f for f in others if f.about == SALES]
    return scene(policy, seen, classes() | classes(SALES), hour=hour)


SHIPPED_BUDGETS = ("runtime-people-an-hour", "runtime-licences-an-hour")


def deny(when: Mapping[str, Any], unless: Mapping[str, Any] | None = None) -> RuleSet:
    """One more rule, in a tenant that has set no budget of the hour for ordinary changes."""
    rule = {"id": "test-plan", "layer": "tenant", "effect": "deny", "when": when}
    more = rule if unless is None else {**rule, "unless": unless}
    return rules(more, without=SHIPPED_BUDGETS)


def limit(**budget: int) -> RuleSet:
    """A budget of the hour, as a tenant would write it: an undo is free."""
    return deny({"action": {"undo": False}}, {"runtime": budget})


@pytest.mark.parametrize(
    "order", [(adding(), removing(SALES)), (removing(SALES), adding())], ids=["first", "last"]
)
def test_a_forbidden_combination_stops_the_plan_wherever_it_stands(
    order: tuple[Action[Any], ...],
) -> None:
    """To leave one group and to join another: each alone is permitted."""
    at = two(deny({"plan": {"actions_any": [LEAVE]}, "action": {"ids": [JOIN], "undo": False}}))
    assert planned(at, adding()).steps
    assert planned(at, removing(SALES)).steps
    assert "test-plan" in refused(at, *order).for_admin


def test_a_forbidden_order_stops_the_plan_and_the_other_order_does_not() -> None:
    at = two(deny({"plan": {"before_any": [LEAVE]}, "action": {"ids": [JOIN], "undo": False}}))
    assert "test-plan" in refused(at, removing(SALES), adding()).for_admin
    assert len(planned(at, adding(), removing(SALES)).steps) == 2


def test_a_demanded_order_is_a_rule_too() -> None:
    at = two(deny({"plan": {"before_none": [JOIN]}, "action": {"ids": [LEAVE], "undo": False}}))
    assert "test-plan" in refused(at, removing(SALES)).for_admin
    assert len(planned(at, adding(), removing(SALES)).steps) == 2


def test_what_is_so_already_is_no_part_of_the_plan() -> None:
    at = two(deny({"plan": {"actions_any": [LEAVE]}, "action": {"undo": False}}), sales=False)
    assert [s.action.name for s in planned(at, removing(SALES), adding()).steps] == [JOIN]


def test_an_undo_comes_after_what_it_takes_back_and_belongs_to_the_plan() -> None:
    made = planned(two(), adding(), removing(SALES))
    first, last = (step.foreseen(undo=True) for step in made.steps)
    assert first is not None
    assert last is not None
    assert first.facts["plan"]["before"] == [JOIN]  # type: ignore[call-overload,index]
    assert last.facts["plan"]["before"] == [JOIN, LEAVE]  # type: ignore[call-overload,index]
    assert first.facts["plan"]["actions"] == [JOIN, LEAVE]  # type: ignore[call-overload,index]
    assert first.facts["action"]["undo"] is True  # type: ignore[call-overload,index]


def before(*spent: Reservation) -> Hour:
    return Hour(requester=spent, tenant=spent)


BUDGETS: dict[str, tuple[Hour, int]] = {
    # of this hour -> what it and a plan of two changes for one person add up to
    "changes_last_hour_max": (before(reserved("r1"), reserved("r1", "s2"), reserved("r2")), 5),
    "subjects_last_hour_max": (
        before(*(reserved(f"r-{who}", subject=who) for who in (OLGA, SAM, NADIA, HELEN))),
        5,
    ),
    "licences_last_hour_max": (before(reserved("r1", licences=3), reserved("r2", licences=4)), 7),
    "privileged_last_hour_max": (before(reserved("r1", privileged=True), reserved("r2")), 1),
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_hour_and_the_whole_plan_share_one_budget(budget: str) -> None:
    hour, whole = BUDGETS[budget]
    assert isinstance(plan(two(limit(**{budget: whole}), hour), [adding(), removing(SALES)]), Plan)
    short = plan(two(limit(**{budget: whole - 1}), hour), [adding(), removing(SALES)])
    assert isinstance(short, Stopped)
    assert short.denied.step == "s1", "before the first change, not at the one too many"


@pytest.mark.parametrize("budget", BUDGETS)
def test_an_hour_that_cannot_be_read_stops_what_a_budget_is_set_on_and_nothing_else(
    budget: str,
) -> None:
    unread = Hour(requester=None, tenant=None)
    assert planned(two(rules(without=SHIPPED_BUDGETS), unread)).steps
    assert "test-plan" in refused(two(limit(**{budget: 10_000}), unread)).for_admin


def ruling(made: Plan | Stopped) -> Ruling:
    """What policy was asked at the first step, or at the one where planning stopped."""
    found = made.denied.ruling if isinstance(made, Stopped) else made.steps[0].foreseen(undo=False)
    assert found is not None
    return found


def fact(made: Plan | Stopped, name: str) -> Any:
    found = Query.of(ruling(made).facts).facts[name]
    return found.value if isinstance(found, Known) else None


def test_what_a_plan_touches_is_counted_over_all_of_it() -> None:
    carrying = findings(group=group(licences=2)) + [
        f for f in findings(target=SALES, group=group(SALES, licences=3)) if f.about == SALES
    ]
    made = planned(
        scene(seen=carrying, classed=classes() | classes(SALES)), adding(), adding(SALES)
    )
    assert fact(made, "plan.subjects") == 1
    assert fact(made, "plan.licences") == 5
    assert fact(made, "runtime.licences_last_hour") == 5
    assert fact(made, "plan.privileged") == 0
    assert fact(made, "runtime.changes_last_hour") == 2


@pytest.mark.parametrize(
    ("doubt", "name"), [("licences", "licences"), ("role_assignable", "privileged")]
)
def test_one_change_in_doubt_puts_the_count_of_the_whole_plan_in_doubt(
    doubt: str, name: str
) -> None:
    unknown = findings(target=SALES, group=group(SALES, **{doubt: None}))
    seen = findings(group=group(licences=2)) + [f for f in unknown if f.about == SALES]
    at = scene(seen=seen, classed=classes() | classes(SALES))
    assert fact(plan(at, [adding()]), f"plan.{name}") is not None, "the other is not in this plan"
    made = plan(at, [adding(), adding(SALES)])
    assert fact(made, f"plan.{name}") is None
    assert fact(made, f"runtime.{name}_last_hour") is None


def test_a_change_for_a_privileged_person_touches_privilege_behind_any_group() -> None:
    chief = classes()[FREYA].model_copy(update={"privileged": True})
    made = planned(scene(classed=classes() | {FREYA: chief}))
    assert fact(made, "plan.privileged") == 1
    assert fact(made, "target.privileged") is False


def test_every_forecast_is_kept_with_the_question_it_answers() -> None:
    policy = limit(changes_last_hour_max=9)
    made = planned(two(policy), adding(), removing(SALES))
    for step in made.steps:
        for undo in (False, True):
            made_now = step.foreseen(undo=undo)
            assert made_now is not None
            kept = Ruling.model_validate_json(made_now.model_dump_json())
            again = decide(policy, Query.of(kept.facts))
            assert again.model_dump_json() == made_now.decision.model_dump_json()


def test_two_people_in_one_plan_are_two_subjects() -> None:
    made = plan(scene(classed=classes() | classes(who=SAM)), [adding(), adding(who=SAM)])
    assert fact(made, "plan.subjects") == 2
    assert fact(made, "runtime.subjects_last_hour") == 2
