"""Every kind of request that two rule sets decide differently.

Answers  one finding for each kind of difference and each kind of change that rules name.
Never    compares texts: rules that say the same in other words differ in nothing here.
Rules    - permitted by one set and denied by the other; or permitted by both, at another price.
         - what is no longer demanded at all is told as that; its measures are compared only where
           both demand it.
         - the facts that changed rules look at are never left out of a request.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy.decide import Decision, RuleSet, decide
from policy.diff import Change, Finding, Outcome, Topic
from policy.facts import SAME_DEPARTMENT
from policy.prove import NotConfirmed
from policy.prove.demands import Demand, demands
from policy.prove.encode import Encoding, conditions_of, enforced
from policy.prove.search import Search
from policy.prove.solution import Raw, without
from policy.prove.solver import z3
from policy.prove.symbols import DEPARTMENTS, Formula, Symbols, words_of
from policy.query import Query
from policy.rule import Rule

_ORDER: tuple[Change, ...] = (
    "newly_permitted",
    "less_demanding",
    "newly_denied",
    "more_demanding",
)


def findings(old: Sequence[Rule], new: Sequence[Rule]) -> tuple[Finding, ...]:
    """Give every difference; raises as `policy.diff.compare` does."""
    return tuple(sorted(_Comparison(old, new).findings(), key=_place))


def _place(one: Finding) -> tuple[int, bool, str, str]:
    return _ORDER.index(one.change), one.action is None, one.action or "", repr(one.topic)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two rule sets."""

    rules: tuple[Rule, ...]
    ready: RuleSet
    permitted: Formula

    def decide(self, raw: Raw) -> Decision:
        return decide(self.ready, Query.of(raw))


@dataclass(frozen=True, slots=True)
class _Difference:
    """Permitted by `this` and not by `that`; or, with measures, by both, and met by `this` only."""

    change: Change
    this: _Side
    that: _Side
    measures: tuple[Demand, ...] = ()

    @property
    def topic(self) -> Topic | None:
        """Say in what the price differs."""
        if not self.measures:
            return None
        kind, who, aspect = self.measures[0].topic
        return Topic(kind=kind, who=who, aspect=aspect)

    @property
    def owed(self) -> Demand | None:
        """Give what both must demand for its measure to be compared."""
        kind, who, aspect = self.measures[0].topic
        return Demand(kind, who, "owed") if aspect != "owed" else None

    def shown_by(self, raw: Raw) -> bool:
        """Say whether the decision point sees this difference in a request."""
        this, that = self.this.decide(raw), self.that.decide(raw)
        if not self.measures:
            return (this.effect, that.effect) == ("permit", "deny")
        missed = any(_met(one, this) and not _met(one, that) for one in self.measures)
        both = this.effect == that.effect == "permit"
        return both and missed and (self.owed is None or _met(self.owed, that))


def _met(demand: Demand, decision: Decision) -> bool:
    return any(demand.met_by(owed) for owed in decision.obligations)


class _Comparison:
    def __init__(self, old: Sequence[Rule], new: Sequence[Rule]) -> None:
        conditions = conditions_of(old) | conditions_of(new)
        self._symbols = Symbols(conditions, ["action.id"])
        self._encoding = Encoding(self._symbols)
        self._search = Search(self._symbols)
        self._old, self._new = (
            _Side(enforced(rules), RuleSet.of(rules), self._encoding.permitted(rules))
            for rules in (old, new)
        )
        self._kept = {"action.id"} | _facts_of_changes(self._old.rules, self._new.rules)
        named = (words_of(one) for one in conditions if one.fact == "action.id")
        self._actions = frozenset[str]().union(*named)

    def findings(self) -> Iterator[Finding]:
        """Find every difference, in each kind of change that has it."""
        for difference in self._differences():
            goal, seen = self._goal(difference), set[str | None]()
            # A request of which nothing is known is one as well: an empty dict is an answer.
            while (raw := self._search.find(self._unlike(goal, seen))) is not None:
                action = raw.get("action", {}).get("id")
                action = action if action in self._actions else None
                if action in seen or not difference.shown_by(raw):
                    raise NotConfirmed(f"{difference.change}: the decision point differs on {raw}")
                seen.add(action)
                yield self._finding(difference, action, self._shortest(difference, raw))

    def _differences(self) -> Iterator[_Difference]:
        old, new = self._old, self._new
        yield _Difference("newly_permitted", new, old)
        yield _Difference("newly_denied", old, new)
        rules = (*old.rules, *new.rules)
        asked = {one for rule in rules for owed in rule.obligations for one in demands(owed)}
        for topic in sorted({demand.topic for demand in asked}):
            measures = tuple(sorted(demand for demand in asked if demand.topic == topic))
            if any(self._askers(old, one) != self._askers(new, one) for one in measures):
                yield _Difference("less_demanding", old, new, measures)
                yield _Difference("more_demanding", new, old, measures)

    def _askers(self, side: _Side, demand: Demand) -> set[int]:
        """Give what makes a demand, by meaning: the same rule under another name is the same."""
        return {
            self._encoding.applies(rule).get_id()
            for rule in side.rules
            if any(demand.met_by(owed) for owed in rule.obligations)
        }

    def _goal(self, one: _Difference) -> Formula:
        if not one.measures:
            return z3.And(one.this.permitted, z3.Not(one.that.permitted))
        demanded, both = self._encoding.demanded, [one.this.permitted, one.that.permitted]
        if one.owed:
            both.append(demanded(one.that.rules, one.owed))
        missed = (
            z3.And(demanded(one.this.rules, it), z3.Not(demanded(one.that.rules, it)))
            for it in one.measures
        )
        return z3.And(*both, self._symbols.any_of(missed))

    def _unlike(self, goal: Formula, seen: set[str | None]) -> Formula:
        return z3.And(goal, *(self._elsewhere(action) for action in seen))

    def _elsewhere(self, action: str | None) -> Formula:
        """Say that it is another kind of change than this, or than any that no rule names."""
        code = self._symbols.values["action.id"]
        if action is not None:  # what a missing fact would be binds nothing, so it is no other
            return code != self._symbols.code("action.id", action)
        named = (code == self._symbols.code("action.id", word) for word in sorted(self._actions))
        return z3.And(z3.Not(self._symbols.missing("action.id")), self._symbols.any_of(named))

    def _shortest(self, difference: _Difference, raw: Raw) -> Raw:
        for name in sorted(set(self._symbols.facts) - self._kept):
            if difference.shown_by(less := without(raw, name)):
                raw = less
        return raw

    def _finding(self, difference: _Difference, action: str | None, raw: Raw) -> Finding:
        return Finding(
            change=difference.change,
            action=action,
            topic=difference.topic,
            query=raw,
            old=Outcome.of(self._old.decide(raw)),
            new=Outcome.of(self._new.decide(raw)),
        )


def _facts_of_changes(old: Sequence[Rule], new: Sequence[Rule]) -> set[str]:
    """Give the facts that rules of one side look at and no equal rule of the other side does."""
    here, there = ({_meaning(rule): rule for rule in rules} for rules in (old, new))
    odd = [(here.get(key) or there[key]) for key in here.keys() ^ there.keys()]
    facts = {condition.fact for condition in conditions_of(odd)}
    return facts.union(DEPARTMENTS if SAME_DEPARTMENT in facts else ()) - {SAME_DEPARTMENT}


def _meaning(rule: Rule) -> tuple[object, ...]:
    unless = rule.exemption()
    exempt = None if unless is None else frozenset(unless)
    return rule.layer, rule.effect, frozenset(rule.conditions()), exempt, rule.obligations
