"""From findings to the facts that policy reads: the one place where they are folded.

Rules
- a finding that could not be had is Unknown (None), never a default; policy then denies or demands;
- what is derived (flags, ownership, subject) is derived here only, so that it cannot contradict;
- ids decide; display names never appear here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from agent.actions import Action
from agent.budget import PlannedChange, Spent, Touch, licences, privileged, subjects
from agent.domain import Classification, Finding, Request
from agent.values import Frozen, GroupId, PersonId, StepId

# Entra ID Protection, riskLevel in order (Graph riskyUser resource); `hidden` is not a level
_RISK_LEVELS = {"none": 0, "low": 1, "medium": 2, "high": 3}
_RISKY_STATES = {"atRisk", "confirmedCompromised"}
_PERSON_FLAGS = frozenset({"security_hold", "break_glass", "leaver"})


class Notes:
    """Findings, looked up by question; what was never asked is Unknown like what failed."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._by_key = {(f.lookup, f.about): f for f in findings}

    def seen(self, lookup: str, about: str) -> JsonValue:
        """Return what a lookup saw, or None."""
        finding = self._by_key.get((lookup, about))
        return finding.seen if finding is not None and finding.unknown is None else None

    def answered(self, lookup: str, about: str) -> bool:
        """Whether the lookup was answered at all (its answer may be `nothing there`)."""
        finding = self._by_key.get((lookup, about))
        return finding is not None and finding.unknown is None

    def field(self, lookup: str, about: str, name: str) -> JsonValue:
        """Return one field of what a lookup saw, or None."""
        seen = self.seen(lookup, about)
        return seen.get(name) if isinstance(seen, dict) else None

    def ids(self, lookup: str, about: str, name: str | None = None) -> tuple[str, ...] | None:
        """Return a list of ids or texts a lookup saw, or None when it is Unknown."""
        seen = self.seen(lookup, about) if name is None else self.field(lookup, about, name)
        return tuple(str(item) for item in seen) if isinstance(seen, list) else None

    def group(self, group: GroupId) -> Mapping[str, JsonValue]:
        """Return what was read of a group: by id, or among those found by a name."""
        by_id = self.seen("group", group)
        if isinstance(by_id, dict):
            return by_id
        for lookup, about in self._by_key:
            found = self.field(lookup, about, "groups") if lookup == "resource" else None
            for one in found if isinstance(found, list) else ():
                if isinstance(one, dict) and one.get("id") == group:
                    return one
        return {}


class Moment(Frozen):
    """What is true of this moment and this plan rather than of people or things.

    Every step is decided with the facts of the whole plan; `step` is the one that is asked about,
    and with `undo` the one that would be taken back.
    """

    now: datetime
    plan: tuple[PlannedChange, ...]
    step: StepId
    spent: Spent
    undo: bool = False


def requester_flags(
    notes: Notes, person: PersonId, classed: Classification | None
) -> list[str] | None:
    """Return what is wrong with an account; None (Unknown) unless every source was read."""
    enabled = notes.field("person", person, "enabled")
    state = notes.field("risk", person, "state")
    if not isinstance(enabled, bool) or not isinstance(state, str) or classed is None:
        return None
    flags = [] if enabled else ["disabled"]
    if state in _RISKY_STATES:
        flags.append("at_risk")
    return flags + sorted(classed.tags & _PERSON_FLAGS)


def risk_level(notes: Notes, person: PersonId) -> int | None:
    """Return Entra's risk level as a number, or None where it is hidden or was not read."""
    return _RISK_LEVELS.get(str(notes.field("risk", person, "level")))


def query_facts(
    action: Action[Any],
    request: Request,
    notes: Notes,
    classes: Mapping[str, Classification],
    moment: Moment,
) -> dict[str, JsonValue]:
    """Return the facts of one change, in the shape of CONTRACT's query: plain JSON, to be kept."""
    me = request.requester
    return {
        "action": {
            "id": action.name,
            "family": action.family,
            "risk": action.risk,
            "reversible": action.reversible,
            "undo": moment.undo,
            "effects": list(action.effects),
        },
        "requester": {
            "id": me,
            "department": notes.field("person", me, "department"),
            "groups": _listed(notes.ids("standing", me, "groups")),
            "roles": _listed(notes.ids("standing", me, "roles")),
            "kind": _lower(notes.field("person", me, "kind")),
            "flags": _listed(requester_flags(notes, me, classes.get(me))),
        },
        "target": _target(action, me, notes, classes),
        "runtime": _runtime(request, notes, moment),
        "plan": _plan(action, moment),
    }


def _runtime(request: Request, notes: Notes, moment: Moment) -> dict[str, JsonValue]:
    return {
        "now": moment.now.isoformat(),
        "channel": request.channel,
        "sign_in_age_minutes": _age_minutes(request, moment.now),
        "sign_in_risk": risk_level(notes, request.requester),
        "device_compliant": None,
        "bulk_count": len(moment.plan),
        "changes_last_hour": moment.spent.changes,
        "subjects_last_hour": moment.spent.subjects,
        "licences_last_hour": moment.spent.licences,
        "privileged_last_hour": moment.spent.privileged,
    }


def _plan(action: Action[Any], moment: Moment) -> dict[str, JsonValue]:
    """Return what the plan is as a set, and what it does before this change.

    What is taken back was done before: an undo comes after its own step.
    """
    steps = [change.step for change in moment.plan]
    before = moment.plan[: steps.index(moment.step) + moment.undo]
    touches = [change.touch for change in moment.plan]
    return {
        "actions": _listed({change.action for change in moment.plan} | {action.name}),
        "before": _listed({change.action for change in before}),
        "subjects": subjects(touches),
        "licences": licences(touches),
        "privileged": privileged(touches),
    }


def touch_of(action: Action[Any], notes: Notes, classes: Mapping[str, Classification]) -> Touch:
    """Return what a change touches, as far as it was read.

    Privileged is a change of a target, or to a person, that holds power over others.
    """
    group = notes.group(action.target)
    signs = [group.get("role_assignable")]
    for one in map(classes.get, (action.target, action.subject)):
        signs += [one.privileged if one else None]
    known = all(isinstance(sign, bool) for sign in signs)
    return Touch(
        subject=action.subject,
        licences=action.licences(_count(group.get("licences"))),
        privileged=True if any(sign is True for sign in signs) else (False if known else None),
    )


def _target(
    action: Action[Any], me: PersonId, notes: Notes, classes: Mapping[str, Classification]
) -> dict[str, JsonValue]:
    owners = notes.ids("owners", action.target)
    classed = _with_subject(classes.get(action.target), classes.get(action.subject))
    return {
        "type": "group",
        "id": action.target,
        "tags": _listed(classed.tags if classed else None),
        "department": classed.department if classed else None,
        "subject": "self" if action.subject == me else "other",
        "owner_is_requester": None if owners is None else me in owners,
        "privileged": classed.privileged if classed else None,
        "role_assignable": notes.group(action.target).get("role_assignable"),
    }


def _with_subject(
    target: Classification | None, subject: Classification | None
) -> Classification | None:
    """Return the target's classification with the marks of the person it is done to.

    A change of a group's members touches that person too: a break-glass account stays out of reach
    behind any group. Nothing known of the person leaves the tags Unknown.
    """
    if target is None or subject is None:
        return None
    return target.model_copy(update={"tags": target.tags | (subject.tags & _PERSON_FLAGS)})


def owners_of(notes: Notes, group: GroupId) -> frozenset[PersonId]:
    """Return the owners that were read; nobody where they were not."""
    return frozenset(PersonId(o) for o in notes.ids("owners", group) or ())


def _listed(texts: Iterable[str] | None) -> JsonValue:
    """Return texts in one order, so that equal facts are kept as equal bytes."""
    return None if texts is None else [*sorted(texts)]


def _count(value: JsonValue) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _lower(value: JsonValue) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _age_minutes(request: Request, now: datetime) -> int | None:
    if request.signed_in_at is None:
        return None
    return max(0, int((now - request.signed_in_at).total_seconds() // 60))
