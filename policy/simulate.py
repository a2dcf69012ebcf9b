"""What decisions of the past would be under other rules, and whether they can be made again.

Answers  which past requests would be permitted, denied, owe less or owe more; under the rules that
         decided, whether the very same decision comes out.
Never    reads a store or a clock: the caller brings the decisions and the rules that made them.
Rules    - a decision is made again only if its bytes are the same; whatever differs is named.
         - rules that are not at hand, or facts the catalogue no longer has, are a difference too.
         - a decision names its snapshot; one that names none was made by rules in a folder.
         - moves are from the rules that count now; without these, from what was decided then.
         - a move that drops one demand and adds another is told twice, as less and as more.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from policy.decide import Decision, RuleSet, SnapshotRef, decide
from policy.obligations import merge
from policy.query import Query, UnknownFact
from policy.rule import UtcTime
from policy.snapshot import canonical

MAX_LINE_CHARACTERS = 256 * 1024

Text = Annotated[str, Field(min_length=1, max_length=200)]
Phase = Literal["plan", "execute"]
Kind = Literal["permitted", "denied", "less", "more"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PastDecision(_Record):
    """One decision as it was made: when, for which step, on which raw facts."""

    request: Text
    step: Text
    phase: Phase
    at: UtcTime
    facts: dict[str, JsonValue]
    decision: Decision


class Difference(_Record):
    """A past decision that does not come out again, and where it differs."""

    request: str
    step: str
    phase: Phase
    differs: tuple[str, ...]


class Move(_Record):
    """A past decision that would be another one now."""

    kind: Kind
    request: str
    step: str
    phase: Phase
    before: str
    after: str


class Simulation(_Record):
    """What a replay found; its digest stands for all of it."""

    decisions: int
    reproduced: int
    differences: tuple[Difference, ...]
    moves: tuple[Move, ...]

    @property
    def digest(self) -> str:
        """Name this very result: people approve what they saw."""
        said = self.model_dump(mode="json")
        return sha256(canonical({"kind": "warrant.policy.simulation.v1", **said})).hexdigest()

    def sentences(self) -> Iterator[str]:
        """Tell it to people, the moves that give most first."""
        yield f"{self.decisions} past decisions, {self.reproduced} made again byte for byte"
        for one in self.differences:
            where = f"{one.request} {one.step} {one.phase}"
            yield f"not the same again: {where}: {', '.join(one.differs)}"
        counts = {kind: sum(move.kind == kind for move in self.moves) for kind in _SAID}
        yield "; ".join(f"{counts[kind]} {said}" for kind, said in _SAID.items())
        for move in self.moves:
            where = f"{move.request} {move.step} {move.phase}"
            yield f"{_SAID[move.kind]}: {where}: was: {move.before} now: {move.after}"


_SAID: Mapping[Kind, str] = {
    "permitted": "newly permitted",
    "less": "less demanding",
    "denied": "newly denied",
    "more": "more demanding",
}


def read_past(lines: Iterator[str]) -> Iterator[PastDecision]:
    """Read past decisions, one JSON object a line; raises ValueError naming the line."""
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE_CHARACTERS:
            raise ValueError(f"line {number}: expected at most {MAX_LINE_CHARACTERS} characters")
        if not line.strip():
            continue
        try:
            yield PastDecision.model_validate_json(line)
        except ValidationError as wrong:
            first = wrong.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            # what stands there is not quoted: facts may be personal
            raise ValueError(f"line {number}: at `{where}`: {first['msg']}") from None


def simulate(
    past: Sequence[PastDecision],
    candidate: RuleSet,
    current: RuleSet | None = None,
    deciders: Mapping[SnapshotRef | None, RuleSet] | None = None,
) -> Simulation:
    """Replay past decisions under the rules that made them, if these are given, and under others.

    Without `deciders` nothing is made again, and nothing is called a difference.
    """
    order = sorted(past, key=_place)
    again = order if deciders is not None else ()
    found = [(one, _differs(one, deciders or {})) for one in again]
    moves = [move for one in order for move in _moves(one, candidate, current)]
    kinds = list(_SAID)
    return Simulation(
        decisions=len(order),
        reproduced=sum(not differs for _, differs in found),
        differences=tuple(
            Difference(request=one.request, step=one.step, phase=one.phase, differs=differs)
            for one, differs in found
            if differs
        ),
        moves=tuple(sorted(moves, key=lambda move: kinds.index(move.kind))),
    )


def _place(one: PastDecision) -> tuple[object, ...]:
    # the whole of it last: in whatever order a store gives them, the digest is one
    return one.at, one.request, one.step, one.phase, one.model_dump_json()


def _differs(one: PastDecision, deciders: Mapping[SnapshotRef | None, RuleSet]) -> tuple[str, ...]:
    rules = deciders.get(one.decision.snapshot)
    if rules is None:
        return ("the rules that decided are not at hand",)
    try:
        again = decide(rules, Query.of(one.facts))
    except UnknownFact as strange:
        return (str(strange),)
    was, now = (said.model_dump(mode="json") for said in (one.decision, again))
    if canonical(was) == canonical(now):
        return ()
    return tuple(f"`{name}`" for name in was if was[name] != now[name])


def _moves(one: PastDecision, candidate: RuleSet, current: RuleSet | None) -> Iterator[Move]:
    try:
        query = Query.of(one.facts)
    except UnknownFact:
        return  # already named among the differences
    before = decide(current, query) if current else one.decision
    after = decide(candidate, query)
    for kind in kinds_of_move(before, after):
        yield Move(
            kind=kind,
            request=one.request,
            step=one.step,
            phase=one.phase,
            before=before.reason,
            after=after.reason,
        )


def kinds_of_move(before: Decision, after: Decision) -> Iterator[Kind]:
    """Say what moved between two decisions on the same facts."""
    if before.effect != after.effect:
        yield "permitted" if after.effect == "permit" else "denied"
    elif after.effect == "permit":
        together = merge((*before.obligations, *after.obligations))
        if together != after.obligations:
            yield "less"
        if together != before.obligations:
            yield "more"
