"""Moments: what is found is real, and what is not found does not exist."""

import struct
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.conditions import Validity, Window, WindowHours
from policy.prove.timeline import EARLIEST, LATEST, TimeCondition, moment, offsets_of


def window(tz: str, opens: str, closes: str, *days: str) -> Window:
    written = {"tz": tz, "from": opens, "to": closes, **({"days": list(days)} if days else {})}
    return Window.of("w", "runtime.now", WindowHours.model_validate(written, strict=False))


def life(begins: str | None, ends: str | None) -> Validity:
    times = (datetime.fromisoformat(one) if one else None for one in (begins, ends))
    return Validity.of("v", "runtime.now", tuple(times))  # type: ignore[arg-type]


OFFICE = window("Europe/Berlin", "08:00", "18:00", "mon", "tue", "wed", "thu", "fri")
WEEKEND = window("Europe/Berlin", "00:00", "24:00", "sat", "sun")
SKIPPED = window("Europe/Berlin", "02:00", "03:00", "sun")


def test_a_moment_satisfies_all_that_is_wanted_and_is_of_our_own_time() -> None:
    found = moment({OFFICE: True, WEEKEND: False})
    assert found is not None
    assert OFFICE.holds(found)
    assert found.year == 2026


def test_no_moment_is_before_there_was_anything_to_decide() -> None:
    assert moment({life(None, "2025-12-31T00:00Z"): True}) is None


def test_nothing_wanted_is_had_at_any_time() -> None:
    assert moment({}) is not None


@pytest.mark.parametrize(
    "wanted",
    [
        {OFFICE: True, WEEKEND: True},
        {life("2026-01-01T00:00Z", None): True, life(None, "2026-01-01T00:00Z"): True},
        # The clocks jump over this hour on this one Sunday.
        {SKIPPED: True, life("2026-03-29T00:00Z", "2026-03-29T22:00Z"): True},
        # A freeze from Friday evening to Monday morning holds no office hour.
        {OFFICE: True, life("2026-11-27T17:00Z", "2026-11-30T07:00Z"): True},
        # New York is 4, 5 or 6 hours behind Berlin: never 8.
        {
            window("Europe/Berlin", "12:00", "12:30"): True,
            window("America/New_York", "04:00", "04:30"): True,
        },
    ],
)
def test_what_never_comes_is_not_found(wanted: dict[TimeCondition, bool]) -> None:
    assert moment(wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        {SKIPPED: True, life("2026-10-24T22:00Z", "2026-10-25T02:00Z"): True},
        # The year ends before the week does.
        {window("UTC", "09:00", "10:00", "mon"): True, life("2026-12-31T00:00Z", None): True},
        # For three weeks a year the two are five hours apart, not six.
        {
            window("Europe/Berlin", "12:00", "12:30"): True,
            window("America/New_York", "07:00", "07:30"): True,
        },
        # A life far ahead, of an hour only.
        {
            window("Europe/Berlin", "09:00", "10:00", "mon"): True,
            life("9998-01-05T08:30Z", "9998-01-05T09:00Z"): True,
        },
        {window("UTC", "23:00", "01:00", "sun"): True, WEEKEND: False},
    ],
)
def test_what_comes_but_rarely_is_found(wanted: dict[TimeCondition, bool]) -> None:
    found = moment(wanted)
    assert found is not None
    assert all(one.holds(found) == want for one, want in wanted.items())


HOURS = st.sampled_from(["00:00", "02:30", "08:00", "17:59", "22:00"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca"])
INSTANTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 30)).map(  # noqa: DTZ001
    lambda time: time.replace(tzinfo=UTC).isoformat()
)
DAYS = st.lists(st.sampled_from(["mon", "wed", "sat", "sun"]), max_size=2, unique=True)
windows = st.tuples(ZONES, HOURS, HOURS, DAYS).filter(lambda w: w[1] != w[2])
conditions = windows.map(lambda w: window(w[0], w[1], w[2], *w[3])) | INSTANTS.map(
    lambda time: life(time, None)
)


@settings(max_examples=150)
@given(
    st.dictionaries(conditions, st.booleans(), min_size=1, max_size=5),
    st.lists(st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)), max_size=50),
)
def test_no_moment_means_none_at_all(
    wanted: dict[TimeCondition, bool], others: list[datetime]
) -> None:
    found = moment(wanted)
    if found is not None:
        assert all(one.holds(found) == want for one, want in wanted.items())
        return
    spring = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=10 * n) for n in range(9_000)]
    for time in [one.replace(tzinfo=UTC) for one in others] + spring:
        assert any(one.holds(time) != want for one, want in wanted.items()), time


def test_offsets_hold_every_offset_of_a_zone() -> None:
    assert offsets_of(ZoneInfo("UTC")) == {0}
    assert offsets_of(ZoneInfo("Europe/Berlin")) == {60, 120}
    assert offsets_of(ZoneInfo("Asia/Kathmandu")) == {345}


def test_no_clock_in_the_world_changes_twice_within_three_days() -> None:
    # The search looks at every third day: a change and its opposite in between would be missed.
    gaps = [gap for zone in available_timezones() for gap in gaps_between_changes(zone)]
    assert len(gaps) > 100
    assert min(gaps) > timedelta(days=3)


def gaps_between_changes(zone: str) -> list[timedelta]:
    """Read the instants at which the offset changes from the zone's own compiled file."""
    data = compiled(zone)

    def header(start: int) -> tuple[int, ...]:
        return struct.unpack(">6l", data[start + 20 : start + 44])

    utc, standard, leaps, times, types, letters = header(0)
    start = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc
    _, _, _, times, types, _ = header(start)
    start += 44
    instants = struct.unpack(f">{times}q", data[start : start + 8 * times])
    kinds = data[start + 8 * times : start + 9 * times]
    table = start + 9 * times
    offsets = [
        struct.unpack(">l", data[table + 6 * n : table + 6 * n + 4])[0] for n in range(types)
    ]
    seen = [(at, offsets[kind]) for at, kind in zip(instants, kinds, strict=True)]
    changes = [at for (_, before), (at, after) in pairwise(seen) if before != after]
    since = [at for at in changes if at >= EARLIEST.timestamp()]
    return [timedelta(seconds=later - earlier) for earlier, later in pairwise(since)]


def compiled(zone: str) -> bytes:
    for folder in TZPATH:
        if (file := Path(folder, zone)).is_file():
            return file.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
