"""What does a $search expression select?

Answers a predicate for `"property:words"` clauses joined by AND and OR. Never searches a property
that the directory does not index.

Rules:
- AND binds within an alternative, OR starts the next one;
- a clause matches where the value, or one of its words, starts with the text.
"""

import re
from typing import Any

from local.tenant.directory import Resource
from local.tenant.filters import FilterError, Predicate

_SEARCHABLE = frozenset(
    {"displayName", "description", "givenName", "mail", "mailNickname", "surname"}
    | {"userPrincipalName"}
)
_CLAUSE = re.compile(r'\s*"(\w+):((?:[^"\\]|\\.)*)"\s*(AND|OR|$)')


def compile_search(text: str) -> Predicate:
    """The predicate a $search means; FilterError where it cannot be read."""
    alternatives: list[list[tuple[str, str]]] = [[]]
    at = 0
    while at < len(text):
        clause = _CLAUSE.match(text, at)
        if clause is None or clause[1] not in _SEARCHABLE:
            raise FilterError(f'expected "property:words" at position {at}')
        alternatives[-1].append((clause[1], re.sub(r"\\(.)", r"\1", clause[2]).casefold()))
        if clause[3] == "OR":
            alternatives.append([])
        at = clause.end()
    return lambda resource: any(_all_match(resource, clauses) for clauses in alternatives)


def _all_match(resource: Resource, clauses: list[tuple[str, str]]) -> bool:
    return all(_word_starts(resource.get(name), sought) for name, sought in clauses)


def _word_starts(value: Any, sought: str) -> bool:
    if not isinstance(value, str):
        return False
    text = value.casefold()
    return text.startswith(sought) or any(w.startswith(sought) for w in re.split(r"\W+", text))
