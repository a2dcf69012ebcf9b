"""What a selector means: every selector reads a fact of a kind it understands; hours and bounds."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from policy.conditions import (
    CONDITIONS,
    AnyOf,
    AtLeast,
    AtMost,
    Equals,
    NoneOf,
    Window,
    WindowHours,
)
from policy.facts import FACTS
from policy.rule import On, Selectors

BERLIN = ZoneInfo("Europe/Berlin")
SELECTORS = [
    (f"{section}.{name}", on)
    for section, group in Selectors.model_fields.items()
    for name, field in group.annotation.model_fields.items()  # type: ignore[union-attr]
    for on in field.metadata
    if isinstance(on, On)
]


@pytest.mark.parametrize(("selector", "on"), SELECTORS)
def test_every_selector_reads_a_fact_its_condition_understands(selector: str, on: On) -> None:
    assert FACTS[on.fact].kind in on.condition.reads
    assert on.condition in CONDITIONS


def test_every_selector_of_the_contract_is_tied_to_a_condition() -> None:
    written = [
        f"{section}.{name}"
        for section, group in Selectors.model_fields.items()
        for name in group.annotation.model_fields  # type: ignore[union-attr]
    ]
    assert [selector for selector, _ in SELECTORS] == written
    assert len(written) == 44


def test_bounds_are_inclusive() -> None:
    assert [AtMost.of("", "", 2).holds(n) for n in (1, 2, 3)] == [True, True, False]
    assert [AtLeast.of("", "", 2).holds(n) for n in (1, 2, 3)] == [False, True, True]


def test_any_and_none_on_the_empty_set() -> None:
    assert not AnyOf.of("", "requester.flags", ["a"]).holds(frozenset())
    assert NoneOf.of("", "requester.flags", ["a"]).holds(frozenset())


def test_words_fold_like_facts_and_ids_only_lower() -> None:
    assert AnyOf.of("", "requester.flags", ["\uff21\uff34_Risk"]).words == {"at_risk"}
    assert AnyOf.of("", "requester.groups", ["\uff21B"]).words == {"\uff41b"}
    assert Equals.of("", "target.subject", "SELF").holds("self")


def window(opens: str, closes: str, *days: str) -> Window:
    written = {"tz": "Europe/Berlin", "from": opens, "to": closes} | (
        {"days": days} if days else {}
    )
    return Window.of("", "runtime.now", WindowHours.model_validate(written))


@pytest.mark.parametrize(
    ("opens", "closes", "days", "local", "inside"),
    [
        ("08:00", "18:00", ("mon",), "2026-11-23T08:00:00", True),
        ("08:00", "18:00", ("mon",), "2026-11-23T07:59:59", False),
        ("08:00", "18:00", ("mon",), "2026-11-23T17:59:59", True),
        ("08:00", "18:00", ("mon",), "2026-11-23T18:00:00", False),
        ("08:00", "18:00", ("mon",), "2026-11-24T08:00:00", False),
        ("08:00", "18:00", (), "2026-11-29T08:00:00", True),
        ("00:00", "24:00", ("mon",), "2026-11-23T23:59:59", True),
        ("00:00", "24:00", ("mon",), "2026-11-24T00:00:00", False),
        # Past midnight: the day named is the day on which it opens.
        ("22:00", "06:00", ("fri",), "2026-11-27T22:00:00", True),
        ("22:00", "06:00", ("fri",), "2026-11-28T05:59:00", True),
        ("22:00", "06:00", ("fri",), "2026-11-28T06:00:00", False),
        ("22:00", "06:00", ("fri",), "2026-11-27T05:00:00", False),
        ("22:00", "06:00", ("sun",), "2026-11-30T01:00:00", True),
        ("22:00", "06:00", ("sun",), "2026-11-29T01:00:00", False),
        ("22:00", "00:00", ("fri",), "2026-11-27T23:59:59", True),
        ("22:00", "00:00", ("fri",), "2026-11-28T00:00:00", False),
    ],
)
def test_a_window_is_half_open_in_its_own_time_zone(
    opens: str, closes: str, days: tuple[str, ...], local: str, inside: bool
) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    assert window(opens, closes, *days).holds(now) is inside


@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        # 29 March 2026: the clock jumps from 02:00 to 03:00, so 02:15..02:45 never comes.
        ("2026-03-29T00:59:59+00:00", False),
        ("2026-03-29T01:00:00+00:00", False),
        # 25 October 2026: 02:00..03:00 comes twice, and both are inside.
        ("2026-10-25T00:30:00+00:00", True),
        ("2026-10-25T01:30:00+00:00", True),
        ("2026-10-25T01:45:00+00:00", False),
        # The same wall-clock hour in winter and in summer is another hour in UTC.
        ("2026-01-10T01:30:00+00:00", True),
        ("2026-07-10T00:30:00+00:00", True),
        ("2026-07-10T01:30:00+00:00", False),
    ],
)
def test_a_window_follows_the_wall_clock_through_daylight_saving(utc: str, inside: bool) -> None:
    assert window("02:15", "02:45").holds(datetime.fromisoformat(utc)) is inside


@pytest.mark.parametrize(
    "change",
    [
        {"tz": "localtime"},
        {"tz": "right/Europe/Berlin"},
        {"tz": "../../etc/passwd"},
        {"tz": "Europe/Atlantis"},
        {"days": ()},
        {"days": ("monday",)},
        {"from": "8:00"},
        {"from": "24:00"},
        {"to": "25:00"},
        {"to": "08:00"},
        {"till": "19:00"},
    ],
)
def test_a_window_that_could_be_misread_is_refused(change: dict[str, object]) -> None:
    hours = {"tz": "Europe/Berlin", "from": "08:00", "to": "18:00"} | change
    with pytest.raises(ValidationError):
        WindowHours.model_validate(hours)
