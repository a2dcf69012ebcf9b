"""Membership of one value, and overlap of two sets; both sides are folded alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from policy.facts import FACTS, Kind, fold


@dataclass(frozen=True, slots=True)
class _Words:
    selector: str
    fact: str
    words: frozenset[str]

    @classmethod
    def of(cls, selector: str, fact: str, written: Iterable[str]) -> Self:
        ids = FACTS[fact].kind in {Kind.ID, Kind.IDS}
        return cls(selector, fact, frozenset(w.lower() if ids else fold(w) for w in written))


class Membership(_Words):
    """The value is one of the words."""

    reads: ClassVar = frozenset({Kind.TEXT, Kind.ID})

    def holds(self, value: str) -> bool:
        return value in self.words


class AnyOf(_Words):
    """At least one of the words is in the value."""

    reads: ClassVar = frozenset({Kind.TEXTS, Kind.IDS})

    def holds(self, value: frozenset[str]) -> bool:
        return not self.words.isdisjoint(value)


class NoneOf(_Words):
    """None of the words is in the value."""

    reads: ClassVar = frozenset({Kind.TEXTS, Kind.IDS})

    def holds(self, value: frozenset[str]) -> bool:
        return self.words.isdisjoint(value)
