"""What a rule must have before it may be published, beyond being well-formed.

Answers  whether each rule proves itself by its own examples, and can be answered for.
Never    changes what a rule means: a rule that lint dislikes still decides as it is written.
Rules    - at least one example that applies and one that does not, and all of them hold.
         - an author, another person who approved it, a time and a reason for the change.
         - a word outside a closed vocabulary, or a group that is no object id, never matches.
         - whoever is denied is told what helps.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy.conditions import AnyOf, Condition, Equals, Membership, NoneOf
from policy.decide import ReadyRule
from policy.facts import FACTS, fold
from policy.obligations import GUID
from policy.pack import PlacedRule, Problem
from policy.query import Query, UnknownFact
from policy.rule import Effect, Rule
from policy.snapshot import canonical


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
    return [
        one.problem(sentence, remedy)
        for one in placed
        for check in (_examples, _answerable, _vocabulary, _kindness, _bytes)
        for sentence, remedy in check(one.rule)
    ]


Complaints = Iterator[tuple[str, str]]


def _examples(rule: Rule) -> Complaints:
    if {example.applies for example in rule.tests} != {True, False}:
        yield "expected an example that applies and one that does not", "add it under `tests`"
    for result in run_examples(rule):
        if not result.holds:
            saw = result.error or f"applies is {str(result.seen).lower()}"
            yield f"example `{result.name}` fails: {saw}", "correct the rule or the example"


def _answerable(rule: Rule) -> Complaints:
    said = rule.provenance
    if said is None or not (said.author and said.created_at and said.change):
        yield "expected author, created_at and change", "complete `provenance`"
    elif said.approver is None or fold(said.author) == fold(said.approver):
        yield "expected a second person's approval, saw none", "let one sign as `approver`"


def _vocabulary(rule: Rule) -> Complaints:
    for condition in ReadyRule.of(rule).conditions():
        known = FACTS[condition.fact].values
        for word in sorted(_words(condition)):
            if known and word not in known:
                sentence = f"expected one of {', '.join(known)}, saw `{word}`"
                yield f"`{condition.selector}`: {sentence}", "correct the word"
            if condition.fact == "requester.groups" and not re.fullmatch(GUID, word):
                sentence = f"expected an object id, saw `{word}`"
                yield f"`{condition.selector}`: {sentence}", "names can be chosen by anybody"


def _words(condition: Condition) -> frozenset[str]:
    match condition:
        case Membership(words=words) | AnyOf(words=words) | NoneOf(words=words):
            return words
        case Equals(wanted=str(word)):
            return frozenset({word})
        case _:
            return frozenset()


def _kindness(rule: Rule) -> Complaints:
    if rule.effect is Effect.DENY and rule.remedy is None:
        yield "expected a remedy for those it denies", "say in `remedy` what helps or whom to ask"


def _bytes(rule: Rule) -> Complaints:
    try:
        canonical(rule.record())
    except ValueError as wrong:
        yield str(wrong), "write it so that it has one exact form"
