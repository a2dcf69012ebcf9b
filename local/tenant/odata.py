"""What part of an answer was asked for?

Answers the query options of a Graph request ($select, $filter, $search, $orderby, $top, $count,
paging), and shapes what an operation found accordingly. Never reads the directory.

Rules:
- an option or property that is not known is refused, never ignored;
- directory objects have two query modes: the plain one, and the advanced one
  (`ConsistencyLevel: eventual` with $count or $search), served from an index that lags;
- a filter on a relation (members, memberOf) exists only in the advanced mode;
- a page is followed by an opaque link; $top is the size of a page.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import yaml

from local.tenant.directory import Resource
from local.tenant.filters import Filter, FilterError, Predicate, compile_filter
from local.tenant.search import compile_search

_TABLE = yaml.safe_load(Path(__file__).with_name("properties.yaml").read_text(encoding="utf-8"))
PROPERTIES: Mapping[str, frozenset[str]] = {
    kind: frozenset(names) for kind, names in _TABLE["properties"].items()
}
DEFAULTS: Mapping[str, tuple[str, ...]] = {k: tuple(v) for k, v in _TABLE["defaults"].items()}
DIRECTORY_KINDS = frozenset({"user", "group", "directoryRole"})
PAGE_SIZE, LARGEST_PAGE = 100, 999

_OPTIONS = frozenset(
    {"$select", "$filter", "$search", "$orderby", "$top", "$count", "$skiptoken", "search"}
)
_ADVANCED_OPERATORS = frozenset({"ne", "not", "endswith", "contains"})


class QueryError(Exception):
    """The options cannot be served; carries Graph's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Query:
    """The query options of one request, parsed."""

    select: tuple[str, ...]
    filter: Filter | None
    search: Predicate | None
    order: tuple[str, bool] | None  # property, descending
    top: int
    skip: int
    count: bool
    eventual: bool
    free_text: str | None  # the `search` parameter of /sites
    given: tuple[tuple[str, str], ...]

    @property
    def advanced(self) -> bool:
        """Whether the lagging index serves this query."""
        return self.eventual and (self.count or self.search is not None)


@dataclass(frozen=True)
class One:
    """A single object; `kind` is its Graph type."""

    resource: Resource
    kind: str
    context: str
    basic: bool = False


@dataclass(frozen=True)
class Many:
    """A list of (kind, object); `relation` when it was reached from another object."""

    items: list[tuple[str, Resource]]
    kinds: frozenset[str]
    context: str
    relation: bool = False
    basic: bool = False


def parse(query_string: str, headers: Mapping[str, str]) -> Query:
    """The options in a raw query string; QueryError where Graph would answer 400."""
    given = tuple(parse_qsl(query_string, keep_blank_values=True))
    options = dict(given)
    if len(options) != len(given):
        raise QueryError("BadRequest", "A query option was specified more than once.")
    unknown = [name for name in options if name.startswith("$") and name not in _OPTIONS]
    if unknown:
        raise QueryError("BadRequest", f"The query option '{unknown[0]}' is not supported here.")
    eventual = headers.get("ConsistencyLevel", "").lower() == "eventual"
    return Query(
        select=tuple(name for name in options.get("$select", "").split(",") if name),
        filter=_filter(options.get("$filter")),
        search=_search(options.get("$search"), eventual=eventual),
        order=_order(options.get("$orderby")),
        top=_top(options.get("$top")),
        skip=_skip(options.get("$skiptoken")),
        count=options.get("$count", "").lower() == "true",
        eventual=eventual,
        free_text=options.get("search"),
        given=given,
    )


def render_one(found: One, query: Query, base: str) -> dict[str, Any]:
    """The JSON body of a single object."""
    _check_names(query.select, frozenset({found.kind}))
    body = {"@odata.context": f"{base}/$metadata#{found.context}/$entity"}
    return body | _project(found.kind, found.resource, query.select, basic=found.basic)


def render_many(
    found: Many, query: Query, base: str, path: str, allowed: Mapping[str, tuple[str, ...]] | None
) -> dict[str, Any]:
    """The JSON body of one page of a list; `allowed` narrows what may be filtered on."""
    _check(found, query, allowed)
    try:
        items = [pair for pair in found.items if _selected(pair[1], query)]
    except FilterError as fault:
        raise QueryError("BadRequest", f"Invalid filter clause: {fault}") from fault
    if query.order:
        name, descending = query.order
        items.sort(key=lambda pair: str(pair[1].get(name) or "").casefold(), reverse=descending)
    body: dict[str, Any] = {"@odata.context": f"{base}/$metadata#{found.context}"}
    if query.count:
        body["@odata.count"] = len(items)
    end = query.skip + query.top
    if end < len(items):
        body["@odata.nextLink"] = _next_link(query, end, f"{base}{path}")
    body["value"] = [
        _tagged(kind, resource, found, query) for kind, resource in items[query.skip : end]
    ]
    return body


def _tagged(kind: str, resource: Resource, found: Many, query: Query) -> Resource:
    tag = {"@odata.type": f"#microsoft.graph.{kind}"} if found.relation else {}
    return tag | _project(kind, resource, query.select, basic=found.basic)


def _project(
    kind: str, resource: Resource, select: tuple[str, ...], *, basic: bool = False
) -> Resource:
    names: Iterable[str] | None = select or DEFAULTS.get(kind)
    if basic and kind == "user":
        names = [name for name in DEFAULTS["basic_user"] if not select or name in select]
    if names is None:
        return resource
    return {name: resource[name] for name in names if name in resource}


def _selected(resource: Resource, query: Query) -> bool:
    return not (
        (query.filter and not query.filter.matches(resource))
        or (query.search and not query.search(resource))
    )


def _check(found: Many, query: Query, allowed: Mapping[str, tuple[str, ...]] | None) -> None:
    _check_names(query.select, found.kinds)
    _check_names((query.order[0],) if query.order else (), found.kinds)
    uses = query.filter.uses if query.filter else frozenset()
    _check_names((path.split("/")[0] for path, _ in uses if path), found.kinds)
    for path, operator in uses:
        if allowed is not None and operator not in allowed.get(path, ()):
            raise _unsupported_clause(path)
    if found.kinds & DIRECTORY_KINDS:
        _check_directory(found, query, uses)


def _check_directory(found: Many, query: Query, uses: Iterable[tuple[str, str]]) -> None:
    if query.count and not query.eventual:
        raise QueryError("Request_BadRequest", "$count is not currently supported.")
    if query.eventual and query.count:
        return
    if found.relation and query.filter:
        raise QueryError(
            "Request_UnsupportedQuery",
            "The specified filter to the reference property query is currently not supported.",
        )
    if query.filter and query.order:
        raise QueryError("Request_UnsupportedQuery", "Sorting not supported for current query.")
    for path, operator in uses:
        if operator in _ADVANCED_OPERATORS:
            raise _unsupported_clause(path)


def _unsupported_clause(path: str) -> QueryError:
    return QueryError(
        "Request_UnsupportedQuery",
        f"Unsupported or invalid query filter clause specified for property '{path}'.",
    )


def _check_names(names: Iterable[str], kinds: frozenset[str]) -> None:
    known = frozenset[str]().union(*(PROPERTIES[kind] for kind in kinds))
    for name in names:
        if name not in known:
            raise QueryError(
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.{'|'.join(sorted(kinds))}'.",
            )


def _filter(text: str | None) -> Filter | None:
    if text is None:
        return None
    try:
        return compile_filter(text)
    except FilterError as fault:
        raise QueryError("BadRequest", f"Invalid filter clause: {fault}") from fault


def _search(text: str | None, *, eventual: bool) -> Predicate | None:
    if text is None:
        return None
    if not eventual:
        raise QueryError(
            "Request_UnsupportedQuery",
            "Request with $search query parameter only works through MSGraph with a special "
            "request header: 'ConsistencyLevel: eventual'",
        )
    try:
        return compile_search(text)
    except FilterError as fault:
        raise QueryError("BadRequest", f"Syntax error in $search: {fault}") from fault


def _order(text: str | None) -> tuple[str, bool] | None:
    if text is None:
        return None
    name, _, direction = text.strip().partition(" ")
    if direction.strip().lower() not in ("", "asc", "desc") or "," in text:
        raise QueryError("BadRequest", f"Syntax error in $orderby: '{text}'.")
    return name, direction.strip().lower() == "desc"


def _top(text: str | None) -> int:
    if text is None:
        return PAGE_SIZE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise QueryError(
            "Request_BadRequest",
            f"Invalid page size specified: '{text}'. Must be between 1 and {LARGEST_PAGE} "
            "inclusive.",
        )
    return int(text)


def _skip(token: str | None) -> int:
    if token is None:
        return 0
    try:
        skip = json.loads(base64.urlsafe_b64decode(token.encode()))["skip"]
    except (binascii.Error, ValueError, KeyError, TypeError) as fault:
        raise QueryError("Directory_ExpiredPageToken", "The page token is not valid.") from fault
    if not isinstance(skip, int) or skip < 0:
        raise QueryError("Directory_ExpiredPageToken", "The page token is not valid.")
    return skip


def _next_link(query: Query, skip: int, url: str) -> str:
    token = base64.urlsafe_b64encode(json.dumps({"skip": skip}).encode()).decode()
    kept = [pair for pair in query.given if pair[0] != "$skiptoken"]
    return f"{url}?{urlencode([*kept, ('$skiptoken', token)])}"
