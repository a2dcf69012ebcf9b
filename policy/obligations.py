"""What must be done for a permit to stand, and how several demands become one.

Answers  what is owed after every rule that demands something has been heard.
Never    relaxes: of two demands of one kind, each part that is stricter survives.
Rules    - approvals by the same `by`: largest quorum, shortest expiry, `before` over `provisional`.
         - approvals by different `by` are all owed; time_bound and step_up: the shortest.
         - notify, ticket and justify: the union.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_ISO_DURATION = re.compile(
    r"P(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,9})S)?)?"
)
GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@lru_cache(maxsize=4096)
def duration(text: str) -> timedelta:
    """Give the length of an ISO 8601 duration of days, hours, minutes and seconds.

    Raises ValueError for anything else: a month has no length, and nothing takes no time.
    """
    found = _ISO_DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(n or 0) for n in found.groups()) if found else (0,) * 4
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not length or text.endswith("T"):
        raise ValueError(f"expected a duration such as PT8H or P30D, saw `{text}`")
    return length


def _checked(text: str) -> str:
    duration(text)
    return text


Duration = Annotated[str, AfterValidator(_checked)]
"""An ISO 8601 duration as it was written; `duration` gives its length."""

Approver = Annotated[
    str, StringConstraints(pattern=rf"^(?i:resource_owner|manager|group:{GUID})$", to_lower=True)
]
"""Who approves: `resource_owner`, `manager`, or `group:` and the group's object id."""

Audience = Annotated[
    str,
    StringConstraints(
        pattern=rf"^(?i:requester|resource_owner|manager|group:{GUID})$", to_lower=True
    ),
]
"""Who is told: `requester`, `resource_owner`, `manager`, or `group:` and the group's object id."""


class _Owed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Approval(_Owed):
    """Persons other than the requester must say yes."""

    kind: Literal["approval"]
    by: Approver
    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    expires_after: Duration
    when: Literal["before", "provisional"] = "before"


class TimeBound(_Owed):
    """What is granted ends by itself."""

    kind: Literal["time_bound"]
    max: Duration


class StepUp(_Owed):
    """The requester must have proven themselves freshly."""

    kind: Literal["step_up"]
    max_age: Duration


class Justify(_Owed):
    """The requester must give a reason."""

    kind: Literal["justify"]


class Notify(_Owed):
    """Someone must be told."""

    kind: Literal["notify"]
    who: Audience


class Ticket(_Owed):
    """A ticket must carry the change."""

    kind: Literal["ticket"]


Obligation = Annotated[
    Approval | TimeBound | StepUp | Justify | Notify | Ticket, Field(discriminator="kind")
]


def merge(obligations: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """Give all that is owed, each kind and person once, in an order that storage cannot change."""
    merged: dict[tuple[str, str], Obligation] = {}
    for owed in obligations:
        key = _key(owed)
        before = merged.get(key, owed)
        merged[key] = owed if owed == before else _both(before, owed)
    return tuple(merged[key] for key in sorted(merged))


def _key(owed: Obligation) -> tuple[str, str]:
    match owed:
        case Approval(by=person) | Notify(who=person):
            return owed.kind, person
        case _:
            return owed.kind, ""


def _both(one: Obligation, other: Obligation) -> Obligation:
    """Give the one obligation whose discharge discharges both; their keys are equal."""
    match one, other:
        case Approval(), Approval():
            return Approval(
                kind=one.kind,
                by=one.by,
                quorum=max(one.quorum, other.quorum),
                expires_after=_shorter(one.expires_after, other.expires_after),
                when="before" if "before" in (one.when, other.when) else "provisional",
            )
        case TimeBound(), TimeBound():
            return TimeBound(kind=one.kind, max=_shorter(one.max, other.max))
        case StepUp(), StepUp():
            return StepUp(kind=one.kind, max_age=_shorter(one.max_age, other.max_age))
        case _:
            return one


def _shorter(one: str, other: str) -> str:
    return min(one, other, key=lambda text: (duration(text), text))
