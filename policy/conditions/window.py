"""Conditions on the time of the decision: weekly hours, and the life of a rule.

Rules  - a window is half-open, in its own time zone's wall-clock time; from > to wraps past
         midnight, and `days` then names the day on which the window opens.
       - wall-clock time means: an hour that daylight saving skips opens nothing, an hour that it
         repeats is inside twice.
       - a validity is half-open: from the first instant, until but not at the last.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from policy.facts import Kind

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = get_args(Day)
_HOUR = r"([01][0-9]|2[0-3]):[0-5][0-9]"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"expected an IANA time zone, saw `{name}`") from unknown
    return name


class WindowHours(BaseModel):
    """Weekly hours as a rule writes them; without days, every day."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # Area/City or UTC only: names such as `localtime` mean another thing on another machine.
    tz: Annotated[
        str, Field(pattern=r"^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})$"), AfterValidator(_zone)
    ]
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = _DAYS
    from_: Annotated[str, Field(alias="from", pattern=rf"^{_HOUR}$")]
    to: Annotated[str, Field(pattern=rf"^({_HOUR}|24:00)$")]

    @model_validator(mode="after")
    def _opens_and_closes(self) -> Self:
        if self.from_ == self.to:
            raise ValueError(f"expected two different times, saw `{self.to}` twice")
        return self


def _minute(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class Window:
    """The time is inside weekly hours."""

    reads: ClassVar = frozenset({Kind.TIME})
    selector: str
    fact: str
    zone: ZoneInfo
    days: frozenset[int]
    opens: int
    closes: int

    @classmethod
    def of(cls, selector: str, fact: str, written: WindowHours) -> Self:
        days = frozenset(_DAYS.index(day) for day in written.days)
        opens, closes = _minute(written.from_), _minute(written.to)
        return cls(selector, fact, ZoneInfo(written.tz), days, opens, closes)

    def holds(self, value: datetime) -> bool:
        local = value.astimezone(self.zone)
        today, minute = local.weekday(), local.hour * 60 + local.minute
        if self.opens < self.closes:
            return today in self.days and self.opens <= minute < self.closes
        yesterday = (today - 1) % 7
        return (today in self.days and minute >= self.opens) or (
            yesterday in self.days and minute < self.closes
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """The time is inside the life of the rule."""

    reads: ClassVar = frozenset({Kind.TIME})
    selector: str
    fact: str
    valid_from: datetime | None
    valid_until: datetime | None

    @classmethod
    def of(cls, selector: str, fact: str, written: tuple[datetime | None, datetime | None]) -> Self:
        return cls(selector, fact, *written)

    def holds(self, value: datetime) -> bool:
        begun = self.valid_from is None or value >= self.valid_from
        return begun and (self.valid_until is None or value < self.valid_until)
