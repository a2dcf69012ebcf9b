"""Equality with one written value: a truth, or a text after folding."""

from dataclasses import dataclass
from typing import ClassVar, Self

from policy.facts import Kind, fold


@dataclass(frozen=True, slots=True)
class Equals:
    """The value is exactly what is written."""

    reads: ClassVar = frozenset({Kind.TRUTH, Kind.TEXT})
    selector: str
    fact: str
    wanted: str | bool

    @classmethod
    def of(cls, selector: str, fact: str, written: str | bool) -> Self:
        return cls(selector, fact, fold(written) if isinstance(written, str) else written)

    def holds(self, value: str | bool) -> bool:
        return value == self.wanted
