"""Moments: a time at which weekly hours and rule lives say what is asked of them, if there is one.

Answers  when some windows are open, some shut, some rules alive and some not, all at once.
Never    gives up early: None means that there is no such moment, from 2026 to the year 9998.
Rules    - what a condition says at a moment is asked of the condition itself, never recomputed.
         - between two changes of the clocks, and within a week, a window turns only on its own
           hours; so those are all the moments that need asking.
         - clocks never change twice within three days (a test holds the zones' own data to that),
           and from 2038 on they repeat every 400 years.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from policy.conditions import Validity, Window

TimeCondition = Window | Validity

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # nobody asked anything before there was a Warrant
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
_REGULAR, _CYCLE = 2038, 400
_WEEK, _SECOND = timedelta(weeks=1), timedelta(seconds=1)
_LOOKS = timedelta(days=3)


def moment(wanted: Mapping[TimeCondition, bool]) -> datetime | None:
    """Give a moment at which every condition says what is wanted of it; None if there is none."""
    windows = [one for one in wanted if isinstance(one, Window)]
    zones = tuple({window.zone.key: window.zone for window in windows}.values())
    tried: set[tuple[timedelta | None, ...]] = set()
    for start, end in _regions(wanted):
        lives = (one.holds(start) == want for one, want in wanted.items() if one not in windows)
        if not all(lives):
            continue
        for begin, until in _stretches(start, end, zones):
            offsets = tuple(begin.astimezone(zone).utcoffset() for zone in zones)
            if offsets in tried:
                continue
            if until - begin >= _WEEK:
                tried.add(offsets)  # the whole week is asked now: no other such week can differ
            for time in _turns(begin, until, windows):
                if all(one.holds(time) == wanted[one] for one in windows):
                    return time
    return None


def week_minute(time: datetime, zone: ZoneInfo) -> int:
    """Give the minute of the week, from Monday 00:00, on the wall of a zone."""
    local = time.astimezone(zone)
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute


@lru_cache(maxsize=256)
def offsets_of(zone: ZoneInfo) -> frozenset[int]:
    """Give every offset from UTC that a zone ever has, in minutes, rounded both ways."""
    found = {EARLIEST.astimezone(zone).utcoffset() or timedelta()}
    for year in range(EARLIEST.year, _REGULAR + _CYCLE):
        found |= {at.astimezone(zone).utcoffset() or timedelta() for at in _changes(zone, year)}
    minute = timedelta(minutes=1)
    return frozenset(way for offset in found for way in (offset // minute, -(-offset // minute)))


def _regions(wanted: Mapping[TimeCondition, bool]) -> Iterator[tuple[datetime, datetime]]:
    """Cut time where a rule's life begins or ends."""
    bounds = {
        bound
        for one in wanted
        if isinstance(one, Validity)
        for bound in (one.valid_from, one.valid_until)
        if bound is not None and EARLIEST < bound < LATEST
    }
    yield from pairwise(sorted({EARLIEST, LATEST} | bounds))


def _stretches(
    start: datetime, end: datetime, zones: Sequence[ZoneInfo]
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a region where a clock changes and at each new year, as far as it does not repeat."""
    if not zones:
        yield start, end
        return
    last = min((end - _SECOND).year, max(start.year, _REGULAR) + _CYCLE)
    for year in range(start.year, last + 1):
        begin, until = max(start, _new_year(year)), min(end, _new_year(year + 1))
        changes = {at for zone in zones for at in _changes(zone, year) if begin < at < until}
        yield from pairwise(sorted({begin, until} | changes))


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=16_384)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """Give the instants of a year at which the clocks of a zone change."""
    looks = [_new_year(year) + n * _LOOKS for n in range(122)] + [_new_year(year + 1)]
    offsets = [at.astimezone(zone).utcoffset() for at in looks]
    found = []
    for (before, after), (old, new) in zip(pairwise(looks), pairwise(offsets), strict=True):
        if old == new:
            continue
        while after - before > _SECOND:
            middle = before + (after - before) // 2
            middle -= timedelta(microseconds=middle.microsecond)
            if middle.astimezone(zone).utcoffset() == old:
                before = middle
            else:
                after = middle
        found.append(after)
    return tuple(found)


def _turns(start: datetime, end: datetime, windows: Sequence[Window]) -> list[datetime]:
    """Give the start of a stretch and every moment of its first week at which a window may turn."""
    found = {start}
    for window in windows:
        now = start.astimezone(window.zone)
        into_week = timedelta(
            days=now.weekday(),
            hours=now.hour,
            minutes=now.minute,
            seconds=now.second,
            microseconds=now.microsecond,
        )
        for day in range(7):
            for minute in (0, window.opens, window.closes):
                turn = timedelta(days=day, minutes=minute)
                found.add(start + (turn - into_week) % _WEEK)
    return sorted(time for time in found if time < end)
