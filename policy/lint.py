"""What a rule must have before it may be published, beyond being well-formed.

Answers  whether each rule proves itself by its own examples, can mean what it says, and can be
         answered for.
Never    changes what a rule means: a rule that lint dislikes still decides as it is written.
Rules    - at least one example that applies and one that does not, and all of them hold.
         - an author, another person who approved it, a time and a reason for the change.
         - a word outside a closed vocabulary never matches, in a rule or in an example.
         - a rule that can never apply, or says just what another one says, is not meant.
         - whoever is denied is told what helps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath

from policy.contradictions import covered, meaning, overridden, wrong_selectors
from policy.decide import ReadyRule
from policy.entity import rule_entity
from policy.facts import fold
from policy.pack import PlacedRule, Problem
from policy.query import Query, UnknownFact
from policy.rule import Effect, Rule
from policy.snapshot import canonical
from policy.words import words_of, wrong_in_query, wrong_words


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example of one rule, run."""

    rule: str
    name: str
    expected: bool
    seen: bool | None
    error: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the rule did what its example says."""
        return self.seen is self.expected


def run_examples(rule: Rule) -> Iterator[ExampleResult]:
    """Run a rule's own examples."""
    ready = ReadyRule.of(rule)
    for example in rule.tests:
        try:
            seen = ready.applies(Query.of(example.query))
        except UnknownFact as wrong:
            yield ExampleResult(rule.id, example.name, example.applies, None, str(wrong))
        else:
            yield ExampleResult(rule.id, example.name, example.applies, seen)


def lint(placed: Sequence[PlacedRule]) -> list[Problem]:
    """Name everything that keeps these rules from being published."""
    alone = [
        one.problem(sentence, remedy, at)
        for one in placed
        for check in (_examples, _answerable, _vocabulary, _sense, _lasting, _kindness, _bytes)
        for at, sentence, remedy in check(one.rule)
    ]
    denied = [placed[at].problem(*wrong) for at, wrong in overridden([p.rule for p in placed])]
    return [*alone, *_alike(placed), *denied]


def remarks(placed: Sequence[PlacedRule]) -> list[Problem]:
    """Name what a reviewer may want to know, though nothing is wrong with it."""
    return [placed[at].problem(*seen) for at, seen in covered([p.rule for p in placed])]


Complaints = Iterator[tuple[str, str, str]]
"""Where in the rule (empty: the rule itself), what is wrong, and what to do about it."""


def _examples(rule: Rule) -> Complaints:
    if {example.applies for example in rule.tests} != {True, False}:
        yield "tests", "expected an example that applies and one that does not", "add it to `tests`"
    for number, result in enumerate(run_examples(rule)):
        at = f"tests.{number}"
        for sentence, remedy in wrong_in_query(rule.tests[number].query):
            yield at, f"example `{result.name}`: {sentence}", remedy
        if not result.holds:
            saw = result.error or f"applies is {str(result.seen).lower()}"
            yield at, f"example `{result.name}` fails: {saw}", "correct the rule or the example"


def _answerable(rule: Rule) -> Complaints:
    said = rule.provenance
    if said is None or not (said.author and said.created_at and said.change):
        yield "provenance", "expected author, created_at and change", "complete `provenance`"
    elif said.approver is None or fold(said.author) == fold(said.approver):
        sentence = "expected a second person's approval, saw none"
        yield "provenance", sentence, "let one sign as `approver`"


def _vocabulary(rule: Rule) -> Complaints:
    for section, conditions in (("when", rule.conditions()), ("unless", rule.exemption() or ())):
        for condition in conditions:
            for sentence, remedy in wrong_words(condition.fact, words_of(condition)):
                at = f"{section}.{condition.selector}"
                yield at, f"`{condition.selector}`: {sentence}", remedy


def _sense(rule: Rule) -> Complaints:
    for at, sentence, remedy in wrong_selectors(rule):
        yield at, f"`{at}`: {sentence}", remedy


def _lasting(rule: Rule) -> Complaints:
    written = rule.provenance.created_at if rule.provenance else None
    ends = rule.valid_until
    if ends is not None and written is not None and _day(ends) < _day(written):
        sentence = "expected valid_until after created_at: it was over when it was written"
        yield "valid_until", sentence, "correct the year, or remove the rule"


def _day(time: datetime | date) -> date:
    return time.date() if isinstance(time, datetime) else time


def _kindness(rule: Rule) -> Complaints:
    if rule.effect is Effect.DENY and rule.remedy is None:
        sentence = "expected a remedy for those it denies"
        yield "", sentence, "say in `remedy` what helps or whom to ask"


def _bytes(rule: Rule) -> Complaints:
    try:
        canonical(rule.record())
        rule_entity(rule, 1)
    except ValueError as wrong:
        yield "", str(wrong), "write it so that it has one exact form, and shorter if it is long"


def _alike(placed: Sequence[PlacedRule]) -> Iterator[Problem]:
    """Name the rules of one pack that decide just what an earlier one decides."""
    first: dict[object, PlacedRule] = {}
    for one in placed:
        before = first.setdefault((PurePath(one.file).parent, meaning(one.rule)), one)
        if before is not one:
            sentence = f"it says the same as `{before.rule.id}` at {before.file}:{before.line}"
            yield one.problem(sentence, "remove one, or correct the one that was meant otherwise")
