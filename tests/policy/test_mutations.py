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

# The module, what is there, what is put there instead. Three faults are not here because they
# change no answer: a reported rule among those in doubt (only enforced ones are looked for), one
# column for all selectors of one type and fact (a rule has at most one of them in a clause), and
# counting the misses of rules that are not asked about (they are sorted out at the end).
MUTANTS = {
    # Which rules apply: one rule after another.
    "a doubtful permit permits": (
        "decide",
        "least = Match.YES if self.effect is _PERMIT else",
        "least =",
    ),
    "a doubtful restraint is dropped": (
        "decide",
        "if self.effect is _PERMIT else Match.UNKNOWN",
        "if self.effect is _PERMIT else Match.YES",
    ),
    "every rule applies": ("decide", "return self.match(query) >= least", "return True"),
    "no rule applies": ("decide", "return self.match(query) >= least", "return False"),
    "an exemption works the wrong way": ("decide", "Match(-every(", "Match(every("),
    "exemptions are ignored": ("decide", "if self.unless is None else", "if True else"),
    "a conjunct is dropped": (
        "decide",
        "for condition in conditions)",
        "for condition in list(conditions)[1:])",
    ),
    "and is or": ("decide", "return min((check(", "return max((check("),
    "no condition is no match": ("decide", "default=Match.YES", "default=Match.NO"),
    "a no is a doubt": (
        "decide",
        "if condition.holds(fact.value) else Match.NO",
        "if condition.holds(fact.value) else Match.UNKNOWN",
    ),
    "an unknown fact is a no": ("decide", "    return Match.UNKNOWN\n", "    return Match.NO\n"),
    "an unknown fact is a yes": ("decide", "    return Match.UNKNOWN\n", "    return Match.YES\n"),
    # Which rules are heard.
    "report-only counts": (
        "decide",
        "for mode in (Mode.ENFORCE, Mode.REPORT_ONLY)",
        "for mode in (Mode.REPORT_ONLY, Mode.ENFORCE)",
    ),
    "a sleeping rule is reported": (
        "decide",
        "if rule.mode is mode)",
        "if mode in (rule.mode, Mode.REPORT_ONLY))",
    ),
    "only what is reported is asked about": (
        "decide",
        "asks=_facts_asked(enforced)",
        "asks=_facts_asked(reported)",
    ),
    "a repeated id is let through": ("decide", "if name == following})", "if False})"),
    "rules are named in the order of storage": (
        "decide",
        "every_rule = sorted(rules, key=lambda rule: (_LAYERS.index(rule.layer), rule.id))",
        "every_rule = list(rules)",
    ),
    # From rules to an answer.
    "one open layer is enough": ("decide", "permitted = all(layer", "permitted = any(layer"),
    "silence permits": ("decide", 'if permits else "silent"', 'if permits else "permit"'),
    "a permit beats a deny": (
        "decide",
        '"deny" if denies else "permit" if permits',
        '"permit" if permits else "deny" if denies',
    ),
    "effects are mixed": ("decide", "named[0::3], named[1::3]", "named[1::3], named[0::3]"),
    "layers are mixed": ("decide", "_LAYERS.index(rule.layer) +", "0 +"),
    "only the first obligation is owed": (
        "decide",
        "for owed in one.rule.obligations)",
        "for owed in one.rule.obligations[:1])",
    ),
    "obligations do not unite": (
        "decide",
        "merge(owed for one in restraints",
        "merge(owed for one in restraints[:1]",
    ),
    "unknowns are not told": ("decide", "if isinstance(query.facts[name], Unknown)]", "if False]"),
    "what is derived is told as unknown": ("decide", "asked - {SAME_DEPARTMENT}", "asked"),
    "what it is derived of is not told": ("decide", "if SAME_DEPARTMENT in asked:", "if False:"),
    "shadows are not told": ("decide", "for one in applying.reported]", "for one in ()]"),
    "a permit is told why it might be denied": (
        "decide",
        "_REQUIRE if permitted else _DENY",
        "_DENY if permitted else _REQUIRE",
    ),
    "a fear is told as certain": ("decide", "if one not in applying.in_doubt]", "]"),
    "a certainty is told as a fear": ("decide", "if one not in applying.in_doubt]", "if False]"),
    "a fear is told with the rule's remedy": (
        "decide",
        "if permitted else _NOBODY_COULD_READ",
        "if True else _NOBODY_COULD_READ",
    ),
    "a fear names what is known": ("decide", "if not isinstance(query.facts[c.fact], Known)}", "}"),
    "the wrong layers are called silent": (
        "decide",
        "if layer not in spoke]",
        "if layer in spoke]",
    ),
    # What the index finds, put into rules.
    "a doubtful permit permits in the engine": (
        "decide",
        "found.perhaps & ~rules.permits",
        "found.perhaps",
    ),
    "doubt is dropped in the engine": (
        "decide",
        "applying, reported = found.surely | in_doubt",
        "applying, reported = found.surely",
    ),
    "certainty is dropped in the engine": (
        "decide",
        "applying, reported = found.surely | in_doubt",
        "applying, reported = in_doubt",
    ),
    "report-only counts in the engine": (
        "decide",
        "sets = (applying & ~reported,",
        "sets = (applying,",
    ),
    "everything is only reported": ("decide", "applying & reported)\n", "applying)\n"),
    "the reported ones are one too few": (
        "decide",
        "(1 << len(self.reported)) - 1",
        "(1 << len(self.reported)) // 2 - 1",
    ),
    "permits are not known": (
        "decide",
        "permits=members(one.effect is _PERMIT",
        "permits=members(one.effect is _DENY",
    ),
    "a layer's rules are not known": (
        "decide",
        "members(r.rule.layer is layer for",
        "members(r.rule.layer is not layer for",
    ),
    # The index: its algebra.
    "what fails is not dropped": ("engine", "self.every & ~failed & ~(", "self.every & ~("),
    "exemptions are ignored in the engine": (
        "engine",
        "~(self.exemptible & ~bound & ~perhaps_exempt)",
        "~0",
    ),
    "a doubtful exemption exempts": ("engine", "~bound & ~perhaps_exempt)", "~bound)"),
    "an exemption that fails exempts": (
        "engine",
        "self.exemptible & ~bound & ~perhaps_exempt",
        "self.exemptible & ~perhaps_exempt",
    ),
    "every rule is exempt": ("engine", "~(self.exemptible & ~bound", "~(~bound"),
    "no rule is exemptible": (
        "engine",
        "unless is not None for _, unless in rules",
        "False for _ in rules",
    ),
    "a doubtful exemption leaves no doubt": (
        "engine",
        "in_doubt = doubtful | (perhaps_exempt & ~bound)",
        "in_doubt = doubtful",
    ),
    "an exemption that fails leaves a doubt": (
        "engine",
        "(perhaps_exempt & ~bound)\n",
        "perhaps_exempt\n",
    ),
    "doubt in `when` is forgotten": ("engine", "in_doubt = doubtful | (", "in_doubt = ("),
    "a doubt is certain": ("engine", "Found(matching & ~in_doubt,", "Found(matching,"),
    "a certainty is a doubt": ("engine", "~in_doubt, matching & in_doubt,", "~in_doubt, matching,"),
    "every query sees one rule less": (
        "engine",
        "members(True for _ in rules)",
        "members(True for _ in rules[1:])",
    ),
    "a rule is taken for its neighbour": (
        "engine",
        "for place in reversed(range(len(rules)))",
        "for place in range(len(rules))",
    ),
    "`unless` is not indexed": (
        "engine",
        "(unless or () for _, unless in rules)",
        "(() for _ in rules)",
    ),
    "places are off by one": ("engine", "initial=-1", "initial=0"),
    "places forget the ones before": ("engine", 'replace("1", "01").split', "split"),
    "a leading rule is lost": ("engine", "{rules:0{self.every.bit_length()}b}", "{rules:b}"),
    "no set is empty": (
        "engine",
        "        if not rules:\n            return []\n",
        "        rules = rules or 1\n",
    ),
    "members are the others": ("engine", '"01"[test]', '"10"[test]'),
    # The index: asking columns.
    "an unknown fact fails": (
        "engine",
        "            doubtful |= missing",
        "            failed |= missing",
    ),
    "an unknown fact is forgotten": (
        "engine",
        "            doubtful |= missing",
        "            pass",
    ),
    "a failure is a doubt": (
        "engine",
        "            failed |= missing",
        "            doubtful |= missing",
    ),
    "only the last column fails": (
        "engine",
        "            failed |= missing",
        "            failed = missing",
    ),
    "only the last column doubts": (
        "engine",
        "            doubtful |= missing",
        "            doubtful = missing",
    ),
    "a column's doubt is not a miss": (
        "engine",
        "            missing = rules\n            doubtful |= missing",
        "            missing = 0\n            doubtful |= rules",
    ),
    "a column doubts for all rules but its own": (
        "engine",
        "Column(selector, fact, union(rule for _, rule in those)",
        "Column(selector, fact, ~union(rule for _, rule in those)",
    ),
    "only the first rule of a column counts": (
        "engine",
        "one.fact), []).append((one, rule))",
        "one.fact), [(one, rule)])",
    ),
    # The index: columns.
    "a word belongs to its last rule": (
        "engine",
        "            table[word] |= rule",
        "            table[word] = rule",
    ),
    "an unheard word satisfies": ("engine", "failing.get(value, every)", "failing.get(value, 0)"),
    "one word fails for those that name it": (
        "engine",
        "word: every ^ rules for word",
        "word: rules for word",
    ),
    "any-of is none-of": ("engine", "every ^ in_common(value)", "in_common(value)"),
    "none-of is any-of": ("engine", "kinds.NoneOf: _in_common", "kinds.NoneOf: _any_of"),
    "all words must be in common": (
        "engine",
        "reduce(or_, map(rules_of, words & value), 0)",
        "reduce(lambda a, b: a & b, map(rules_of, words & value), -1) & union(table.values())",
    ),
    "one word in common is not enough": (
        "engine",
        "words & value), 0)",
        "words & value if len(words & value) > 1 else ()), 0)",
    ),
    "steps do not flip back": (
        "engine",
        "        flipped[point] ^= rules",
        "        flipped[point] |= rules",
    ),
    "a later change is forgotten": (
        "engine",
        "        flipped[point] ^= rules",
        "        flipped[point] = rules",
    ),
    "steps do not add up": (
        "engine",
        "for point in points), xor, initial",
        "for point in points), lambda _, now: now, initial",
    ),
    "steps begin from nothing": ("engine", "initial=at_first", "initial=0"),
    "a step is reached too late": (
        "engine",
        "bisect_right(points, value)",
        "bisect_right(points, value) - (value in points)",
    ),
    "points are not in order": ("engine", "points = sorted(flipped)", "points = list(flipped)"),
    "a largest value is excluded": ("engine", "one.bound + 1, rule", "one.bound, rule"),
    "a largest value is one more": ("engine", "one.bound + 1, rule", "one.bound + 2, rule"),
    "at most fails at first": (
        "engine",
        "_steps(0, ((one.bound + 1",
        "_steps(union(r for _, r in placed), ((one.bound + 1",
    ),
    "at least holds at first": (
        "engine",
        "_steps(union(rule for _, rule in placed), ((one.bound",
        "_steps(0, ((one.bound",
    ),
    "a least value is excluded": ("engine", "((one.bound, rule)", "((one.bound + 1, rule)"),
    "a rule that has an end never begins": (
        "engine",
        "union(rule for _, rule in begins)",
        "union(rule for _, rule in placed)",
    ),
    "a rule has no beginning": (
        "engine",
        "_steps(union(rule for _, rule in begins), begins + ends)",
        "_steps(0, ends)",
    ),
    "a rule has no end": ("engine", "begins + ends)", "begins)"),
    "only one time zone counts": ("engine", "for zone, at in weeks:", "for zone, at in weeks[:1]:"),
    "all windows are in one zone": (
        "engine",
        "zones[one.zone].append",
        "zones[placed[0][0].zone].append",
    ),
    "windows are in UTC": ("engine", "value.astimezone(zone)", "value"),
    "minutes are forgotten": ("engine", "local.hour * 60 + local.minute", "local.hour * 60"),
    "every day is Monday": ("engine", "local.weekday() * _DAY", "0"),
    "the week begins on Sunday": ("engine", "local.weekday()", "(local.isoweekday() % 7)"),
    "windows do not wrap past midnight": (
        "engine",
        "closes += _DAY if opens > closes else 0",
        "closes += 0",
    ),
    "windows do not wrap past the week": ("engine", "closes % _WEEK", "closes"),
    "a window over the week's end is shut when it begins": (
        "engine",
        "                yield 0, rule",
        "                pass",
    ),
    "a window that ends with the week wraps": (
        "engine",
        "if closes >= _WEEK:",
        "if closes > _WEEK:",
    ),
    # The nearest miss.
    "sums do not carry": ("engine", "counted ^ carry, counted & carry", "counted | carry, 0"),
    "a carry is lost": (
        "engine",
        "            counts.append(carry)",
        "            counts.append(carry) if not counts else None",
    ),
    "the most misses are the nearest": (
        "engine",
        "among & ~counted or among",
        "among & counted or among",
    ),
    "small differences come first": (
        "engine",
        "for counted in reversed(counts):",
        "for counted in counts:",
    ),
    "another kind of change is as near": ("explain", "some & ~elsewhere or some", "some"),
    "only another kind of change is near": (
        "explain",
        "some & ~elsewhere or some",
        "some & elsewhere or some",
    ),
    "nothing is near in another kind of change": (
        "explain",
        "some & ~elsewhere or some",
        "some & ~elsewhere",
    ),
    "the last of the nearest is told": (
        "explain",
        "rules.index.places(some)[0]",
        "rules.index.places(some)[-1]",
    ),
    "a deny is the nearest permit": ("explain", "[rules.permits & rules.layers", "[rules.layers"),
    "another layer's permit is the nearest": (
        "explain",
        "rules.permits & rules.layers[layer]",
        "rules.permits",
    ),
    "a reported permit is the nearest": ("explain", " & ~rules.only_reported", ""),
    "a miss is told where a rule permits": ("explain", "if not one.permitted_by]", "]"),
    # The reference.
    "the reference forgets what is in doubt": ("reference", "is Match.UNKNOWN]", "is Match.NO]"),
    "the reference does not report": (
        "reference",
        "for one in rules.reported if",
        "for one in () if",
    ),
    "the reference hears what does not apply": (
        "reference",
        "for one in rules.enforced if one.applies(query)]",
        "for one in rules.enforced]",
    ),
    "the reference is near to anything": (
        "reference",
        "return any(name.startswith",
        "return not any(name.startswith",
    ),
    "the reference counts no misses": ("reference", ", len(missed), miss.rule", ", 0, miss.rule"),
}


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
