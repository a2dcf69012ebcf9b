"""How much is being changed: what one change touches, and what the last hour adds up to.

Rules
- a change counts once, however often it was tried: by request and step;
- a plan counts as a whole: its changes are added to what the hour already holds;
- one figure in doubt puts its sum in doubt (None): a budget is never guessed low;
- changes and people count for one requester, licences and privileged objects for the whole tenant.

Never here: rows, clocks, limits. How much is too much is a rule of policy.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from pydantic import AwareDatetime

from agent.values import Frozen, PersonId, RequestId, StepId

HOUR = timedelta(hours=1)


class Touch(Frozen):
    """What one change touches: whom, how many licences, and whether it is of a privileged object.

    None: nobody could say.
    """

    subject: PersonId
    licences: int | None
    privileged: bool | None

    @property
    def concerns_tenant(self) -> bool:
        """Whether it counts in the budgets of the whole tenant."""
        return self.licences != 0 or self.privileged is not False


class PlannedChange(Frozen):
    """One change of a plan, as far as its budget and its order go."""

    step: StepId
    action: str
    touch: Touch


class Reservation(Frozen):
    """A place that one attempt at one step takes in the budgets of the hour."""

    at: AwareDatetime
    requester: PersonId
    request: RequestId
    step: StepId
    attempt: int
    touch: Touch


class Hour(Frozen):
    """What is reserved in the last hour; None is what could not be read."""

    requester: tuple[Reservation, ...] | None
    tenant: tuple[Reservation, ...] | None


class Spent(Frozen):
    """What the last hour and a plan add up to; None is Unknown."""

    changes: int | None
    subjects: int | None
    licences: int | None
    privileged: int | None


def spent(hour: Hour, request: RequestId, plan: Sequence[PlannedChange]) -> Spent:
    """Return what was changed and is being changed in the last hour, with this plan."""
    mine, everybody = (_once(side, request, plan) for side in (hour.requester, hour.tenant))
    return Spent(
        changes=None if mine is None else len(mine),
        subjects=None if mine is None else subjects(mine),
        licences=None if everybody is None else licences(everybody),
        privileged=None if everybody is None else privileged(everybody),
    )


def _once(
    side: Sequence[Reservation] | None, request: RequestId, plan: Sequence[PlannedChange]
) -> list[Touch] | None:
    """Return what each change touches, once; of the plan's own, what is known of them now."""
    if side is None:
        return None
    touches = {(r.request, r.step): r.touch for r in sorted(side, key=lambda r: r.at)}
    touches |= {(request, change.step): change.touch for change in plan}
    return list(touches.values())


def subjects(touches: Iterable[Touch]) -> int:
    """Return how many different people are touched."""
    return len({touch.subject for touch in touches})


def licences(touches: Iterable[Touch]) -> int | None:
    """Return how many licences are taken or freed, or None when one figure is in doubt."""
    return _sum(touch.licences for touch in touches)


def privileged(touches: Iterable[Touch]) -> int | None:
    """Return how often a privileged object is touched, or None when one touch is in doubt."""
    return _sum(touch.privileged for touch in touches)


def _sum(figures: Iterable[int | None]) -> int | None:
    known = list(figures)
    return None if None in known else sum(figure for figure in known if figure is not None)
