"""The request that a solution stands for, as raw facts anybody can ask the decision point.

Answers  which query a choice of all symbols is.
Never    invents what matters: what is added binds no condition of any rule.
Rules    - a missing fact is left out; a text no rule uses gets a made-up word, alike if they equal.
         - what a plan's lists hold beyond the words looked for is completed, so axioms hold.
         - a time is a real moment of every zone; where there is none, the solution is not one.
"""

from collections.abc import Iterable
from typing import Any

from policy.facts import FACTS, Kind
from policy.prove.solver import z3
from policy.prove.symbols import Formula, Symbols
from policy.prove.timeline import TimeCondition, moment

Raw = dict[str, dict[str, Any]]


class NoSuchMoment(Exception):  # noqa: N818 - a finding, not a fault
    """No moment is like that; `wanted` is what cannot be had all at once."""

    def __init__(self, wanted: dict[TimeCondition, bool]) -> None:
        super().__init__(f"no moment satisfies {len(wanted)} conditions at once")
        self.wanted = wanted


def request(symbols: Symbols, model: Any) -> Raw:
    """Give the raw facts of a solution; raises NoSuchMoment."""
    values = {
        name: _value(symbols, model, name)
        for name in symbols.facts
        if not _true(model, symbols.missing(name))
    }
    if "plan.actions" in values:
        values["plan.actions"] |= values.get("plan.before", set())
        values["plan.actions"] |= {values["action.id"]} if "action.id" in values else set()
    raw: Raw = {}
    for name, value in values.items():
        section, _, leaf = name.partition(".")
        raw.setdefault(section, {})[leaf] = sorted(value) if isinstance(value, set) else value
    return raw


def _value(symbols: Symbols, model: Any, fact: str) -> Any:
    symbol = symbols.values[fact]
    match FACTS[fact].kind:
        case Kind.TRUTH:
            return _true(model, symbol)
        case Kind.TEXTS | Kind.IDS:
            return {word for word, there in symbol.items() if _true(model, there)}
        case Kind.COUNT:
            return _number(model, symbol)
        case Kind.TIME:
            return _time(symbols, model)
        case Kind.TEXT | Kind.ID:
            words = [*symbols.words(fact)]
            code = _number(model, symbol)
            return words[code] if code < len(words) else _another(code - len(words), words)


def _time(symbols: Symbols, model: Any) -> str:
    wanted = {one: _true(model, symbols.holds(one)) for one in symbols.times}
    if (now := moment(wanted)) is None:
        raise NoSuchMoment(_fewest(wanted))
    return now.isoformat().replace("+00:00", "Z")


def _fewest(wanted: dict[TimeCondition, bool]) -> dict[TimeCondition, bool]:
    """Leave out what is not needed for there to be no moment: it then rules out more at once."""
    for one in [*wanted]:
        less = {other: want for other, want in wanted.items() if other is not one}
        if moment(less) is None:
            wanted = less
    return wanted


def _another(number: int, words: Iterable[str]) -> str:
    prefix = "another"
    while any(word.startswith(prefix) for word in words):
        prefix += "-one"
    return f"{prefix}-{number + 1}"


def _number(model: Any, symbol: Formula) -> int:
    return int(model.eval(symbol, model_completion=True).as_long())


def _true(model: Any, formula: Formula) -> bool:
    return bool(z3.is_true(model.eval(formula, model_completion=True)))


def without(raw: Raw, fact: str) -> Raw:
    """Give the same facts but one."""
    section, _, leaf = fact.partition(".")
    kept = {n: value for n, value in raw.get(section, {}).items() if n != leaf}
    less = {name: kept if name == section else facts for name, facts in raw.items()}
    return {name: facts for name, facts in less.items() if facts}
