"""One question to policy: the facts of one change, each of them Known or Unknown.

Answers  what is known for this decision, and what is not, and why not.
Never    raises on the content of a fact, and never turns doubt into a value.
Rules    - missing or null is Unknown; mistyped is Unknown with an error noted.
         - an error names the fact and the type seen, never the value: it may be personal.
         - a name outside the catalogue is a fault of the caller, and raises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from policy.facts import FACTS, READERS, SAME_DEPARTMENT, FactType, Value


class Known(NamedTuple):
    """A fact as it was read: its value, where from, and when."""

    value: Value
    source: str = ""
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact nobody could vouch for, and why."""

    reason: str


Fact = Known | Unknown


class UnknownFact(ValueError):  # noqa: N818 - named in the public interface
    """The caller used a name that is not in the catalogue."""


@dataclass(frozen=True, slots=True)
class Query:
    """The facts of one change, complete: every fact of the catalogue is here."""

    facts: Mapping[str, Fact]
    errors: tuple[str, ...] = ()

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> "Query":
        """Read raw facts; a leaf may also be a `Known` (kept with its source) or an `Unknown`.

        Raises UnknownFact for a section or a fact that the catalogue does not have.
        """
        errors: list[str] = []
        strange = [f"`{name}`" for name in facts if name not in _SECTIONS]
        known: dict[str, Fact] = {}
        for section, leaves in _SECTIONS.items():
            given = facts.get(section)
            if not isinstance(given, Mapping):
                if given is not None:
                    seen = type(given).__name__
                    errors.append(f"`{section}` must hold named facts, not `{seen}`")
                given = {}
            for leaf, (fact, read) in leaves.items():
                known[fact.name] = _fact(fact, read, given.get(leaf), errors)
            if not leaves.keys() >= given.keys():
                strange += [f"`{section}.{leaf}`" for leaf in given if leaf not in leaves]
        if strange:
            raise UnknownFact(f"unknown fact {', '.join(strange)}: expected one of {_EXPECTED}")
        known[SAME_DEPARTMENT] = _same_department(known)
        return cls(MappingProxyType(known), tuple(errors))


_GIVEN = [fact for name, fact in FACTS.items() if name != SAME_DEPARTMENT]
_EXPECTED = ", ".join(fact.name for fact in _GIVEN)
_Read = Callable[[object], Value | None]
_SECTIONS: dict[str, dict[str, tuple[FactType, _Read]]] = {}
for _given in _GIVEN:
    _in, _, _leaf = _given.name.partition(".")
    _SECTIONS.setdefault(_in, {})[_leaf] = _given, READERS[_given.kind]


def _fact(fact: FactType, read: _Read, raw: object, errors: list[str]) -> Fact:
    if raw is None:
        return Unknown("not given")
    if isinstance(raw, Unknown):
        return raw
    value = read(raw.value if isinstance(raw, Known) else raw)
    if value is None:
        errors.append(f"`{fact.name}` must be {fact.kind}, not this `{type(raw).__name__}`")
        return Unknown(f"mistyped: expected {fact.kind}")
    return Known(value, raw.source, raw.read_at) if isinstance(raw, Known) else Known(value)


def _same_department(known: Mapping[str, Fact]) -> Fact:
    theirs, its = known["requester.department"], known["target.department"]
    if isinstance(theirs, Known) and isinstance(its, Known):
        return Known(theirs.value == its.value, "derived")
    return Unknown("a department is unknown")
