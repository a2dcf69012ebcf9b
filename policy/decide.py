"""The decision: six layers, one table. Pure and total: every query gets a whole answer.

Answers  may this change be made, by which rules of which layer, and what is owed for it.
Never    raises on a query, never stops early: every rule is heard, so the trace is always whole.
Rules    - every layer must hold a rule that permits; one deny in any layer ends it; silence denies.
         - what is not known never helps a permit, and always triggers a deny or a requirement.
         - what is owed is the union over all rules that require; no permit can take from it.
         - no priorities and no order: the set of rules is the policy, however it was stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict

from policy.conditions import Condition
from policy.facts import SAME_DEPARTMENT
from policy.obligations import Obligation, merge
from policy.query import Known, Query, Unknown
from policy.rule import Effect, Layer, Mode, Rule


class Match(Enum):
    """What one condition, or one rule, says of one query."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


# INVARIANT: held by test_decide_laws.py, test_forgetting_a_fact_never_widens
DOES_APPLY = {
    (Effect.PERMIT, Match.YES): True,
    (Effect.PERMIT, Match.UNKNOWN): False,  # doubt never helps
    (Effect.PERMIT, Match.NO): False,
    (Effect.DENY, Match.YES): True,
    (Effect.DENY, Match.UNKNOWN): True,  # doubt denies
    (Effect.DENY, Match.NO): False,
    (Effect.REQUIRE, Match.YES): True,
    (Effect.REQUIRE, Match.UNKNOWN): True,  # doubt requires
    (Effect.REQUIRE, Match.NO): False,
}
NOT = {Match.YES: Match.NO, Match.NO: Match.YES, Match.UNKNOWN: Match.UNKNOWN}

Result = Literal["permit", "deny", "silent"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SnapshotRef(_Answer):
    """Which published rule set decided."""

    id: str
    seq: int


class LayerResult(_Answer):
    """What one layer said, and the names of all rules that said it."""

    layer: Layer
    result: Result
    permitted_by: tuple[str, ...]
    denied_by: tuple[str, ...]
    required_by: tuple[str, ...]


class Shadow(_Answer):
    """A rule that is only reported, and what it would have done."""

    rule: str
    would: Effect


class Decision(_Answer):
    """The answer, with everything that made it."""

    effect: Literal["permit", "deny"]
    layers: tuple[LayerResult, ...]
    obligations: tuple[Obligation, ...]
    shadow: tuple[Shadow, ...]
    unknown: tuple[str, ...]
    snapshot: SnapshotRef | None
    reason: str
    remedy: str | None


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """A rule with its conditions made once, ready to be matched many times."""

    rule: Rule
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...] | None

    @classmethod
    def of(cls, rule: Rule) -> "ReadyRule":
        """Make one rule ready."""
        return cls(rule, rule.conditions(), rule.exemption())

    def conditions(self) -> tuple[Condition, ...]:
        """Give all conditions, of `when` and of `unless`."""
        return (*self.when, *(self.unless or ()))

    def match(self, query: Query) -> Match:
        """Say whether the rule matches: `when` and not `unless`, in Kleene's logic of doubt."""
        when = every(self.when, query)
        if self.unless is None or when is Match.NO:
            return when
        return both(when, NOT[every(self.unless, query)])

    def applies(self, query: Query) -> bool:
        """Say whether the rule does what its effect says, whatever its mode."""
        return DOES_APPLY[self.rule.effect, self.match(query)]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A policy: rules of one tenant, in an order that storage cannot change."""

    enforced: tuple[ReadyRule, ...]
    reported: tuple[ReadyRule, ...]
    asks: tuple[str, ...]
    snapshot: SnapshotRef | None

    @classmethod
    def of(cls, rules: Iterable[Rule], snapshot: SnapshotRef | None = None) -> "RuleSet":
        """Make the rules ready; raises ValueError if two have one id."""
        order = list(Layer)
        ready = [
            ReadyRule.of(rule)
            for rule in sorted(rules, key=lambda rule: (order.index(rule.layer), rule.id))
        ]
        if twice := _repeated([one.rule.id for one in ready]):
            raise ValueError(f"expected every rule id once, saw `{'`, `'.join(twice)}` again")
        enforced = tuple(one for one in ready if one.rule.mode is Mode.ENFORCE)
        reported = tuple(one for one in ready if one.rule.mode is Mode.REPORT_ONLY)
        return cls(enforced, reported, _facts_asked(enforced), snapshot)


def decide(rules: RuleSet, query: Query) -> Decision:
    """Decide one query under one policy."""
    found = [(one, one.match(query)) for one in rules.enforced]
    applying = [(one, match) for one, match in found if DOES_APPLY[one.rule.effect, match]]
    layers = tuple(
        _layer(layer, [one.rule for one, _ in applying if one.rule.layer is layer])
        for layer in Layer
    )
    permitted = all(layer.result == "permit" for layer in layers)
    reason, remedy = _why(permitted, layers, applying, query)
    return Decision(
        effect="permit" if permitted else "deny",
        layers=layers,
        obligations=merge(owed for one, _ in applying for owed in one.rule.obligations),
        shadow=tuple(
            Shadow(rule=one.rule.id, would=one.rule.effect)
            for one in rules.reported
            if one.applies(query)
        ),
        unknown=tuple(name for name in rules.asks if isinstance(query.facts[name], Unknown)),
        snapshot=rules.snapshot,
        reason=reason,
        remedy=remedy,
    )


def _layer(layer: Layer, applying: Sequence[Rule]) -> LayerResult:
    permits, denies, requires = (
        tuple(rule.id for rule in applying if rule.effect is effect)
        for effect in (Effect.PERMIT, Effect.DENY, Effect.REQUIRE)
    )
    result: Result
    match (denies, permits):
        case ([_, *_], _):
            result = "deny"  # one deny ends it, whatever permits
        case ([], []):
            result = "silent"  # nobody spoke, and silence denies
        case _:
            result = "permit"
    return LayerResult(
        layer=layer,
        result=result,
        permitted_by=permits,
        denied_by=denies,
        required_by=requires,
    )


def every(conditions: Sequence[Condition], query: Query) -> Match:
    """Say whether all conditions match: one NO is a NO, else one doubt is a doubt."""
    match = Match.YES
    for condition in conditions:
        match = both(match, check(condition, query))
        if match is Match.NO:
            break
    return match


def both(one: Match, other: Match) -> Match:
    """Give Kleene's AND."""
    if Match.NO in (one, other):
        return Match.NO
    return Match.UNKNOWN if Match.UNKNOWN in (one, other) else Match.YES


def check(condition: Condition, query: Query) -> Match:
    """Check one condition; the only place where a fact's doubt becomes a match in doubt."""
    fact = query.facts[condition.fact]
    if isinstance(fact, Known):
        return Match.YES if condition.holds(fact.value) else Match.NO
    return Match.UNKNOWN


def _why(
    permitted: bool,
    layers: Sequence[LayerResult],
    applying: Sequence[tuple[ReadyRule, Match]],
    query: Query,
) -> tuple[str, str | None]:
    """Choose the reason and the remedy that a person is told first: what is certain, if any is."""
    heard = [one for one, _ in sorted(applying, key=lambda found: found[1] is not Match.YES)]
    denies = [one for one in heard if one.rule.effect is Effect.DENY]
    requires = [one for one in heard if one.rule.effect is Effect.REQUIRE]
    silent = [one.layer for one in layers if one.result == "silent"]
    match (permitted, denies, requires):
        case (False, [one, *_], _):
            certain = one.match(query) is Match.YES
            return told(one, query), one.rule.remedy if certain else _NOBODY_COULD_READ
        case (False, _, _):
            return f"No rule permits this in: {', '.join(silent)}.", _NOBODY_PERMITS
        case (_, _, [one, *_]):
            return told(one, query), one.rule.remedy
        case _:
            # The department layer says who may ask for what, so its permit is the plainest why.
            said = (one.rule for one in heard if one.rule.layer is Layer.DEPARTMENT)
            return next(rule.reason for rule in said), None


_NOBODY_PERMITS = "An administrator can permit it with a rule in each of these layers."
_NOBODY_COULD_READ = "An administrator can find out why this could not be read."


def told(one: ReadyRule, query: Query) -> str:
    """Give the reason of a rule that applies; a reason that is only feared is told as a fear."""
    if one.match(query) is Match.YES:
        return one.rule.reason
    doubts = {c.fact for c in one.conditions() if check(c, query) is Match.UNKNOWN}
    return f"Not known: {', '.join(sorted(doubts))}. So this may apply: {one.rule.reason}"


def _repeated(ids: Sequence[str]) -> list[str]:
    return sorted({name for name, following in pairwise(sorted(ids)) if name == following})


def _facts_asked(rules: Iterable[ReadyRule]) -> tuple[str, ...]:
    """Name the given facts that rules look at; what is derived stands for what it is made of."""
    asked = {condition.fact for one in rules for condition in one.conditions()}
    if SAME_DEPARTMENT in asked:
        asked |= {"requester.department", "target.department"}
    return tuple(sorted(asked - {SAME_DEPARTMENT}))
