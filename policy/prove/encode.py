"""Rules as formulas: when a rule applies, when everything permits, when something is demanded.

Answers  for all requests at once what the decision point answers for one.
Never    shortens: each rule is one formula; rules that say the same share it.
Rules    - a permit applies where all its selectors certainly hold.
         - a deny or a require applies where its selectors possibly hold and it is not certain that
           its exemption does.
         - what is only reported or switched off is not here.
"""

from collections.abc import Iterable, Sequence

from policy.conditions import Condition
from policy.prove.demands import Demand
from policy.prove.invariants import Invariant
from policy.prove.solver import z3
from policy.prove.symbols import Formula, Symbols
from policy.rule import Effect, Layer, Mode, Rule


def conditions_of(rules: Iterable[Rule]) -> set[Condition]:
    """Give every condition that counts in some rules."""
    return {
        condition
        for rule in enforced(rules)
        for condition in (*rule.conditions(), *(rule.exemption() or ()))
    }


def enforced(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Give the rules that count."""
    return tuple(rule for rule in rules if rule.mode is Mode.ENFORCE)


class Encoding:
    """Formulas of rules over one set of symbols; rule sets can be compared in it."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self._known: dict[tuple[object, ...], Formula] = {}

    def permitted(self, rules: Sequence[Rule]) -> Formula:
        """Say that every layer permits and no rule denies."""
        counted, symbols = enforced(rules), self.symbols
        opened = [
            symbols.any_of(
                self.applies(rule)
                for rule in counted
                if rule.layer is layer and rule.effect is Effect.PERMIT
            )
            for layer in Layer
        ]
        denied = (self.applies(rule) for rule in counted if rule.effect is Effect.DENY)
        return z3.And(*opened, z3.Not(symbols.any_of(denied)))

    def demanded(self, rules: Sequence[Rule], demand: Demand) -> Formula:
        """Say that some rule demands this, or something stricter."""
        return self.symbols.any_of(
            self.applies(rule)
            for rule in enforced(rules)
            if any(demand.met_by(owed) for owed in rule.obligations)
        )

    def applies(self, rule: Rule) -> Formula:
        """Say that a rule does what its effect says."""
        when, unless, sure = rule.conditions(), rule.exemption(), rule.effect is Effect.PERMIT
        key = (sure, frozenset(when), unless and frozenset(unless))
        if key not in self._known:
            self._known[key] = self.matches(when, sure=sure)
            if unless is not None:
                exempt = self.matches(unless, sure=True)
                self._known[key] = z3.And(self._known[key], z3.Not(exempt))
        return self._known[key]

    def concerned(self, invariant: Invariant) -> Formula:
        """Say that an invariant is about the request."""
        about = [self.matches(one.all_conditions(), sure=False) for one in invariant.when]
        unread = [self.symbols.missing(name) for name in invariant.missing]
        exempt = (self.matches(one.all_conditions(), sure=True) for one in invariant.unless)
        any_of = self.symbols.any_of
        return z3.And(any_of(about + unread), z3.Not(any_of(exempt)))

    def matches(self, conditions: Iterable[Condition], *, sure: bool) -> Formula:
        """Say that all conditions hold: for certain, or as far as anybody knows."""
        check = self.symbols.certainly if sure else self.symbols.possibly
        return self.symbols.all_of(check(one) for one in conditions)
