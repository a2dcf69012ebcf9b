"""Which function does a URL mean?

Reads the route templates of HTTP triggers and matches paths as the Functions host does. Pure.

Rules:
- `{name}`, `{name?}` at the end, `{*rest}` at the end, and the constraints int, long, bool, guid,
  alpha and datetime; any other constraint is an error at start;
- literals are compared without regard to case and win over parameters, parameters over `{*rest}`;
- values are percent-decoded after matching, so an encoded slash stays inside its segment;
- a known path with a method that no function takes is 404, as in Azure (not 405).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from local.host.app import AppError, Function

_CONSTRAINTS = {
    "": r"[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": r"(?:true|false)",
    "guid": r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?",
    "alpha": r"[a-z]+",
    "datetime": r"\d{4}-\d\d-\d\d[^/]*",
}
_SEGMENT = re.compile(r"([^{}]*)\{(\*?)(\w+)(?::(\w+))?(\?)?\}([^{}]*)")


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP trigger's path and methods."""

    function: Function
    pattern: re.Pattern[str]
    precedence: tuple[int, ...]
    methods: frozenset[str]


@dataclass(frozen=True, slots=True)
class Match:
    """A function and the values of its route parameters."""

    function: Function
    values: dict[str, str]


class RouteTable:
    """The routes of one app."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        routes = [_compile(each, prefix) for each in functions]
        self._routes = sorted(routes, key=lambda each: each.precedence)

    def find(self, method: str, raw_path: str) -> Match | None:
        """The function for `method` and the still encoded `raw_path`, or None."""
        for each in self._routes:
            found = each.pattern.fullmatch(raw_path)
            if found and (not each.methods or method in each.methods):
                given = found.groupdict()
                values = {key: unquote(value) for key, value in given.items() if value is not None}
                return Match(each.function, values)
        return None


def _compile(function: Function, prefix: str) -> Route:
    template = function.trigger.settings.get("route") or function.name
    segments = [each for each in f"{prefix}/{template}".split("/") if each]
    compiled = [_segment(each, function) for each in segments]
    return Route(
        function=function,
        pattern=re.compile("".join(text for text, _ in compiled) + "/?", re.IGNORECASE),
        precedence=tuple(rank for _, rank in compiled),
        methods=frozenset(map(str.upper, function.trigger.settings.get("methods") or ())),
    )


def _segment(text: str, function: Function) -> tuple[str, int]:
    if not {"{", "}"} & set(text):
        return "/" + re.escape(text), 0
    found = _SEGMENT.fullmatch(text)
    constraint = found and _CONSTRAINTS.get(found[4] or "")
    if not found or not constraint:
        raise AppError(f"function {function.name!r} has a route segment not served here: {text!r}")
    before, star, name, kind, optional, after = found.groups()
    if star:
        return f"(?:/(?P<{name}>.*))?", 3
    inner = f"/{re.escape(before)}(?P<{name}>{constraint}){re.escape(after)}"
    return (f"(?:{inner})?" if optional else inner), 1 if kind else 2
