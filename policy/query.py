"""One question to policy: the facts of one change, each of them Known or Unknown.

Answers  what is known for this decision, and what is not, and why not.
Never    raises on the content of a fact, and never turns doubt into a value.
Rules    - missing or null is Unknown; mistyped is Unknown with an error noted.
         - an error names the fact and the type seen, never the value: it may be personal.
         - a name outside the catalogue is a fault of the caller, and raises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from policy.facts import FACTS, SAME_DEPARTMENT, FactType, Value, reading


@dataclass(frozen=True, slots=True)
class Known:
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
        given = {name: _section(name, facts.get(name), errors) for name in _SECTIONS}
        if strange := [*_strange_names(facts, given)]:
            raise UnknownFact(f"unknown fact {', '.join(strange)}: expected one of {_EXPECTED}")
        known: dict[str, Fact] = {}
        for fact, section, leaf in _GIVEN:
            known[fact.name] = _fact(fact, given[section].get(leaf), errors)
        known[SAME_DEPARTMENT] = _same_department(known)
        return cls(MappingProxyType(known), tuple(errors))


_GIVEN: tuple[tuple[FactType, str, str], ...] = tuple(
    (fact, section, leaf)
    for name, fact in FACTS.items()
    if name != SAME_DEPARTMENT
    for section, _, leaf in [name.partition(".")]
)
_SECTIONS = tuple(dict.fromkeys(section for _, section, _ in _GIVEN))
_EXPECTED = ", ".join(fact.name for fact, _, _ in _GIVEN)
_NAMES = frozenset(fact.name for fact, _, _ in _GIVEN)


def _section(name: str, raw: object, errors: list[str]) -> Mapping[object, object]:
    if isinstance(raw, Mapping):
        return raw
    if raw is not None:
        errors.append(f"`{name}` must hold named facts, not `{type(raw).__name__}`")
    return {}


def _strange_names(
    facts: Mapping[str, object], given: Mapping[str, Mapping[object, object]]
) -> Iterator[str]:
    yield from (f"`{name}`" for name in facts if name not in given)
    for section, names in given.items():
        yield from (f"`{section}.{n}`" for n in names if f"{section}.{n}" not in _NAMES)


def _fact(fact: FactType, raw: object, errors: list[str]) -> Fact:
    if raw is None:
        return Unknown("not given")
    if isinstance(raw, Unknown):
        return raw
    read = raw if isinstance(raw, Known) else None
    value = reading(fact.kind, read.value if read else raw)
    if value is None:
        errors.append(f"`{fact.name}` must be {fact.kind}, not this `{type(raw).__name__}`")
        return Unknown(f"mistyped: expected {fact.kind}")
    return Known(value, read.source, read.read_at) if read else Known(value)


def _same_department(known: Mapping[str, Fact]) -> Fact:
    theirs, its = known["requester.department"], known["target.department"]
    if isinstance(theirs, Known) and isinstance(its, Known):
        return Known(theirs.value == its.value, "derived")
    return Unknown("a department is unknown")
