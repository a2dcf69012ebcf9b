"""The words that rules and examples may use where only some words ever occur.

Answers  which word can never match, and which one was probably meant.
Never    decides, and never corrects: a wrong word is told to whoever wrote it.
Rules    - actions, families, target types and effects are those of the catalogue of actions.
         - a role is Microsoft's name for it, or `role` and the template id of a role of one's own.
         - tags, departments and ids are the tenant's own, so any of them may be right.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from policy.actions import CATALOGUE, FAMILIES, TARGET_TYPES, ActionType
from policy.conditions import AnyOf, Condition, Equals, Membership, NoneOf
from policy.facts import FACTS, fold
from policy.obligations import GUID
from policy.roles import ROLE_NAMES

Complaint = tuple[str, str]
"""A sentence that says what is wrong, and its remedy."""

CHANNELS = ("http", "teams")

_CUSTOM_ROLE = re.compile(rf"role {GUID}")
_CLOSED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        name: {fold(word): word for word in words}
        for name, words in {
            **{name: fact.values for name, fact in FACTS.items() if fact.values},
            "action.id": tuple(CATALOGUE),
            "action.family": tuple(sorted(FAMILIES)),
            "plan.actions": tuple(CATALOGUE),
            "plan.before": tuple(CATALOGUE),
            "requester.roles": tuple(sorted(ROLE_NAMES.values())),
            "runtime.channel": CHANNELS,
            "target.type": tuple(sorted(TARGET_TYPES)),
        }.items()
    }
)
_SHORT_LIST = 20


def words_of(condition: Condition) -> frozenset[str]:
    """Give the words a selector was written with, folded; none if it holds no words."""
    match condition:
        case Membership(words=words) | AnyOf(words=words) | NoneOf(words=words):
            return words
        case Equals(wanted=str(word)):
            return frozenset({word})
        case _:
            return frozenset()


def wrong_words(fact: str, words: Iterable[str]) -> Iterator[Complaint]:
    """Name the words that this fact can never hold."""
    known = _CLOSED.get(fact)
    for word in sorted(words):
        if fact == "requester.groups" and not re.fullmatch(GUID, word):
            yield f"expected an object id, saw `{_brief(word)}`", "names can be chosen by anybody"
        elif known is None or word in known:
            continue
        elif fact == "requester.roles":
            if not _CUSTOM_ROLE.fullmatch(word):
                yield _unknown(word, known, "write a role of your own as `role <template id>`")
        else:
            yield _unknown(word, known, "correct the word")


def meant(word: str, known: Iterable[str]) -> str:
    """Give the sentence that asks for the known word that comes nearest, or nothing."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def _unknown(word: str, known: Mapping[str, str], remedy: str) -> Complaint:
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    options = f"one of {', '.join(known.values())}" if len(known) <= _SHORT_LIST else "a known word"
    hint = f"did you mean `{known[near[0]]}`? " if near else ""
    return f"expected {options}, saw `{_brief(word)}`", f"{hint}{remedy}"


def _brief(word: str) -> str:
    return word if len(word) <= 80 else f"{word[:80]}..."


def wrong_in_query(query: Mapping[str, object]) -> Iterator[Complaint]:
    """Name the words of an example's query that no fact can hold, and untrue facts of an action."""
    for fact in _CLOSED:
        section, _, leaf = fact.partition(".")
        for sentence, remedy in wrong_words(fact, _texts(_leaf(query, section, leaf))):
            yield f"`{fact}`: {sentence}", remedy
    kind = CATALOGUE.get(next(iter(_texts(_leaf(query, "action", "id"))), ""))
    if kind is not None:
        yield from _untrue(kind, query)


def _untrue(kind: ActionType, query: Mapping[str, object]) -> Iterator[Complaint]:
    true = {"family": kind.family, "risk": kind.risk, "reversible": kind.reversible}
    for leaf, value in true.items():
        seen = _leaf(query, "action", leaf)
        if seen is not None and seen != value:
            sentence = f"`action.{leaf}`: expected `{value}` of `{kind.id}`, saw `{seen}`"
            yield sentence, "say what policy/actions.py says, or leave it out"
    effects = _leaf(query, "action", "effects")
    if effects is not None and frozenset(_texts(effects)) != kind.effects:
        said = ", ".join(sorted(kind.effects)) or "none"
        sentence = f"`action.effects`: expected {said} of `{kind.id}`"
        yield sentence, "say what policy/actions.py says, or leave it out"


def _leaf(query: Mapping[str, object], section: str, leaf: str) -> object:
    facts = query.get(section)
    return facts.get(leaf) if isinstance(facts, Mapping) else None


def _texts(value: object) -> tuple[str, ...]:
    """Give the texts of a fact, folded; what is mistyped is not a matter of words."""
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(fold(item) for item in items if isinstance(item, str))
