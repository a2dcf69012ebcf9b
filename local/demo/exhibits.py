"""What a performance shows: facts to tell a story from, never text with a layout.

Everything here is read after the fact, from the product's answers, from its stores (opened as the
tenant's own operator would) and from the simulated tenant's log. Names in it were written by other
people: whoever prints them escapes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.domain import Work
from agent.records import AuditRecord

Part = Literal["whole", "plan", "end"]


@dataclass(frozen=True)
class Speech:
    """Somebody says something: a person by id, or Warrant itself (None)."""

    who: str | None
    text: str


@dataclass(frozen=True)
class Direction:
    """Something happens on the stage: a clock moves, a process is killed."""

    text: str


@dataclass(frozen=True)
class Dossier:
    """One request, whole: as the API shows it, as it was worked on, as the trail has it.

    `writes` are the entries of the tenant's own log that carry this request's id. `part` says how
    much of it is to be told now: what came before the act, what came after, or both; `full` asks
    for every detail of it.
    """

    view: Mapping[str, Any]
    work: Work | None
    trail: tuple[AuditRecord, ...]
    writes: tuple[Mapping[str, Any], ...]
    part: Part = "whole"
    full: bool = False


@dataclass(frozen=True)
class Handover:
    """A ticket, as the person sees it to whom it was handed."""

    to: str
    ticket: Mapping[str, Any]


Exhibit = Speech | Direction | Dossier | Handover


@dataclass(frozen=True)
class Check:
    """One promise, put to the world: what was expected of it and what was seen."""

    what: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        """Whether the promise held."""
        return self.expected == self.seen
