"""The decision: six layers, one table. Pure and total: every query gets a whole answer.

Answers  may this change be made, by which rules of which layer, and what is owed for it.
Never    raises on a query, never stops early: every rule is heard, so the trace is always whole.
Rules    - every layer must hold a rule that permits; one deny in any layer ends it; silence denies.
         - what is not known never helps a permit, and always triggers a deny or a requirement.
         - what is owed is the union over all rules that require; no permit can take from it.
         - no priorities and no order: the set of rules is the policy, however it was stored.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from policy.conditions import Condition
from policy.engine import Found, Index, Rules, members
from policy.facts import SAME_DEPARTMENT
from policy.obligations import Obligation, merge
from policy.query import Known, Query, Unknown
from policy.rule import Effect, Layer, Mode, Rule

# Looked up once: in Python 3.11 every `Effect.PERMIT` runs a function.
_LAYERS, _DEPARTMENT = tuple(Layer), Layer.DEPARTMENT
_PERMIT, _DENY, _REQUIRE = _EFFECTS = (Effect.PERMIT, Effect.DENY, Effect.REQUIRE)


class Match(IntEnum):
    """What conditions, or a rule, say of a query: Kleene's AND is the least, NOT the opposite."""

    NO = -1
    UNKNOWN = 0
    YES = 1


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SnapshotRef(_Answer):
    """Which published rule set decided."""

    id: str
    seq: int


class LayerResult(_Answer):
    """What one layer said, and the names of all rules that said it."""

    layer: Layer
    result: Literal["permit", "deny", "silent"]
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


@dataclass(frozen=True, slots=True, eq=False)
class ReadyRule:
    """A rule with its conditions made once, ready to be matched many times."""

    name: str
    effect: Effect
    speaks: int
    """Where in a decision it is named: its layer, and its effect there."""
    rule: Rule
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...] | None

    @classmethod
    def of(cls, rule: Rule) -> "ReadyRule":
        """Make one rule ready."""
        speaks = len(_EFFECTS) * _LAYERS.index(rule.layer) + _EFFECTS.index(rule.effect)
        return cls(rule.id, rule.effect, speaks, rule, rule.conditions(), rule.exemption())

    def conditions(self) -> tuple[Condition, ...]:
        """Give all conditions, of `when` and of `unless`."""
        return (*self.when, *(self.unless or ()))

    def match(self, query: Query) -> Match:
        """Say whether the rule matches: `when` and not `unless`, in Kleene's logic of doubt."""
        when = every(self.when, query)
        return when if self.unless is None else min(when, Match(-every(self.unless, query)))

    def applies(self, query: Query) -> bool:
        """Say whether the rule does what its effect says, whatever its mode."""
        # Doubt never helps a permit, and always triggers a deny or a requirement.
        # INVARIANT: held by test_decide_laws.py, test_forgetting_a_fact_never_widens
        least = Match.YES if self.effect is _PERMIT else Match.UNKNOWN
        return self.match(query) >= least


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A policy: rules of one tenant, in an order that storage cannot change, and their index."""

    enforced: tuple[ReadyRule, ...]
    reported: tuple[ReadyRule, ...]
    asks: tuple[str, ...]
    snapshot: SnapshotRef | None
    ready: tuple[ReadyRule, ...]
    """The enforced rules, then the reported ones; what follows is about these."""
    index: Index
    permits: Rules
    layers: Mapping[Layer, Rules]

    @classmethod
    def of(cls, rules: Iterable[Rule], snapshot: SnapshotRef | None = None) -> "RuleSet":
        """Make the rules ready; raises ValueError if two have one id."""
        every_rule = sorted(rules, key=lambda rule: (_LAYERS.index(rule.layer), rule.id))
        ids = pairwise(sorted(rule.id for rule in every_rule))
        if twice := sorted({name for name, following in ids if name == following}):
            raise ValueError(f"expected every rule id once, saw `{'`, `'.join(twice)}` again")
        enforced, reported = (
            tuple(ReadyRule.of(rule) for rule in every_rule if rule.mode is mode)
            for mode in (Mode.ENFORCE, Mode.REPORT_ONLY)
        )
        ready = enforced + reported
        return cls(
            enforced=enforced,
            reported=reported,
            asks=_facts_asked(enforced),
            snapshot=snapshot,
            ready=ready,
            index=Index.of([(one.when, one.unless) for one in ready]),
            permits=members(one.effect is _PERMIT for one in ready),
            layers={layer: members(r.rule.layer is layer for r in ready) for layer in _LAYERS},
        )

    @property
    def only_reported(self) -> Rules:
        """Give the set of the reported rules, which come last."""
        return (1 << len(self.reported)) - 1


class Applying(NamedTuple):
    """The enforced rules that apply, in their order; those of them in doubt; the reported ones."""

    enforced: Sequence[ReadyRule]
    in_doubt: Collection[ReadyRule]
    reported: Sequence[ReadyRule]


def decide(rules: RuleSet, query: Query) -> Decision:
    """Decide one query under one policy."""
    return trace(rules, query)[0]


def trace(rules: RuleSet, query: Query) -> tuple[Decision, Found]:
    """Decide, and keep what the index found: why the other rules do not apply."""
    found = rules.index.ask(query.facts)
    return answer(rules, query, _applying(rules, found)), found


def _applying(rules: RuleSet, found: Found) -> Applying:
    """Name what the index found; `policy.reference` finds the same by looking at every rule."""
    # INVARIANT: held by test_engine_equality.py, test_the_engine_and_the_reference_agree
    in_doubt = found.perhaps & ~rules.permits
    applying, reported = found.surely | in_doubt, rules.only_reported
    sets = (applying & ~reported, in_doubt & ~reported, applying & reported)
    return Applying(*[[*map(rules.ready.__getitem__, rules.index.places(s))] for s in sets])


def answer(rules: RuleSet, query: Query, applying: Applying) -> Decision:
    """Give the whole answer, once it is known which rules apply."""
    layers = _layers(applying.enforced)
    permitted = all(layer["result"] == "permit" for layer in layers)
    restraints = [one for one in applying.enforced if one.effect is not _PERMIT]
    reason, remedy = _why(permitted, restraints, applying, query)
    said = {
        "effect": "permit" if permitted else "deny",
        "layers": layers,
        "obligations": merge(owed for one in restraints for owed in one.rule.obligations),
        "shadow": [{"rule": one.name, "would": one.effect} for one in applying.reported],
        "unknown": [name for name in rules.asks if isinstance(query.facts[name], Unknown)],
        "snapshot": rules.snapshot,
        "reason": reason,
        "remedy": remedy,
    }
    return Decision.model_validate(said)  # at once: layer by layer takes twice the time


def _layers(applying: Iterable[ReadyRule]) -> list[dict[str, Any]]:
    named: list[list[str]] = [[] for _ in range(len(_LAYERS) * len(_EFFECTS))]
    for one in applying:
        named[one.speaks].append(one.name)
    return [
        {
            "layer": layer,
            # One deny ends it, whatever permits; and where nobody spoke, silence denies.
            "result": "deny" if denies else "permit" if permits else "silent",
            "permitted_by": permits,
            "denied_by": denies,
            "required_by": requires,
        }
        for layer, permits, denies, requires in zip(
            _LAYERS, named[0::3], named[1::3], named[2::3], strict=True
        )
    ]


def every(conditions: Iterable[Condition], query: Query) -> Match:
    """Say whether all conditions match: one NO is a NO, else one doubt is a doubt."""
    return min((check(condition, query) for condition in conditions), default=Match.YES)


def check(condition: Condition, query: Query) -> Match:
    """Check one condition; a fact in doubt is a match in doubt, whatever the condition."""
    fact = query.facts[condition.fact]
    if isinstance(fact, Known):
        return Match.YES if condition.holds(fact.value) else Match.NO
    return Match.UNKNOWN


def _why(
    permitted: bool, restraints: Iterable[ReadyRule], applying: Applying, query: Query
) -> tuple[str, str | None]:
    """Choose the reason and the remedy that a person is told first: what is certain, if any is."""
    those = [one for one in restraints if one.effect is (_REQUIRE if permitted else _DENY)]
    certain = [one for one in those if one not in applying.in_doubt]
    if certain:
        return certain[0].rule.reason, certain[0].rule.remedy
    if those:
        remedy = those[0].rule.remedy if permitted else _NOBODY_COULD_READ
        return _feared(those[0], query), remedy
    if permitted:
        # The department layer says who may ask for what, so its permit is the plainest why.
        said = (one.rule for one in applying.enforced if one.rule.layer is _DEPARTMENT)
        return next(rule.reason for rule in said), None
    spoke = {one.rule.layer for one in applying.enforced if one.effect is _PERMIT}
    silent = [layer for layer in _LAYERS if layer not in spoke]
    return f"No rule permits this in: {', '.join(silent)}.", _NOBODY_PERMITS


_NOBODY_PERMITS = "An administrator can permit it with a rule in each of these layers."
_NOBODY_COULD_READ = "An administrator can find out why this could not be read."


def told(one: ReadyRule, query: Query) -> str:
    """Give the reason of a rule that applies; a reason that is only feared is told as a fear."""
    return one.rule.reason if one.match(query) is Match.YES else _feared(one, query)


def _feared(one: ReadyRule, query: Query) -> str:
    doubts = {c.fact for c in one.conditions() if not isinstance(query.facts[c.fact], Known)}
    return f"Not known: {', '.join(sorted(doubts))}. So this may apply: {one.rule.reason}"


def _facts_asked(rules: Iterable[ReadyRule]) -> tuple[str, ...]:
    """Name the given facts that rules look at; what is derived stands for what it is made of."""
    asked = {condition.fact for one in rules for condition in one.conditions()}
    if SAME_DEPARTMENT in asked:
        asked |= {"requester.department", "target.department"}
    return tuple(sorted(asked - {SAME_DEPARTMENT}))
