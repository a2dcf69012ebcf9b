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
from typing import Any, cast
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
    if text.isascii():
        return text.lower()  # what the other line gives for these, at a fifth of its cost
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _text(raw: object) -> str | None:
    return fold(raw) if isinstance(raw, str) and raw.strip() else None


def _id(raw: object) -> str | None:
    return raw.lower() if isinstance(raw, str) and raw.strip() else None


def _set_of(read: Callable[[object], str | None]) -> Callable[[object], frozenset[str] | None]:
    def read_all(raw: object) -> frozenset[str] | None:
        if not isinstance(raw, list | tuple | set | frozenset):
            return None
        items = frozenset(map(read, raw))
        # One entry in doubt puts the whole list in doubt: `none of` must not pass by accident.
        return None if None in items else cast(frozenset[str], items)

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


READERS: Mapping[Kind, Callable[[object], Value | None]] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.ID: _id,
        Kind.TEXTS: _set_of(_text),
        Kind.IDS: _set_of(_id),
        Kind.COUNT: _count,
        Kind.TRUTH: _truth,
        Kind.TIME: _time,
    }
)
"""For each kind, what turns a raw value into the form that is compared, or None if mistyped."""

_POWERS = ("grants_access", "grants_power", "weakens_protection", "discloses_secret")
EFFECTS = (*_POWERS, "destroys", "consents", "changes_warrant")
_FLAGS = ("at_risk", "disabled", "security_hold", "break_glass", "leaver")

_CODE, _CATALOG, _BUDGET = "this code", "agent.actions", "the budget of the tenant"
_ROWS: Mapping[str, tuple[tuple[Any, ...], ...]] = {
    "action": (
        ("id", Kind.TEXT, "the kind of change", _CATALOG, _CODE),
        ("family", Kind.TEXT, "its family, e.g. group", _CATALOG, _CODE),
        ("risk", Kind.COUNT, "0 none, 1 low .. 4 critical", _CATALOG, _CODE),
        ("reversible", Kind.TRUTH, "it has an exact undo", _CATALOG, _CODE),
        ("undo", Kind.TRUTH, "takes back a change verified as its own", "executor", _CODE),
        ("effects", Kind.TEXTS, "the kinds of power it moves, or none", _CATALOG, _CODE, EFFECTS),
    ),
    "requester": (
        ("id", Kind.ID, "who asks", "validated token, oid", "Entra"),
        ("department", Kind.TEXT, "where they work", "Entra user", "user admins"),
        ("groups", Kind.IDS, "all groups, nested too", "Graph, all pages", "owners"),
        ("roles", Kind.TEXTS, "active roles, by template name", "Entra roles", "role admins"),
        ("kind", Kind.TEXT, "kind of account", "Entra userType", "Entra", ("member", "guest")),
        ("flags", Kind.TEXTS, "what is wrong", "Entra, security", "security", _FLAGS),
    ),
    "target": (
        ("type", Kind.TEXT, "group, user, site ...", "Graph", "Microsoft"),
        ("id", Kind.ID, "the one object that changes", "Graph", "Microsoft"),
        ("tags", Kind.TEXTS, "its classification", "Targets table", "tenant admins"),
        ("department", Kind.TEXT, "whose it is", "Targets table", "tenant admins"),
        ("subject", Kind.TEXT, "whom it concerns", "arguments", _CODE, ("self", "other")),
        ("owner_is_requester", Kind.TRUTH, "they own it", "Graph owners", "owners"),
        ("privileged", Kind.TRUTH, "it holds power over others", "Graph", "role admins"),
        ("role_assignable", Kind.TRUTH, "roles go to it", "Graph group", "role admins"),
        ("same_department", Kind.TRUTH, "it is theirs", "derived from both departments", "nobody"),
    ),
    "runtime": (
        ("now", Kind.TIME, "the time of the decision", "the clock port", _CODE),
        ("channel", Kind.TEXT, "where it was asked", "the channel", _CODE),
        ("sign_in_age_minutes", Kind.COUNT, "since sign-in", "token", "Entra"),
        ("sign_in_risk", Kind.COUNT, "0 none, 1 low .. 3 high", "Entra", "Entra"),
        ("device_compliant", Kind.TRUTH, "device in order", "Intune", "device admins"),
        ("bulk_count", Kind.COUNT, "objects this plan changes", "the plan", _CODE),
        ("changes_last_hour", Kind.COUNT, "changes for this requester", _BUDGET, _CODE),
        # The budget counts what this plan would touch as well.
        ("subjects_last_hour", Kind.COUNT, "people touched for this requester", _BUDGET, _CODE),
        ("licences_last_hour", Kind.COUNT, "licences taken or freed here", _BUDGET, _CODE),
        ("privileged_last_hour", Kind.COUNT, "touches of privileged objects", _BUDGET, _CODE),
    ),
    "plan": (
        ("actions", Kind.TEXTS, "every kind of change in it, this one too", "the plan", _CODE),
        ("before", Kind.TEXTS, "the kinds of change it makes before this", "the plan", _CODE),
        ("subjects", Kind.COUNT, "different people it touches", "the plan", _CODE),
        ("licences", Kind.COUNT, "licences it takes or frees", "the plan", _CODE),
        ("privileged", Kind.COUNT, "its touches of privileged objects", "the plan", _CODE),
    ),
}

FACTS: Mapping[str, FactType] = MappingProxyType(
    {
        f"{to}.{name}": FactType(f"{to}.{name}", *row)
        for to, rows in _ROWS.items()
        for name, *row in rows
    }
)
SAME_DEPARTMENT = "target.same_department"
