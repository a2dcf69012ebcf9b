"""The decision again, the plain way: every rule is looked at, one after another.

Answers  what `policy.decide` and `policy.explain` answer, slowly, and plainly enough to be trusted.
Never    runs in the product: the tests hold the engine to it, query by query.
Rules    - it shares with the engine the rules themselves and the wording of an answer; which rules
           apply to a query, and which came nearest, each of the two finds in its own way.
"""

from policy.decide import Applying, Decision, Match, RuleSet, answer
from policy.explain import NearestMiss, miss_of
from policy.query import Query
from policy.rule import Effect


def decide(rules: RuleSet, query: Query) -> Decision:
    """Decide one query under one policy."""
    enforced = [one for one in rules.enforced if one.applies(query)]
    in_doubt = [one for one in enforced if one.match(query) is Match.UNKNOWN]
    reported = [one for one in rules.reported if one.applies(query)]
    return answer(rules, query, Applying(enforced, in_doubt, reported))


def near_misses(rules: RuleSet, query: Query, decision: Decision) -> tuple[NearestMiss, ...]:
    """Give the nearest miss of each layer in which nothing permits, unless it has no permits."""
    permits = [one for one in rules.enforced if one.rule.effect is Effect.PERMIT]
    silent = [one.layer for one in decision.layers if not one.permitted_by]
    misses = [
        [miss_of(one, query) for one in permits if one.rule.layer is layer] for layer in silent
    ]
    return tuple(min(some, key=_distance) for some in misses if some)


def _distance(miss: NearestMiss) -> tuple[bool, int, str]:
    missed = miss.failed + miss.unknown
    return any(name.startswith("action.") for name in missed), len(missed), miss.rule
