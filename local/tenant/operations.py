"""Which Graph operation does a method and path mean?

Answers from operations.yaml: the operation, and the ids in its path. Never decides whether the
caller may use it.

Rules:
- ids compare without case and are handed on in lower case; fixed words compare exactly;
- `/me/x` is `/users/{caller}/x` under its own, narrower scopes;
- a trailing `graph.group` or `microsoft.graph.group` is a cast, not part of the path.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import yaml
from pydantic import BaseModel, ConfigDict

Family = Literal["identity", "reports", "protection", "sharepoint"]
CASTS = {
    f"{prefix}graph.{kind}": kind
    for prefix in ("", "microsoft.")
    for kind in ("user", "group", "directoryRole")
}


class Operation(BaseModel):
    """One method on one path template, with what opens it and what it costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    method: str
    path: str
    right: str
    family: Family
    units: int
    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()
    filter: dict[str, tuple[str, ...]] | None = None
    narrow: dict[str, frozenset[str]] = {}


@dataclass(frozen=True)
class Match:
    """An operation with the ids of its path; `cast` narrows a list to one type."""

    operation: Operation
    ids: dict[str, str]
    cast: str | None


class MethodError(Exception):
    """The path exists, the method on it does not."""


def _read_table() -> tuple[Operation, ...]:
    text = Path(__file__).with_name("operations.yaml").read_text(encoding="utf-8")
    return tuple(Operation(id=key, **entry) for key, entry in yaml.safe_load(text).items())


OPERATIONS = _read_table()
_BY_LENGTH: dict[int, list[tuple[tuple[str, ...], Operation]]] = {}
for _operation in OPERATIONS:
    _words = tuple(_operation.path.strip("/").split("/"))
    _BY_LENGTH.setdefault(len(_words), []).append((_words, _operation))


def find(method: str, raw_path: str) -> Match | None:
    """The operation at a still percent-encoded path below /v1.0, or None.

    Raises MethodError where only another method would do.
    """
    words = [unquote(word) for word in raw_path.strip("/").split("/")]
    cast = CASTS.get(words[-1]) if len(words) > 1 else None
    if cast:
        words.pop()
    others = False
    for template, operation in _BY_LENGTH.get(len(words), ()):
        ids = _fit(template, words)
        if ids is None:
            continue
        if operation.method == method:
            return Match(operation, ids, cast)
        others = True
    if others:
        raise MethodError
    return None


def _fit(template: tuple[str, ...], words: list[str]) -> dict[str, str] | None:
    ids: dict[str, str] = {}
    for expected, seen in zip(template, words, strict=True):
        if expected.startswith("{"):
            ids[expected[1:-1]] = seen.lower()
        elif expected != seen:
            return None
    return ids if all(ids.values()) else None
