"""What may stand in a body: strict JSON, bounded, every problem named, nothing repeated back.

Checked before any model sees it: content type, size, UTF-8, depth, duplicate keys, numbers that are
no JSON. Raises `BadInput` with the status and the words of CONTRACT.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from agent.values import Frozen, PlainText

LARGEST = 64 * 1024
DEEPEST = 20
_SHOWN = 80  # characters of a member's name that an answer repeats
_BARE = BeforeValidator(lambda said: said.strip() if isinstance(said, str) else said)
Text = Annotated[PlainText, _BARE, Field(min_length=1, max_length=4_000)]
Remark = Annotated[PlainText, _BARE, Field(min_length=1, max_length=1_000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Argument = Annotated[str, StringConstraints(max_length=1_000)]
Body = TypeVar("Body", bound=BaseModel)


class BadInput(Exception):  # noqa: N818 - the caller's mistake, answered with a 4xx
    """A body or parameter that cannot be taken; changes nothing."""

    def __init__(
        self, status: int, code: str, sentence: str, details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.status, self.code, self.sentence, self.details = status, code, sentence, details


class NewRequest(Frozen):
    """POST /api/v1/requests: a sentence, or a known action with its arguments; never both."""

    text: Text | None = None
    action: Name | None = None
    arguments: dict[Name, Argument] | None = Field(default=None, max_length=20)
    justification: Remark | None = None


class NewReply(Frozen):
    """POST /api/v1/requests/{id}/reply."""

    text: Text


class NewVote(Frozen):
    """POST /api/v1/requests/{id}/approvals."""

    step: str = Field(pattern=r"^s[0-9]{1,3}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    decision: Literal["approve", "reject"]
    comment: Remark | None = None


def read(model: type[Body], raw: bytes, headers: Mapping[str, str]) -> Body:
    """Return a body as its model. Raises BadInput."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise BadInput(415, "unsupported_media_type", "expected a body of type application/json")
    if len(raw) > LARGEST:
        raise BadInput(413, "too_large", f"expected at most {LARGEST} bytes, saw {len(raw)}")
    try:
        return model.model_validate_json(json.dumps(_parsed(raw)), strict=True)
    except ValidationError as e:
        details = tuple(
            f"{'.'.join(map(str, p['loc']))[:_SHOWN] or 'body'}: {p['msg']}"
            for p in e.errors()[:20]
        )
        raise BadInput(400, "malformed", "the body is not what this call takes", details) from None


def _parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a body."""
    try:
        text = raw.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:
        problem = str(e) if isinstance(e, _TwiceError) else "the body is not JSON in UTF-8"
        raise BadInput(400, "malformed", problem) from None
    if not isinstance(found, dict):
        raise BadInput(400, "malformed", f"expected a JSON object, saw {type(found).__name__}")
    if _depth(found) > DEEPEST:
        raise BadInput(400, "malformed", f"expected at most {DEEPEST} levels of nesting")
    return found


class _TwiceError(ValueError):
    """A member stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError("a member of the body occurs twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"expected JSON, saw {name}")


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST:
        deepest += 1
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = inner
    return deepest
