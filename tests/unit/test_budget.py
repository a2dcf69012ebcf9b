"""What an hour adds up to: each change once, the plan included, and never a guess too low."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.budget import Hour, PlannedChange, Reservation, Spent, Touch, spent
from agent.values import PersonId, RequestId, StepId
from tests.unit.values import FREYA, NOW, OLGA, SAM, reserved, touching

MINE = RequestId("mine")
people = st.sampled_from([FREYA, OLGA, SAM])
touches = st.builds(
    Touch,
    subject=people,
    licences=st.none() | st.integers(0, 3),
    privileged=st.none() | st.booleans(),
)
reservations = st.builds(
    Reservation,
    at=st.integers(0, 50).map(lambda m: NOW - timedelta(minutes=m)),
    requester=st.just(FREYA),
    request=st.sampled_from([MINE, RequestId("r1"), RequestId("r2")]),
    step=st.sampled_from([StepId("s1"), StepId("s2"), StepId("s3")]),
    attempt=st.integers(1, 3),
    touch=touches,
)
hours = st.lists(reservations, max_size=8).map(
    lambda rows: Hour(requester=tuple(rows), tenant=tuple(rows))
)
plans = st.lists(touches, max_size=3).map(
    lambda them: [
        PlannedChange(step=StepId(f"s{n}"), action="group.member.add", touch=touch)
        for n, touch in enumerate(them, 1)
    ]
)


def figures(of: Spent) -> tuple[int | None, ...]:
    return (of.changes, of.subjects, of.licences, of.privileged)


def test_a_step_that_was_tried_three_times_is_one_change() -> None:
    tried = tuple(reserved("r1", attempt=n) for n in (1, 2, 3))
    assert figures(spent(Hour(requester=tried, tenant=()), MINE, [])) == (1, 1, 0, 0)


def test_of_a_step_that_was_tried_again_the_newest_figures_count() -> None:
    older = reserved("r1", licences=9).model_copy(update={"at": NOW - timedelta(minutes=1)})
    both = (reserved("r1", attempt=2, licences=2), older)
    assert spent(Hour(requester=both, tenant=both), MINE, []).licences == 2


def test_what_this_plan_has_reserved_already_is_not_counted_twice() -> None:
    own = (reserved(MINE, "s1"), reserved(MINE, "s2"))
    plan = [
        PlannedChange(step=StepId(s), action="x", touch=touching(licences=1)) for s in ("s1", "s2")
    ]
    assert figures(spent(Hour(requester=own, tenant=own), MINE, plan)) == (2, 1, 2, 0)


@given(hours, plans)
def test_an_hour_with_a_plan_holds_at_least_the_plan_and_at_least_the_hour(
    hour: Hour, plan: list[PlannedChange]
) -> None:
    """Of its own steps the plan knows better, so only those of others are set against it."""
    asking = RequestId("asking")
    whole = spent(hour, asking, plan)
    for part in (spent(Hour(requester=(), tenant=()), asking, plan), spent(hour, asking, [])):
        assert (whole.changes or 0) >= (part.changes or 0)
        assert (whole.subjects or 0) >= (part.subjects or 0)
        for now, was in ((whole.licences, part.licences), (whole.privileged, part.privileged)):
            assert now is None or (was is not None and now >= was)


@given(hours, plans, reservations)
def test_another_reservation_never_lowers_what_is_counted(
    hour: Hour, plan: list[PlannedChange], more: Reservation
) -> None:
    """But a sum may become Unknown, which never helps."""
    other = more.model_copy(update={"request": RequestId("another")})
    grown = Hour(requester=(*(hour.requester or ()), other), tenant=(*(hour.tenant or ()), other))
    less, now = figures(spent(hour, MINE, plan)), figures(spent(grown, MINE, plan))
    for was, count in zip(less, now, strict=True):
        assert count is None or (was is not None and count >= was)


@given(hours, plans)
def test_a_side_that_could_not_be_read_is_unknown_and_the_other_is_not(
    hour: Hour, plan: list[PlannedChange]
) -> None:
    mine = spent(hour.model_copy(update={"tenant": None}), MINE, plan)
    assert (mine.licences, mine.privileged) == (None, None)
    assert mine.changes is not None
    tenants = spent(hour.model_copy(update={"requester": None}), MINE, plan)
    assert (tenants.changes, tenants.subjects) == (None, None)


@given(touches)
def test_what_the_tenant_need_not_count_is_certainly_nothing(touch: Touch) -> None:
    if not touch.concerns_tenant:
        assert (touch.licences, touch.privileged) == (0, False)


def test_people_are_counted_for_one_requester_and_licences_for_all() -> None:
    theirs = reserved("r1", licences=5, subject=PersonId(OLGA))
    hour = Hour(requester=(), tenant=(theirs,))
    assert figures(spent(hour, MINE, [])) == (0, 0, 5, 0)
