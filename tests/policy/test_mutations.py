"""Would the tests notice? Faults are put into the decision core one by one; each must show.

The mutants are made of the source text, in this process: the core is built anew around the fault
and is asked the golden corpus, a few questions, and whether its engine and its reference still
agree in random worlds. Nothing here compares with the unharmed core: what notices a fault is what
the other tests check, too. A mutant whose text is no longer in the source fails: it proves nothing.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType
from typing import Any

import pytest

from policy.pack import SHIPPED, load
from policy.query import Query
from policy.rule import Rule
from tests.policy.mutants import MUTANTS
from tests.policy.worlds import SELECTORS, facts, rules

CORE = ("engine", "decide", "explain", "reference")
FOLDER = SHIPPED.parent
SOURCES = {name: (FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in CORE}
PACKS = {name: load(SHIPPED / name) for name in ("global", "tenant-default")}
CASES = []
for _file in sorted((FOLDER / "corpus").glob("*.json")):
    _case = json.loads(_file.read_text(encoding="utf-8"))
    _rules = [Rule.of(record) for record in _case.get("rules", [])]
    _rules += [rule for pack in _case.get("packs", []) for rule in PACKS[pack]]
    CASES.append((_case["name"], _rules, Query.of(_case["query"]), _case["decision"]))
_rng = Random(11)
# Hours and numbers are few among all selectors: some worlds are made of little else.
_FEW = [
    one for one in SELECTORS if one[1] == "window" or one[2].fact in ("action.risk", "action.id")
]
WORLDS = [
    (
        [Rule.of(record) for record in rules(_rng, most=20, among=among)],
        [Query.of(facts(_rng, *doubt)) for doubt in ((0, 0), (0.05, 0.02), (0.3, 0.1)) * 4],
    )
    for among in [SELECTORS, SELECTORS, _FEW] * 20
]


class Core:
    """The decision core, built of these sources."""

    def __init__(self, built: dict[str, ModuleType]) -> None:
        self.engine, self.decide, self.explain, self.reference = (built[name] for name in CORE)


@contextmanager
def core(sources: dict[str, str]) -> Iterator[Any]:
    names = [f"policy.{name}" for name in CORE]
    kept = {name: sys.modules.get(name) or importlib.import_module(name) for name in names}
    built: dict[str, ModuleType] = {}
    try:
        for name, source in sources.items():
            module = ModuleType(f"policy.{name}")
            sys.modules[module.__name__] = built[name] = module
            exec(compile(source, f"mutant of {name}", "exec"), module.__dict__)  # noqa: S102
        yield Core(built)
    finally:
        sys.modules.update(kept)


def faults(core: Any) -> Iterator[str]:
    """Name the checks that this core fails."""
    checks = [lambda: _repeats(core)]
    checks += [lambda case=case: _golden(core, *case) for case in CASES]
    checks += [lambda world=world: _agrees(core, *world) for world in WORLDS]
    for check in checks:
        try:
            fault = check()
        except Exception as broken:  # a fault may show in any way
            fault = repr(broken)
        if fault:
            yield fault


def _repeats(core: Any) -> str:
    try:
        core.decide.RuleSet.of([PACKS["global"][0]] * 2)
    except ValueError:
        return ""
    return "two rules of one id"


def _golden(core: Any, name: str, some: list[Rule], query: Query, expected: Any) -> str:
    policy = core.decide.RuleSet.of(some)
    decisions = [core.decide.decide(policy, query), core.reference.decide(policy, query)]
    said = [decision.model_dump(mode="json") for decision in decisions]
    return "" if said == [expected] * 2 else name


def _agrees(core: Any, some: list[Rule], queries: list[Query]) -> str:
    policy = core.decide.RuleSet.of(some)
    for query in queries:
        decision, found = core.decide.trace(policy, query)
        if decision != core.reference.decide(policy, query):
            return "the engine and the reference decide differently"
        nearest = core.explain.near_misses(policy, query, decision, found)
        if nearest != core.reference.near_misses(policy, query, decision):
            return "the engine and the reference see different near misses"
    return ""


def test_the_original_has_no_fault() -> None:
    with core(SOURCES) as built:
        assert list(faults(built)) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_in_the_decision_core_shows(name: str) -> None:
    where, before, after = MUTANTS[name]
    assert SOURCES[where].count(before) == 1, f"the mutant is out of date: {before}"
    with core({**SOURCES, where: SOURCES[where].replace(before, after)}) as built:
        assert next(faults(built), None), f"nothing notices that {name}"
