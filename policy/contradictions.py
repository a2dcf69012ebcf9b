"""Rules that cannot mean what they say: what never applies, what says the same, what is no use.

Answers  whether some query exists to which a rule applies, judged by its own selectors, by the
         catalogue of actions and by the other rules of its layer.
Never    needs a solver or a clock: only what can be seen by laying selectors side by side.
Rules    - a word that can never match is as wrong as a rule that can never apply.
         - a permit that a deny of its own layer always overrides is wrong: one of them is meant.
         - a permit that another permit covers is only remarked upon: it changes no decision, and
           may be kept for its reason or for the day the wider one goes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from policy.actions import CATALOGUE, ActionType
from policy.conditions import AnyOf, AtLeast, AtMost, Condition, Equals, Membership, NoneOf
from policy.rule import Effect, Mode, Rule
from policy.words import Complaint, words_of

_SPLIT = "correct the selector, or make it a rule of its own"

# What the catalogue knows of an action, by the fact that would tell it
_TELLS: Mapping[str, Callable[[ActionType], object]] = {
    "action.id": lambda kind: kind.id,
    "action.family": lambda kind: kind.family,
    "action.risk": lambda kind: kind.risk,
    "action.reversible": lambda kind: kind.reversible,
    "action.effects": lambda kind: kind.effects,
    "target.type": lambda kind: kind.target,
}


def possible(conditions: Iterable[Condition]) -> tuple[ActionType, ...]:
    """Give the actions of the catalogue that all these conditions let through."""
    told = [c for c in conditions if c.fact in _TELLS]
    barred = {
        word
        for c in conditions
        if isinstance(c, NoneOf) and c.fact == "plan.actions"  # the plan holds the action itself
        for word in c.words
    }
    return tuple(
        kind
        for kind in CATALOGUE.values()
        if kind.id not in barred and all(c.holds(_TELLS[c.fact](kind)) for c in told)
    )


def wrong_selectors(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """Name where in a rule, and why, selectors can never match: place, sentence, remedy."""
    when, unless = rule.conditions(), rule.exemption()
    yield from ((f"when.{at}", sentence, remedy) for at, sentence, remedy in _never(when))
    if unless is None:
        return
    alone = [*_never(unless)]
    yield from ((f"unless.{at}", sentence, remedy) for at, sentence, remedy in alone)
    if not alone and implied(unless, when):
        yield "unless", "it exempts everything that `when` matches", "narrow `unless`"
    elif not alone and not [*_never(when)] and [*_clash((*when, *unless))]:
        yield "unless", "it can never be true where `when` is", "correct `unless` or remove it"


def _never(conditions: Sequence[Condition]) -> Iterator[tuple[str, str, str]]:
    clash = [*_clash(conditions)]
    yield from clash
    if clash:
        return
    kinds = possible(conditions)
    for condition in conditions:
        if isinstance(condition, Membership | AnyOf) and condition.fact in _TELLS:
            alive = {word for kind in kinds for word in _told(condition.fact, kind)}
            for word in sorted(condition.words & _spoken(condition.fact) - alive):
                yield (
                    condition.selector,
                    f"`{word}` never matches together with the other selectors",
                    "compare with policy/actions.py; take the word out or loosen the others",
                )


def _clash(conditions: Sequence[Condition]) -> Iterator[tuple[str, str, str]]:
    """Name the first of two selectors that exclude each other, or all actions together."""
    for number, one in enumerate(conditions):
        for other in conditions[number + 1 :]:
            if excludes(one, other) or excludes(other, one):
                sentence = f"it can never be true together with `{other.selector}`"
                yield one.selector, sentence, _SPLIT
    told = [c for c in conditions if c.fact in _TELLS and _is_spoken(c)]
    if told and not possible(conditions):
        sentence = f"no action of the catalogue matches {_names(told)}"
        yield told[0].selector, sentence, "compare with policy/actions.py"


def _names(conditions: Iterable[Condition]) -> str:
    return ", ".join(f"`{c.selector}`" for c in conditions)


def _told(fact: str, kind: ActionType) -> frozenset[str]:
    said = _TELLS[fact](kind)
    return said if isinstance(said, frozenset) else frozenset({str(said)})


def _spoken(fact: str) -> frozenset[str]:
    """Give every word the catalogue knows for this fact; others are told as unknown words."""
    return frozenset().union(*(_told(fact, kind) for kind in CATALOGUE.values()))


def _is_spoken(condition: Condition) -> bool:
    if isinstance(condition, Membership | AnyOf):
        return bool(condition.words & _spoken(condition.fact))
    return True


def excludes(one: Condition, other: Condition) -> bool:
    """Say whether no value satisfies both, as far as their kinds show it."""
    if one.fact == "plan.before" and other.fact == "plan.actions":
        # What comes before is a part of the plan.
        parts = isinstance(one, AnyOf) and isinstance(other, NoneOf)
        return parts and words_of(one) <= words_of(other)
    if one.fact != other.fact:
        return False
    match one, other:
        case Membership(), Membership():
            return one.words.isdisjoint(other.words)
        case AnyOf(), NoneOf():
            return one.words <= other.words
        case AtLeast(), AtMost():
            return one.bound > other.bound
        case Equals(), Equals():
            return one.wanted != other.wanted
        case _:
            return False


def implies(one: Condition, other: Condition) -> bool:
    """Say whether every value that satisfies one satisfies the other, as far as kinds show it."""
    if one.fact != other.fact:
        return False
    match one, other:
        case Membership(), Membership():
            return one.words <= other.words
        case AnyOf(), AnyOf():
            return one.words <= other.words
        case NoneOf(), NoneOf():
            return one.words >= other.words
        case AtMost(), AtMost():
            return one.bound <= other.bound
        case AtLeast(), AtLeast():
            return one.bound >= other.bound
        case _:
            return one == other


def implied(general: Iterable[Condition], specific: Sequence[Condition]) -> bool:
    """Say whether whatever satisfies all the specific conditions satisfies the general ones."""
    return all(any(implies(one, wide) for one in specific) for wide in general)


def overridden(rules: Sequence[Rule]) -> Iterator[tuple[int, Complaint]]:
    """Name each permit that a deny of its own layer always overrides, by its place in `rules`."""
    denies = [r for r in rules if _counts(r, Effect.DENY) and r.unless is None]
    ready = [(r, r.conditions()) for r in denies]
    for number, rule in enumerate(rules):
        if not _counts(rule, Effect.PERMIT):
            continue
        when = rule.conditions()
        kinds = possible(when)
        for deny, always in ready:
            open_ = [c for c in always if not _all_are(c, kinds)]
            if deny.layer is rule.layer and implied(open_, when):
                sentence = f"`{deny.id}` of the same layer denies all that this permits"
                yield number, (sentence, "remove one of them, or narrow the deny")


def covered(rules: Sequence[Rule]) -> Iterator[tuple[int, Complaint]]:
    """Name each permit that another permit of its layer covers, by its place in `rules`."""
    ready = [(n, r, r.conditions()) for n, r in enumerate(rules) if _counts(r, Effect.PERMIT)]
    for number, rule, when in ready:
        for _, other, wide in ready:
            if other.layer is rule.layer and implied(wide, when) and not implied(when, wide):
                sentence = f"`{other.id}` of the same layer permits all that this permits"
                yield number, (sentence, "it can go, unless you keep it for its reason")


def _all_are(condition: Condition, kinds: Sequence[ActionType]) -> bool:
    told = _TELLS.get(condition.fact)
    return told is not None and all(condition.holds(told(kind)) for kind in kinds)


def _counts(rule: Rule, effect: Effect) -> bool:
    return rule.effect is effect and rule.mode is Mode.ENFORCE


def meaning(rule: Rule) -> object:
    """Give what a rule decides: equal for rules that differ in name, words and order only."""
    unless = rule.exemption()
    return (
        *(rule.layer, rule.effect, rule.mode, frozenset(rule.conditions())),
        None if unless is None else frozenset(unless),
        frozenset(rule.obligations),
    )
