"""What every condition is: the selector that wrote it, the one fact it reads, and a test."""

from typing import Any, ClassVar, Protocol, Self

from policy.facts import Kind


class Condition(Protocol):
    """One selector, ready to be checked; a frozen value."""

    reads: ClassVar[frozenset[Kind]]
    """The kinds of fact this condition understands; the law tests hold every selector to it."""

    @property
    def selector(self) -> str:
        """Where it is written, e.g. `requester.departments`."""
        ...

    @property
    def fact(self) -> str:
        """The name of the fact it reads."""
        ...

    @classmethod
    def of(cls, selector: str, fact: str, written: Any) -> Self:
        """Make the condition from what the rule says."""
        ...

    def holds(self, value: Any) -> bool:
        """Say whether a known value, of a kind in `reads`, satisfies the selector."""
        ...
