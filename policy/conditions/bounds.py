"""Inclusive bounds on a whole number."""

from dataclasses import dataclass
from typing import ClassVar, Self

from policy.facts import Kind


@dataclass(frozen=True, slots=True)
class _Bound:
    reads: ClassVar = frozenset({Kind.COUNT})
    selector: str
    fact: str
    bound: int

    @classmethod
    def of(cls, selector: str, fact: str, written: int) -> Self:
        return cls(selector, fact, written)


class AtLeast(_Bound):
    """The value is the bound or more."""

    def holds(self, value: int) -> bool:
        return value >= self.bound


class AtMost(_Bound):
    """The value is the bound or less."""

    def holds(self, value: int) -> bool:
        return value <= self.bound
