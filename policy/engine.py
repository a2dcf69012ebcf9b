"""The index: for one query, which of many rules match, which only may, and what each one misses.

Answers  what `policy.reference` finds by looking at one rule after another, for all at once.
Never    decides: it knows no layer, effect or mode, only conditions and a rule's place in a list.
Rules    - a set of rules is one whole number, a bit for each; the first rule is the highest bit,
           so that the binary digits read like the list.
         - a column holds every condition of one selector and, given a value, names the rules that
           fail on it; a rule that does not use the selector is in none of its answers.
         - what fails, fails: a rule is in doubt only where nothing of it fails.
         - what a query costs grows with the selectors in use, not with the words of its lists.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import accumulate
from operator import or_, xor
from typing import Any, NamedTuple

from policy import conditions as kinds
from policy.conditions import Condition
from policy.query import Fact, Known

Rules = int
"""A set of rules."""
Placed = Sequence[tuple[Any, Rules]]
"""The conditions of one selector, each with the rule that it belongs to."""
Fails = Callable[[Any], Rules]
"""Given a known value, the rules that fail on it."""

_DAY = 24 * 60
_WEEK = 7 * _DAY


class Column(NamedTuple):
    """One selector: where it is written, the fact it reads, its rules, and which fail on what."""

    selector: str
    fact: str
    rules: Rules
    fails: Fails


class Found(NamedTuple):
    """The rules that match, those that only may, and whom each column of `when` keeps out."""

    surely: Rules
    perhaps: Rules
    missed: Sequence[Rules]


@dataclass(frozen=True, slots=True)
class Index:
    """Many rules, ready to be asked all at once."""

    every: Rules
    when: tuple[Column, ...]
    unless: tuple[Column, ...]
    exemptible: Rules

    @classmethod
    def of(cls, rules: Sequence[tuple[Sequence[Condition], Sequence[Condition] | None]]) -> "Index":
        """Index rules, each given as the conditions of its `when` and of its `unless`, if any."""
        bits = [1 << place for place in reversed(range(len(rules)))]
        return cls(
            every=members(True for _ in rules),
            when=_columns(zip((when for when, _ in rules), bits, strict=True)),
            unless=_columns(zip((unless or () for _, unless in rules), bits, strict=True)),
            exemptible=members(unless is not None for _, unless in rules),
        )

    def ask(self, facts: Mapping[str, Fact]) -> Found:
        """Find what matches and what may: `when` and not `unless`, in Kleene's logic of doubt."""
        failed, doubtful, missed = _ask(self.when, facts)
        bound, perhaps_exempt, _ = _ask(self.unless, facts)
        matching = self.every & ~failed & ~(self.exemptible & ~bound & ~perhaps_exempt)
        in_doubt = doubtful | (perhaps_exempt & ~bound)
        return Found(matching & ~in_doubt, matching & in_doubt, missed)

    def places(self, rules: Rules) -> list[int]:
        """Give the places of the rules of a set, in their order."""
        if not rules:
            return []
        digits = f"{rules:0{self.every.bit_length()}b}"
        # With a zero more before each 1, the runs of zeros add up to the places of the ones.
        runs = map(len, digits.replace("1", "01").split("1")[:-1])
        return list(accumulate(runs, initial=-1))[1:]


def members(tests: Iterable[bool]) -> Rules:
    """Give the set of those rules, in the order of their list, of which the test is true."""
    return int("".join("01"[test] for test in tests) or "0", 2)


def tally(sets: Iterable[Rules], among: Rules) -> list[Rules]:
    """Count the sets that hold each rule: one set a binary digit, the lowest digit first."""
    counts: list[Rules] = []
    for carry in filter(None, (one & among for one in sets)):
        for digit, counted in enumerate(counts):
            counts[digit], carry = counted ^ carry, counted & carry
        if carry:
            counts.append(carry)
    return counts


def fewest(counts: Sequence[Rules], among: Rules) -> Rules:
    """Narrow a set down to the rules of the smallest count."""
    for counted in reversed(counts):
        among = among & ~counted or among
    return among


def union(sets: Iterable[Rules]) -> Rules:
    """Give the rules that any of these sets holds."""
    return reduce(or_, sets, 0)


def _columns(clauses: Iterable[tuple[Sequence[Condition], Rules]]) -> tuple[Column, ...]:
    placed: dict[tuple[type[Condition], str, str], list[tuple[Condition, Rules]]] = {}
    for conditions, rule in clauses:
        for one in conditions:
            placed.setdefault((type(one), one.selector, one.fact), []).append((one, rule))
    return tuple(
        Column(selector, fact, union(rule for _, rule in those), COLUMNS[kind](those))
        for (kind, selector, fact), those in placed.items()
    )


def _ask(
    columns: Sequence[Column], facts: Mapping[str, Fact]
) -> tuple[Rules, Rules, Sequence[Rules]]:
    """Give the rules of which something fails or is in doubt, and whom each column keeps out."""
    failed = doubtful = 0
    missed = []
    for _, name, rules, fails in columns:
        fact = facts[name]
        if isinstance(fact, Known):
            missing = fails(fact.value)
            failed |= missing
        else:
            missing = rules
            doubtful |= missing
        missed.append(missing)
    return failed, doubtful, missed


def _by_word(placed: Iterable[tuple[Iterable[object], Rules]]) -> dict[object, Rules]:
    table: dict[object, Rules] = defaultdict(int)
    for words, rule in placed:
        for word in words:
            table[word] |= rule
    return dict(table)


def _one_word(table: Mapping[object, Rules]) -> Fails:
    every = union(table.values())
    failing = {word: every ^ rules for word, rules in table.items()}
    return lambda value: failing.get(value, every)


def _membership(placed: Placed) -> Fails:
    return _one_word(_by_word((one.words, rule) for one, rule in placed))


def _equals(placed: Placed) -> Fails:
    return _one_word(_by_word(((one.wanted,), rule) for one, rule in placed))


def _in_common(placed: Placed) -> Fails:
    table = _by_word((one.words, rule) for one, rule in placed)
    words, rules_of = frozenset(table), table.__getitem__
    # Only words that a rule mentions are looked up: a very long list costs what a short one does.
    return lambda value: reduce(or_, map(rules_of, words & value), 0)


def _any_of(placed: Placed) -> Fails:
    every, in_common = union(rule for _, rule in placed), _in_common(placed)
    return lambda value: every ^ in_common(value)


def _steps(at_first: Rules, changes: Iterable[tuple[Any, Rules]]) -> Fails:
    """Give what fails along an axis: it starts as `at_first`, and at each point some rules flip."""
    flipped: dict[Any, Rules] = defaultdict(int)
    for point, rules in changes:
        flipped[point] ^= rules
    points = sorted(flipped)
    levels = tuple(accumulate((flipped[point] for point in points), xor, initial=at_first))
    return lambda value: levels[bisect_right(points, value)]


def _at_most(placed: Placed) -> Fails:
    return _steps(0, ((one.bound + 1, rule) for one, rule in placed))


def _at_least(placed: Placed) -> Fails:
    return _steps(union(rule for _, rule in placed), ((one.bound, rule) for one, rule in placed))


def _validity(placed: Placed) -> Fails:
    begins = [(one.valid_from, rule) for one, rule in placed if one.valid_from is not None]
    ends = [(one.valid_until, rule) for one, rule in placed if one.valid_until is not None]
    return _steps(union(rule for _, rule in begins), begins + ends)


def _window(placed: Placed) -> Fails:
    zones: dict[Any, list[tuple[kinds.Window, Rules]]] = defaultdict(list)
    for one, rule in placed:
        zones[one.zone].append((one, rule))
    weeks = [
        (zone, _steps(union(rule for _, rule in those), _openings(those)))
        for zone, those in zones.items()
    ]

    def fails(value: datetime) -> Rules:
        failed = 0
        for zone, at in weeks:
            local = value.astimezone(zone)
            failed |= at(local.weekday() * _DAY + local.hour * 60 + local.minute)
        return failed

    return fails


def _openings(placed: Iterable[tuple[kinds.Window, Rules]]) -> Iterator[tuple[int, Rules]]:
    """Give the minutes of the week at which a window opens or closes."""
    for one, rule in placed:
        for day in one.days:
            opens, closes = day * _DAY + one.opens, day * _DAY + one.closes
            closes += _DAY if opens > closes else 0
            yield from ((opens, rule), (closes % _WEEK, rule))
            if closes >= _WEEK:  # it is open when the week begins, or closes in that very minute
                yield 0, rule


COLUMNS: Mapping[type[Condition], Callable[[Placed], Fails]] = {
    kinds.Membership: _membership,
    kinds.AnyOf: _any_of,
    kinds.NoneOf: _in_common,
    kinds.AtLeast: _at_least,
    kinds.AtMost: _at_most,
    kinds.Equals: _equals,
    kinds.Window: _window,
    kinds.Validity: _validity,
}
