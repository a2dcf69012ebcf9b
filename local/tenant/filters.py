"""What does a $filter expression select?

Answers a predicate over Graph resources, and which property was compared in which way, so that
the caller can refuse what the real service refuses. Never evaluates anything but this grammar.

Rules:
- or binds weaker than and, and weaker than not; parentheses group;
- comparisons: eq ne gt ge lt le in; functions: startswith endswith contains; lambda: any;
- text is compared without case, as the directory does; a quote inside text is doubled;
- moments are compared as moments; null equals an absent property;
- nesting is bounded, so that no expression can exhaust the stack.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.tenant.directory import Resource

Predicate = Callable[[Resource], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+)"
    r"|(?P<word>[A-Za-z_][\w.]*(?:/[A-Za-z_]\w*)*)"
    r"|(?P<mark>[(),:]))"
)
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda left, right: bool(left > right),
    "ge": lambda left, right: bool(left >= right),
    "lt": lambda left, right: bool(left < right),
    "le": lambda left, right: bool(left <= right),
}
_DEEPEST = 20


class FilterError(ValueError):
    """The expression is not one that this grammar or this resource knows."""


@dataclass(frozen=True)
class Filter:
    """A compiled expression; `uses` holds (property path, operator) as written."""

    matches: Predicate
    uses: frozenset[tuple[str, str]]


def compile_filter(expression: str) -> Filter:
    """The filter an expression means; FilterError names the place that cannot be read."""
    parser = _Parser(expression)
    matches = parser.either(0)
    parser.end()
    return Filter(matches, frozenset(parser.uses))


def value_at(resource: Any, path: tuple[str, ...]) -> Any:
    """The value at a property path, None where the path ends early."""
    for name in path:
        resource = resource.get(name) if isinstance(resource, Mapping) else None
    return resource


class _Parser:
    def __init__(self, expression: str) -> None:
        self._tokens = _tokens(expression)
        self._at = 0
        self._variables: dict[str, str] = {}
        self.uses: set[tuple[str, str]] = set()

    def either(self, depth: int) -> Predicate:
        parts = [self._both(depth)]
        while self._skip("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else lambda r: any(part(r) for part in parts)

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise FilterError(f"expected the end, saw {self._tokens[self._at][1]!r}")

    def _both(self, depth: int) -> Predicate:
        parts = [self._single(depth)]
        while self._skip("and"):
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else lambda r: all(part(r) for part in parts)

    def _single(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise FilterError(f"expected at most {_DEEPEST} levels of nesting")
        if self._skip("not"):
            self.uses.add(("", "not"))
            inner = self._single(depth + 1)
            return lambda r: not inner(r)
        if self._skip("("):
            inner = self.either(depth + 1)
            self._demand(")")
            return inner
        word = self._word()
        if word.lower() in _FUNCTIONS:
            return self._function(word.lower())
        if word.endswith("/any"):
            return self._any(word.removesuffix("/any"), depth)
        return self._comparison(word)

    def _function(self, name: str) -> Predicate:
        self._demand("(")
        path = self._path(self._word(), name)
        self._demand(",")
        wanted = self._literal()
        self._demand(")")
        if not isinstance(wanted, str):
            raise FilterError(f"expected text in {name}, saw {wanted!r}")
        test = _FUNCTIONS[name]
        sought = wanted.casefold()
        return lambda r: isinstance(v := value_at(r, path), str) and test(v.casefold(), sought)

    def _any(self, collection: str, depth: int) -> Predicate:
        self._demand("(")
        variable = self._word()
        self._demand(":")
        self._variables[variable] = collection
        inner = self.either(depth + 1)
        del self._variables[variable]
        self._demand(")")
        path = tuple(collection.split("/"))
        # A lambda over plain values binds them to the empty path.
        return lambda r: any(inner(item) for item in value_at(r, path) or ())

    def _comparison(self, word: str) -> Predicate:
        operator = self._word().lower()
        path = self._path(word, operator)
        if operator == "in":
            wanted = [_comparable(value) for value in self._literals()]
            return lambda r: _comparable(value_at(r, path)) in wanted
        value = _comparable(self._literal())
        if operator == "eq":
            return lambda r: _as(value, value_at(r, path)) == value
        if operator == "ne":
            return lambda r: _as(value, value_at(r, path)) != value
        if operator not in _ORDER or value is None:
            raise FilterError(f"expected a comparison, saw {operator!r}")
        test = _ORDER[operator]
        return lambda r: (
            (seen := _as(value, value_at(r, path))) is not None
            and isinstance(seen, type(value))
            and test(seen, value)
        )

    def _path(self, word: str, operator: str) -> tuple[str, ...]:
        first, _, rest = word.partition("/")
        collection = self._variables.get(first)
        written = word if collection is None else f"{collection}/{rest}".rstrip("/")
        self.uses.add((written, operator))
        inner = word if collection is None else rest
        return tuple(inner.split("/")) if inner else ()

    def _literals(self) -> list[Any]:
        self._demand("(")
        found = [self._literal()]
        while self._skip(","):
            found.append(self._literal())
        self._demand(")")
        return found

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        if kind == "moment":
            return _moment(text)
        if kind == "guid":
            return text
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        raise FilterError(f"expected a value, saw {text!r}")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise FilterError("expected more, saw the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise FilterError(f"expected a name, saw {text!r}")
        return text

    def _skip(self, wanted: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1] == wanted:
            self._at += 1
            return True
        return False

    def _demand(self, wanted: str) -> None:
        if not self._skip(wanted):
            seen = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
            raise FilterError(f"expected {wanted!r}, saw {seen!r}")


def _tokens(expression: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    text = expression.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise FilterError(f"expected a filter, saw {text[at : at + 20]!r} at {at}")
        found.append((str(token.lastgroup), str(token.group(str(token.lastgroup)))))
        at = token.end()
    return found


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as fault:
        raise FilterError(f"expected a moment, saw {text!r}") from fault


def _comparable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _as(wanted: Any, seen: Any) -> Any:
    """The seen value in the form of the wanted one."""
    if isinstance(wanted, datetime) and isinstance(seen, str):
        return _moment(seen)
    return _comparable(seen)
