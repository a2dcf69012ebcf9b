"""The catalogue of facts: what policy may know, and what a well-formed reading looks like.

Answers  which facts exist, their type, meaning and source, and who is able to change them.
Never    reads the world, and never guesses: what is not well-formed is not a value.
Rules    - text compares after NFKC and case folding, ids in lower case; both sides fold alike.
         - a blank text, a negative count, a local time or a list with one bad entry is mistyped.
         - a fact that cannot apply to a target is given as false or as an empty list by whoever
           read that; a fact that was not read is left out, and is then Unknown.
         - `values` is the closed vocabulary that lint holds rules to; it changes no decision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from unicodedata import normalize

Value = str | int | bool | frozenset[str] | datetime


class Kind(StrEnum):
    """The type of a fact, in the words an error uses."""

    TEXT = "a text"
    ID = "an id"
    TEXTS = "a list of texts"
    IDS = "a list of ids"
    COUNT = "a whole number from 0"
    TRUTH = "true or false"
    TIME = "a time with its offset"


@dataclass(frozen=True, slots=True)
class FactType:
    """One row of the catalogue."""

    name: str
    kind: Kind
    meaning: str
    source: str
    set_by: str
    values: tuple[str, ...] = ()


def fold(text: str) -> str:
    """Give the form under which two texts are the same text."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _text(raw: object) -> str | None:
    return fold(raw) if isinstance(raw, str) and raw.strip() else None


def _id(raw: object) -> str | None:
    return raw.lower() if isinstance(raw, str) and raw.strip() else None


def _set_of(read: Callable[[object], str | None]) -> Callable[[object], frozenset[str] | None]:
    def read_all(raw: object) -> frozenset[str] | None:
        if not isinstance(raw, list | tuple | set | frozenset):
            return None
        items = [read(item) for item in raw]
        # One entry in doubt puts the whole list in doubt: `none of` must not pass by accident.
        return None if None in items else frozenset(item for item in items if item is not None)

    return read_all


def _count(raw: object) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None


def _truth(raw: object) -> bool | None:
    return raw if isinstance(raw, bool) else None


def _time(raw: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
        # The years leave every time zone room to convert without leaving the calendar.
        if isinstance(time, datetime) and time.utcoffset() is not None and 1970 < time.year < 9999:
            return time.astimezone(UTC)
    except ValueError:
        return None
    return None


_READERS: Mapping[Kind, Callable[[object], Value | None]] = {
    Kind.TEXT: _text,
    Kind.ID: _id,
    Kind.TEXTS: _set_of(_text),
    Kind.IDS: _set_of(_id),
    Kind.COUNT: _count,
    Kind.TRUTH: _truth,
    Kind.TIME: _time,
}


def reading(kind: Kind, raw: object) -> Value | None:
    """Turn a raw value into the form that is compared; None if it is not of that kind."""
    return _READERS[kind](raw)


EFFECTS = (
    "grants_access",
    "grants_power",
    "weakens_protection",
    "discloses_secret",
    "destroys",
    "consents",
    "changes_warrant",
)
_FLAGS = ("at_risk", "disabled", "security_hold", "break_glass", "leaver")

_CATALOGUE = (
    FactType("action.id", Kind.TEXT, "the kind of change", "agent.actions", "this code"),
    FactType("action.family", Kind.TEXT, "its family, e.g. group", "agent.actions", "this code"),
    FactType(
        "action.risk", Kind.COUNT, "0 none, 1 low .. 4 critical", "agent.actions", "this code"
    ),
    FactType("action.reversible", Kind.TRUTH, "it has an exact undo", "agent.actions", "this code"),
    FactType(
        "action.undo",
        Kind.TRUTH,
        "it takes back a change that Warrant verified as its own, in the same request",
        "the executor, while compensating",
        "this code",
    ),
    FactType(
        "action.effects",
        Kind.TEXTS,
        "what kind of power it moves; empty for none of these",
        "agent.actions",
        "this code",
        EFFECTS,
    ),
    FactType("requester.id", Kind.ID, "who asks", "validated token, oid", "Entra"),
    FactType("requester.department", Kind.TEXT, "where they work", "Entra user", "user admins"),
    FactType("requester.groups", Kind.IDS, "all groups, nested too", "Graph, all pages", "owners"),
    FactType(
        "requester.roles",
        Kind.TEXTS,
        "active directory roles, by template name: the fact layer maps role template ids to it",
        "Entra role assignments",
        "role admins",
    ),
    FactType(
        "requester.kind",
        Kind.TEXT,
        "kind of account",
        "Entra userType",
        "Entra",
        ("member", "guest"),
    ),
    FactType("requester.flags", Kind.TEXTS, "what is wrong", "Entra, security", "security", _FLAGS),
    FactType("target.type", Kind.TEXT, "group, user, site ...", "Graph", "Microsoft"),
    FactType("target.id", Kind.ID, "the one object that changes", "Graph", "Microsoft"),
    FactType("target.tags", Kind.TEXTS, "its classification", "Targets table", "tenant admins"),
    FactType("target.department", Kind.TEXT, "whose it is", "Targets table", "tenant admins"),
    FactType(
        "target.subject",
        Kind.TEXT,
        "whom the change concerns: the requester or someone else",
        "the step's arguments",
        "this code",
        ("self", "other"),
    ),
    FactType("target.owner_is_requester", Kind.TRUTH, "they own it", "Graph owners", "owners"),
    FactType("target.privileged", Kind.TRUTH, "it holds power over others", "Graph", "role admins"),
    FactType("target.role_assignable", Kind.TRUTH, "roles go to it", "Graph group", "role admins"),
    FactType(
        "target.same_department",
        Kind.TRUTH,
        "requester and target are of one department",
        "derived here from both departments, never given",
        "nobody",
    ),
    FactType("runtime.now", Kind.TIME, "the time of the decision", "the clock port", "this code"),
    FactType("runtime.channel", Kind.TEXT, "where it was asked", "the channel", "this code"),
    FactType("runtime.sign_in_age_minutes", Kind.COUNT, "since sign-in", "token", "Entra"),
    FactType("runtime.sign_in_risk", Kind.COUNT, "0 none, 1 low .. 3 high", "Entra", "Entra"),
    FactType("runtime.device_compliant", Kind.TRUTH, "device in order", "Intune", "device admins"),
    FactType(
        "runtime.bulk_count", Kind.COUNT, "objects this plan changes", "the plan", "this code"
    ),
    FactType(
        "runtime.changes_last_hour",
        Kind.COUNT,
        "changes for this requester, this plan's included",
        "the budget of the tenant",
        "this code",
    ),
    FactType(
        "runtime.subjects_last_hour",
        Kind.COUNT,
        "different people touched for this requester, this plan's included",
        "the budget of the tenant",
        "this code",
    ),
    FactType(
        "runtime.licences_last_hour",
        Kind.COUNT,
        "licences taken or freed in this tenant, this plan's included",
        "the budget of the tenant",
        "this code",
    ),
    FactType(
        "runtime.privileged_last_hour",
        Kind.COUNT,
        "touches of privileged objects in this tenant, this plan's included",
        "the budget of the tenant",
        "this code",
    ),
    FactType(
        "plan.actions",
        Kind.TEXTS,
        "every kind of change in the plan, this one among them",
        "the plan",
        "this code",
    ),
    FactType(
        "plan.before",
        Kind.TEXTS,
        "the kinds of change that the plan makes before this one",
        "the plan",
        "this code",
    ),
    FactType("plan.subjects", Kind.COUNT, "different people it touches", "the plan", "this code"),
    FactType("plan.licences", Kind.COUNT, "licences it takes or frees", "the plan", "this code"),
    FactType(
        "plan.privileged",
        Kind.COUNT,
        "how often it touches a privileged object",
        "the plan",
        "this code",
    ),
)

FACTS: Mapping[str, FactType] = MappingProxyType({fact.name: fact for fact in _CATALOGUE})
SAME_DEPARTMENT = "target.same_department"
