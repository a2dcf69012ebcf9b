"""A request that makes a formula true, or the proof that there is none.

Answers  one request, as raw facts, or None: then no request at all makes it true.
Never    takes the solver's silence for an answer: what it cannot decide raises Undecided.
Rules    - a request for a new change in which everything is known is preferred, then one in which
           everything is known: they are easier to believe.
         - a solution at a moment that never comes is ruled out, and the search goes on.
         - after a None, `rests_on` names the axioms that the proof needed.
"""

from typing import Any

from policy.axioms import Axiom
from policy.prove import Undecided
from policy.prove.solution import NoSuchMoment, Raw, request
from policy.prove.solver import z3
from policy.prove.symbols import Formula, Symbols

_PATIENCE_MS = 120_000
_MOST_MOMENTS = 500
_UNDO = "action.undo"


class Search:
    """One solver over one set of symbols; what it learns serves every later question."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._solver = z3.Solver(ctx=symbols.context)
        self._solver.set("timeout", _PATIENCE_MS)
        self._solver.add(*symbols.domain)
        self._axioms: dict[str, Axiom] = {}
        for axiom, formula in symbols.axioms.items():
            self._solver.add(z3.Implies(self._switch(axiom.name), formula))
            self._axioms[axiom.name] = axiom
        self._never: list[Formula] = []
        self.rests_on: tuple[Axiom, ...] = ()

    def find(self, goal: Formula) -> Raw | None:
        """Give a request that makes the goal true; raises Undecided."""
        self._solver.push()
        try:
            self._solver.add(goal)
            found = self._solve([])
            for wish in self._wishes() if found is not None else ():
                if (better := self._solve(wish)) is not None:
                    return better
            return found
        finally:
            self._solver.pop()
            self._solver.add(*self._never)
            self._never.clear()

    def _wishes(self) -> list[list[Formula]]:
        symbols = self._symbols
        known = [z3.Not(symbols.missing(name)) for name in symbols.facts]
        undo = [symbols.values[_UNDO]] if _UNDO in symbols.facts else []
        return [[*known, *map(z3.Not, undo)], known]

    def _solve(self, preferred: list[Formula]) -> Raw | None:
        for _ in range(_MOST_MOMENTS):
            answer = self._solver.check(*map(self._switch, self._axioms), *preferred)
            if answer == z3.unsat:
                core = {str(switch) for switch in self._solver.unsat_core()}
                self.rests_on = tuple(a for name, a in self._axioms.items() if name in core)
                return None
            if answer != z3.sat:
                raise Undecided(f"the solver gave up: {self._solver.reason_unknown()}")
            try:
                return request(self._symbols, self._solver.model())
            except NoSuchMoment as never:
                self._never.append(self._not_at_once(never))
                self._solver.add(self._never[-1])
        raise Undecided(f"no real moment among {_MOST_MOMENTS} that rules distinguish")

    def _not_at_once(self, never: NoSuchMoment) -> Formula:
        said = [(self._symbols.holds(one), want) for one, want in never.wanted.items()]
        turned = (z3.Not(formula) if want else formula for formula, want in said)
        return self._symbols.any_of([self._symbols.missing("runtime.now"), *turned])

    def _switch(self, name: str) -> Any:
        return z3.Bool(name, self._symbols.context)
