"""Every invariant held against a rule set, over all requests there can be.

Answers  which invariants hold, on what they rest, and for each other one a request that breaks it.
Never    prints a request that the decision point does not confirm: that raises NotConfirmed.
Rules    - a fact that a counter-example leaves out does not matter: whatever it is, the promise
           breaks. What the invariant itself asks about is never left out.
         - a promise that asks a price of requests that are never permitted holds of nothing, and
           is said to; so is it said if nothing at all is permitted.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from policy.decide import Decision, RuleSet, decide
from policy.prove import NotConfirmed
from policy.prove.encode import Encoding, conditions_of, enforced
from policy.prove.invariants import INVARIANTS, Invariant
from policy.prove.search import Search
from policy.prove.solution import Raw, without
from policy.prove.solver import z3
from policy.prove.symbols import Formula, Symbols
from policy.query import Query
from policy.rule import Rule


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CounterExample(_Answer):
    """A request that breaks an invariant, and what the decision point says to it."""

    query: dict[str, dict[str, Any]]
    decision: Decision


class Verdict(_Answer):
    """What came of one invariant."""

    name: str
    sentence: str
    holds: bool
    of_nothing: bool
    rests_on: tuple[str, ...]
    counter_example: CounterExample | None


class Proof(_Answer):
    """What came of all of them."""

    rules: int
    permits_something: bool
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Say whether every invariant holds."""
        return all(verdict.holds for verdict in self.verdicts)


def prove(rules: Iterable[Rule], invariants: Sequence[Invariant] = INVARIANTS) -> Proof:
    """Hold the invariants against some rules.

    Raises Undecided where the solver gave up, NotConfirmed where it and the decision point differ,
    ValueError if two rules have one id.
    """
    return _Prover(tuple(rules), invariants).proof()


class _Prover:
    def __init__(self, rules: tuple[Rule, ...], invariants: Sequence[Invariant]) -> None:
        self._rules, self._ready, self._invariants = rules, RuleSet.of(rules), invariants
        asked = conditions_of(rules).union(*(one.conditions() for one in invariants))
        self._symbols = Symbols(asked, {name for one in invariants for name in one.missing})
        self._encoding = Encoding(self._symbols)
        self._search = Search(self._symbols)
        self._permitted = self._encoding.permitted(rules)

    def proof(self) -> Proof:
        verdicts = tuple(self._verdict(one) for one in self._invariants)
        return Proof(
            rules=len(enforced(self._rules)),
            permits_something=self._search.find(self._permitted) is not None,
            verdicts=verdicts,
        )

    def _verdict(self, invariant: Invariant) -> Verdict:
        concerned = z3.And(self._permitted, self._encoding.concerned(invariant))
        raw = self._search.find(z3.And(concerned, z3.Not(self._redeemed(invariant))))
        holds = raw is None
        rests_on = tuple(axiom.name for axiom in self._search.rests_on) if holds else ()
        bargain = holds and invariant.permitted != "never"
        return Verdict(
            name=invariant.name,
            sentence=invariant.sentence,
            holds=holds,
            of_nothing=bargain and self._search.find(concerned) is None,
            rests_on=rests_on,
            counter_example=None if raw is None else self._confirmed(invariant, raw),
        )

    def _redeemed(self, invariant: Invariant) -> Formula:
        """Say that what is permitted comes with what the invariant asks for."""
        return self._symbols.any_of(
            self._encoding.applies(rule)
            for rule in enforced(self._rules)
            if any(map(invariant.paid_by, rule.obligations))
        )

    def _confirmed(self, invariant: Invariant, raw: Raw) -> CounterExample:
        if not self._breaks(invariant, raw):
            raise NotConfirmed(f"invariant `{invariant.name}`: the decision point denies {raw}")
        about = {one.fact for one in invariant.conditions()}.union(invariant.missing)
        for name in sorted(set(self._symbols.facts) - about):
            if self._breaks(invariant, less := without(raw, name)):
                raw = less
        return CounterExample(query=raw, decision=decide(self._ready, Query.of(raw)))

    def _breaks(self, invariant: Invariant, raw: Raw) -> bool:
        query = Query.of(raw)
        decision = decide(self._ready, query)
        if decision.effect == "deny" or not invariant.concerns(query):
            return False
        return not any(map(invariant.paid_by, decision.obligations))
