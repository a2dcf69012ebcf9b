"""When does a timer trigger's schedule come round next?

Reads the two forms that the Functions host accepts, NCRONTAB with five or six fields and a
TimeSpan, and answers with the next time after a given one. Pure; all times are UTC.

Rules:
- six fields: second minute hour day month day-of-week; five mean second 0;
- a field is `*`, a number, a range `a-b`, a list, or any of these with a step `/n`;
- months and days of the week may be named (`Jan`, `Mon`); Sunday is 0;
- day and day-of-week must both fit, as NCRONTAB has it (not either, as Unix cron does);
- a TimeSpan `[d.]hh:mm:ss` is a pause between runs.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name.lower(): (number + 1) % 7 for number, name in enumerate(calendar.day_abbr)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 0, 6, _DAYS),
)
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):([0-5]\d):([0-5]\d)")
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_YEARS_AHEAD = 9  # 29 February comes round within eight years


class Schedule(Protocol):
    """Anything that knows its next time."""

    def next_after(self, moment: datetime) -> datetime:
        """The first time after `moment`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A TimeSpan: the same pause after every run."""

    length: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """`moment` and the pause."""
        return moment + self.length


@dataclass(frozen=True, slots=True)
class Cron:
    """An NCRONTAB expression: the allowed numbers of each field."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime:
        """The first second after `moment` that fits; ValueError when none ever does."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(366 * _YEARS_AHEAD):
            if self._fits(day) and (found := self._within(day, start)):
                return found
            day += timedelta(days=1)
        raise ValueError(f"expected a schedule that comes round, saw one that never does: {self}")

    def _fits(self, day: datetime) -> bool:
        weekday = (day.weekday() + 1) % 7
        return day.day in self.days and day.month in self.months and weekday in self.weekdays

    def _within(self, day: datetime, start: datetime) -> datetime | None:
        for hour in self.hours:
            if day.replace(hour=hour, minute=59, second=59) < start:
                continue
            for minute in self.minutes:
                for second in self.seconds:
                    found = day.replace(hour=hour, minute=minute, second=second)
                    if found >= start:
                        return found
        return None


def parse_schedule(text: str) -> Schedule:
    """Read a schedule; ValueError says which field is wrong."""
    if span := _TIME_SPAN.fullmatch(text.strip()):
        days, hours, minutes, seconds = (int(each or 0) for each in span.groups())
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if not length:
            raise ValueError(f"expected a pause longer than nothing, saw {text!r}")
        return Pause(length)
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields.insert(0, "0")
    if len(fields) != len(_FIELDS):
        raise ValueError(f"expected six fields or a TimeSpan, saw {text!r}")
    numbers = [_numbers(given, *each) for given, each in zip(fields, _FIELDS, strict=True)]
    second, minute, hour, day, month, weekday = numbers
    return Cron(second, minute, hour, frozenset(day), frozenset(month), frozenset(weekday))


def _numbers(given: str, name: str, low: int, high: int, words: dict[str, int]) -> tuple[int, ...]:
    allowed: set[int] = set()
    for part in given.split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError(f"expected a {name}, saw {part!r}")
        whole, first, last, step = found.groups()
        begin = low if whole == "*" else _number(first, name, words)
        end = high if whole == "*" or (step and not last) else _number(last or first, name, words)
        if not low <= begin <= end <= high or step == "0":
            raise ValueError(f"expected a {name} from {low} to {high}, saw {part!r}")
        allowed.update(range(begin, end + 1, int(step or 1)))
    return tuple(sorted(allowed))


def _number(word: str, name: str, words: dict[str, int]) -> int:
    if word.isdecimal():
        return int(word)
    known = words.get(word[:3].lower())
    if known is None:
        raise ValueError(f"expected a {name}, saw {word!r}")
    return known
