"""Why, for people: every layer of a decision in words, and the rule that came nearest.

Answers  which rules spoke in each layer, and, where none permits, what one of them still missed.
Never    decides: it retells a decision, and adds only what that decision has no room for.
Rules    - the nearest miss is the permit with the fewest selectors that failed or were in doubt;
           one for another kind of change comes after all that are for this one.
         - values of facts are not retold, they may be personal: a selector's name is enough.
"""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from policy.decide import Decision, LayerResult, Match, ReadyRule, RuleSet, check, told, trace
from policy.engine import Found, fewest, tally, union
from policy.query import Query
from policy.rule import Layer


class NearestMiss(BaseModel):
    """The permit of a silent or denying layer that came closest, and what it missed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: Layer
    rule: str
    failed: tuple[str, ...]
    unknown: tuple[str, ...]


class Explanation(BaseModel):
    """A decision, the nearest misses, the mistyped facts, and the same in sentences."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Decision
    nearest: tuple[NearestMiss, ...]
    errors: tuple[str, ...]
    sentences: tuple[str, ...]


def explain(rules: RuleSet, query: Query) -> Explanation:
    """Decide, and say why in every layer."""
    decision, found = trace(rules, query)
    nearest = near_misses(rules, query, decision, found)
    return Explanation(
        decision=decision,
        nearest=nearest,
        errors=query.errors,
        sentences=tuple(_sentences(rules, query, decision, nearest)),
    )


def near_misses(
    rules: RuleSet, query: Query, decision: Decision, found: Found
) -> tuple[NearestMiss, ...]:
    """Give the nearest miss of each layer in which nothing permits, unless it has no permits."""
    silent = [one.layer for one in decision.layers if not one.permitted_by]
    if not silent:
        return ()
    missed = zip(rules.index.when, found.missed, strict=True)
    elsewhere = union(some for column, some in missed if column.selector.startswith("action."))
    permits = [rules.permits & rules.layers[layer] & ~rules.only_reported for layer in silent]
    counts = tally(found.missed, union(permits))
    nearest = [fewest(counts, some & ~elsewhere or some) for some in permits]
    return tuple(
        miss_of(rules.ready[rules.index.places(some)[0]], query) for some in nearest if some
    )


def miss_of(one: ReadyRule, query: Query) -> NearestMiss:
    """Give what a rule that does not match has missed."""
    no, unknown = Match.NO, Match.UNKNOWN
    matches = [(condition.selector, check(condition, query)) for condition in one.when]
    return NearestMiss(
        layer=one.rule.layer,
        rule=one.rule.id,
        failed=tuple(selector for selector, match in matches if match is no),
        unknown=tuple(selector for selector, match in matches if match is unknown),
    )


def _sentences(
    rules: RuleSet, query: Query, decision: Decision, nearest: tuple[NearestMiss, ...]
) -> Iterator[str]:
    reasons = {one.rule.id: told(one, query) for one in rules.enforced if one.applies(query)}
    missed = {miss.layer: miss for miss in nearest}
    yield f"{decision.effect.upper()}: {decision.reason}"
    if decision.remedy:
        yield f"What helps: {decision.remedy}"
    for layer in decision.layers:
        yield f"{layer.layer:<10} {layer.result}"
        yield from _spoken(layer, reasons)
        if layer.layer in missed:
            yield _missing(missed[layer.layer])
    for owed in decision.obligations:
        said = owed.model_dump(mode="json", exclude={"kind"})
        yield f"owed: {owed.kind} {', '.join(f'{name} {value}' for name, value in said.items())}"
    for seen in decision.shadow:
        yield f"only reported: `{seen.rule}` would {seen.would}"
    if decision.unknown:
        yield f"not known: {', '.join(decision.unknown)}"
    yield from (f"mistyped: {error}" for error in query.errors)


def _spoken(layer: LayerResult, reasons: dict[str, str]) -> Iterator[str]:
    for did, ids in (
        ("permitted", layer.permitted_by),
        ("denied", layer.denied_by),
        ("required", layer.required_by),
    ):
        yield from (f"  {did} by `{name}`: {reasons[name]}" for name in ids)


def _missing(miss: NearestMiss) -> str:
    failed = [f"missed on {', '.join(miss.failed)}"] if miss.failed else []
    unknown = [f"in doubt on {', '.join(miss.unknown)}"] if miss.unknown else []
    return f"  nearest permit `{miss.rule}`: {'; '.join(failed + unknown)}"
