"""What it is to be a lookup: one read-only question, put to Graph as a named person.

A lookup picks the few facts it needs and drops the rest: names and descriptions that other people
wrote go no further than display text.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import JsonValue

from agent.domain import ResourceName
from agent.ports import M365
from agent.values import Frozen, GroupId, PersonId


class Question(Frozen):
    """What a lookup is asked about."""

    person: PersonId
    group: GroupId | None = None
    name: ResourceName | None = None


class Lookup(ABC):
    """One read-only question. `as_sponsor`: an employee's own token cannot read this."""

    name: ClassVar[str]
    source: ClassVar[str]
    scopes: ClassVar[frozenset[str]]
    as_sponsor: ClassVar[bool] = False

    @abstractmethod
    def about(self, question: Question) -> str:
        """Return the id or the name this answer will be filed under."""

    @abstractmethod
    async def ask(self, m365: M365, question: Question) -> JsonValue:
        """Return what was seen; raises the faults of `M365.read`."""


class PersonLookup(Lookup):
    """A question about the person; its answer is filed under their id."""

    def about(self, question: Question) -> str:
        return question.person


class GroupLookup(Lookup):
    """A question about a group; its answer is filed under the group's id."""

    def about(self, question: Question) -> str:
        return needed(question.group)


def needed(value: GroupId | None) -> GroupId:
    """Return the group a question must name; asking without one is a programming error."""
    if value is None:
        raise ValueError("this lookup is about a group, and the question names none")
    return value
