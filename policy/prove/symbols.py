"""One symbol for each fact, for the doubt about it, and for each word that a condition looks for.

Answers  what a condition means as a formula, and what is true of every request.
Never    stands for less than there is: whatever a query can be, some choice of symbols is.
Rules    - every fact may be missing; what it would be then binds nothing.
         - a text is a number: the words that rules use from 0 on, every other text above them. So
           two departments that no rule names can be one department or two.
         - a list is one truth for each word that is looked for in it; no condition sees the rest.
         - hours are exact in each zone; how zones and rule lives lie together is bounded here, and
           held to real moments by the search.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from policy.axioms import AXIOMS, Axiom, Relation
from policy.conditions import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Equals,
    Membership,
    NoneOf,
    Validity,
    Window,
)
from policy.facts import FACTS, SAME_DEPARTMENT, Kind
from policy.prove.solver import z3
from policy.prove.timeline import (
    DAY_MINUTES,
    EARLIEST,
    LATEST,
    WEEK_MINUTES,
    TimeCondition,
    offsets_of,
)

Formula = Any  # z3 has no types
DEPARTMENTS = ("requester.department", "target.department")
# Facts whose words are compared with each other share the numbers of their words.
_WORDS_OF = {
    "target.department": "requester.department",
    "plan.actions": "action.id",
    "plan.before": "action.id",
}


class Symbols:
    """The symbols of all facts that some conditions read, and of some more."""

    def __init__(self, conditions: Iterable[Condition], facts: Iterable[str] = ()) -> None:
        self.context = z3.Context()
        self.conditions = tuple(sorted(set(conditions), key=_place))
        asked = {one.fact for one in self.conditions}.union(facts)
        derived = DEPARTMENTS if SAME_DEPARTMENT in asked else ()
        self.facts = tuple(sorted((asked - {SAME_DEPARTMENT}).union(derived)))
        self._meanings: dict[Condition, Formula] = {}
        self._missing = {name: z3.Bool(f"no {name}", self.context) for name in self.facts}
        self.values = {name: self._symbol(name) for name in self.facts}

    def missing(self, fact: str) -> Formula:
        """Say that a fact is not known."""
        if fact == SAME_DEPARTMENT:
            return self.any_of(self._missing[name] for name in DEPARTMENTS)
        return self._missing[fact]

    def holds(self, condition: Condition) -> Formula:
        """Say that a condition holds of its fact, provided the fact is known."""
        if condition not in self._meanings:
            self._meanings[condition] = self._meaning(condition)
        return self._meanings[condition]

    def certainly(self, condition: Condition) -> Formula:
        """Say that the fact is known and the condition holds of it."""
        return z3.And(z3.Not(self.missing(condition.fact)), self.holds(condition))

    def possibly(self, condition: Condition) -> Formula:
        """Say that the condition holds, or that nobody knows."""
        return z3.Or(self.missing(condition.fact), self.holds(condition))

    def all_of(self, formulas: Iterable[Formula]) -> Formula:
        """Give the conjunction; of nothing, the truth."""
        return z3.And(*some) if (some := [*formulas]) else z3.BoolVal(True, self.context)

    def any_of(self, formulas: Iterable[Formula]) -> Formula:
        """Give the disjunction; of nothing, the falsehood."""
        return z3.Or(*some) if (some := [*formulas]) else z3.BoolVal(False, self.context)

    def code(self, fact: str, word: str) -> int:
        """Give the number of a word that rules use."""
        return self.words(fact)[word]

    def words(self, fact: str) -> Mapping[str, int]:
        """Give the words that rules use for a fact, each with its number, in that order."""
        return self._words[_WORDS_OF.get(fact, fact)]

    @cached_property
    def domain(self) -> tuple[Formula, ...]:
        """Give what is true of the symbols whatever the request."""
        numbers = (Kind.COUNT, Kind.TEXT, Kind.ID)
        counted = [self.values[name] >= 0 for name in self.facts if FACTS[name].kind in numbers]
        life = [micros(EARLIEST) <= self.instant, self.instant < micros(LATEST)]
        week = [self.utc_minute >= 0, self.utc_minute < WEEK_MINUTES]
        return (*counted, *life, *week, *(self._on_the_wall(zone) for zone in self.zones.values()))

    @cached_property
    def axioms(self) -> Mapping[Axiom, Formula]:
        """Give the axioms that bind two of these facts."""
        return {
            axiom: self.any_of(
                [self._missing[axiom.fact], self._missing[axiom.other], self._related(axiom)]
            )
            for axiom in AXIOMS
            if axiom.fact in self.facts and axiom.other in self.facts
        }

    @cached_property
    def times(self) -> tuple[TimeCondition, ...]:
        """Give every condition that looks at the clock."""
        return tuple(one for one in self.conditions if isinstance(one, Window | Validity))

    @cached_property
    def zones(self) -> Mapping[str, ZoneInfo]:
        """Give every zone that has hours."""
        return {one.zone.key: one.zone for one in self.times if isinstance(one, Window)}

    @cached_property
    def instant(self) -> Formula:
        """The time of the decision, in microseconds; rule lives look at it."""
        return z3.Int("instant", self.context)

    @cached_property
    def utc_minute(self) -> Formula:
        """The minute of the week in UTC; it ties the walls of all zones together."""
        return z3.Int("week", self.context)

    def wall_minute(self, zone: str) -> Formula:
        """The minute of the week on the wall of a zone; hours look at it."""
        return z3.Int(f"week {zone}", self.context)

    def _symbol(self, fact: str) -> Formula:
        match FACTS[fact].kind:
            case Kind.TRUTH:
                return z3.Bool(fact, self.context)
            case Kind.TEXTS | Kind.IDS:
                return {
                    word: z3.Bool(f"{fact} {self.code(fact, word)}", self.context)
                    for one in self.conditions
                    if isinstance(one, AnyOf | NoneOf) and one.fact == fact
                    for word in sorted(one.words)
                }
            case _:
                return z3.Int(fact, self.context)

    @cached_property
    def _words(self) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, set[str]] = {_WORDS_OF.get(name, name): set() for name in self.facts}
        for one in self.conditions:
            if one.fact != SAME_DEPARTMENT:
                found[_WORDS_OF.get(one.fact, one.fact)] |= words_of(one)
        return {name: {w: n for n, w in enumerate(sorted(words))} for name, words in found.items()}

    def _meaning(self, condition: Condition) -> Formula:
        match condition:
            case Equals(fact=fact) if fact == SAME_DEPARTMENT:
                one, other = (self.values[name] for name in DEPARTMENTS)
                return one == other if condition.wanted else one != other
            case Equals(fact=fact, wanted=bool(wanted)):
                return self.values[fact] if wanted else z3.Not(self.values[fact])
            case Membership(fact=fact) | Equals(fact=fact):
                value = self.values[fact]
                return self.any_of(value == self.code(fact, w) for w in sorted(words_of(condition)))
            case AnyOf(fact=fact, words=words):
                return self.any_of(self.values[fact][word] for word in sorted(words))
            case NoneOf(fact=fact, words=words):
                return z3.Not(self.any_of(self.values[fact][word] for word in sorted(words)))
            case AtLeast(fact=fact, bound=bound):
                return self.values[fact] >= bound
            case AtMost(fact=fact, bound=bound):
                return self.values[fact] <= bound
            case Validity(valid_from=begins, valid_until=ends):
                begun = [self.instant >= micros(begins)] if begins else []
                return self.all_of(begun + ([self.instant < micros(ends)] if ends else []))
            case Window():
                minute = self.wall_minute(condition.zone.key)
                hours = _open_minutes(condition)
                return self.any_of(z3.And(minute >= a, minute < b) for a, b in hours)
        raise TypeError(f"expected a condition with a formula, saw `{type(condition).__name__}`")

    def _related(self, axiom: Axiom) -> Formula:
        one, other = self.values[axiom.fact], self.values[axiom.other]
        match axiom.relation:
            case Relation.CONTAINS:
                links = ((word, other == self.code(axiom.other, word)) for word in sorted(one))
                return self.all_of(z3.Implies(named, one[word]) for word, named in links)
            case Relation.INCLUDES:
                both = sorted(one.keys() & other.keys())
                return self.all_of(z3.Implies(other[word], one[word]) for word in both)
            case Relation.AT_MOST:
                return one <= other

    def _on_the_wall(self, zone: ZoneInfo) -> Formula:
        wall, utc = self.wall_minute(zone.key), self.utc_minute
        turns = (-WEEK_MINUTES, 0, WEEK_MINUTES)
        shifts = [offset + turn for offset in sorted(offsets_of(zone)) for turn in turns]
        within = z3.And(wall >= 0, wall < WEEK_MINUTES)
        return z3.And(within, self.any_of(wall == utc + shift for shift in shifts))


def words_of(condition: Condition) -> frozenset[str]:
    """Give the words a condition looks for, as they are compared."""
    match condition:
        case Membership(words=words) | AnyOf(words=words) | NoneOf(words=words):
            return words
        case Equals(wanted=str(word)):
            return frozenset({word})
        case _:
            return frozenset()


def _place(condition: Condition) -> tuple[str, str, list[str], str]:
    """Give a place that is the same in every run: a set of words has none of its own."""
    words = sorted(words_of(condition))
    return condition.selector, type(condition).__name__, words, "" if words else repr(condition)


def micros(time: datetime) -> int:
    """Give a time as the number that stands for it."""
    return (time - EARLIEST) // timedelta(microseconds=1)


def _open_minutes(window: Window) -> list[tuple[int, int]]:
    """Give the minutes of the week at which a window is open, as half-open pieces."""
    pieces = []
    for day in sorted(window.days):
        start = day * DAY_MINUTES
        if window.opens < window.closes:
            pieces.append((start + window.opens, start + window.closes))
        else:
            next_day = (day + 1) % 7 * DAY_MINUTES
            pieces += [
                (start + window.opens, start + DAY_MINUTES),
                (next_day, next_day + window.closes),
            ]
    return pieces
