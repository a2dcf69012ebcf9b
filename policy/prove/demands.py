"""What obligations demand, taken apart: one demand is met or it is not.

Answers  whether one set of obligations asks less than another, and in what.
Never    weighs one kind of demand against another: fewer approvals are not made up by a ticket.
Rules    - an obligation meets a demand of its own kind and person that is no stricter than it is.
         - merged obligations meet exactly the demands that one of them meets: so two rule sets
           can be compared rule by rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from policy.obligations import Approval, Notify, Obligation, StepUp, TimeBound, duration

Aspect = Literal["owed", "quorum", "expires_after", "before", "max", "max_age"]


@dataclass(frozen=True, slots=True, order=True)
class Demand:
    """One thing that is asked for; `bound` is the least quorum, or the longest time in seconds."""

    kind: str
    who: str
    aspect: Aspect
    bound: int = 0

    @property
    def topic(self) -> tuple[str, str, Aspect]:
        """Give what is demanded, without how much of it."""
        return self.kind, self.who, self.aspect

    def met_by(self, owed: Obligation) -> bool:
        """Say whether this obligation asks for at least that much."""
        same = (asked for asked in demands(owed) if asked.topic == self.topic)
        if self.aspect == "quorum":
            return any(asked.bound >= self.bound for asked in same)
        return any(asked.bound <= self.bound for asked in same)


def demands(owed: Obligation) -> Iterator[Demand]:
    """Give every demand that an obligation makes, each as strict as it is made."""
    match owed:
        case Approval(by=who, quorum=quorum, expires_after=expires, when=when):
            yield Demand("approval", who, "owed")
            yield Demand("approval", who, "quorum", quorum)
            yield Demand("approval", who, "expires_after", _seconds(expires))
            if when == "before":
                yield Demand("approval", who, "before")
        case TimeBound(max=longest):
            yield Demand("time_bound", "", "owed")
            yield Demand("time_bound", "", "max", _seconds(longest))
        case StepUp(max_age=longest):
            yield Demand("step_up", "", "owed")
            yield Demand("step_up", "", "max_age", _seconds(longest))
        case Notify(who=who):
            yield Demand("notify", who, "owed")
        case _:
            yield Demand(owed.kind, "", "owed")


def _seconds(text: str) -> int:
    return duration(text) // timedelta(seconds=1)
