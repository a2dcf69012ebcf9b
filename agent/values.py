"""What everything is made of: ids, frozen models, readable text, secrets, names of exact values.

Never here: nouns of the product, I/O, clocks. `Secret` cannot be printed, pickled or serialised.
"""

import hashlib
import json
import secrets
from typing import Annotated, NewType, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

TenantId = NewType("TenantId", str)
PersonId = NewType("PersonId", str)
GroupId = NewType("GroupId", str)
RequestId = NewType("RequestId", str)
StepId = NewType("StepId", str)

GUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _lower(text: object) -> object:
    """Graph compares ids without case; one form makes them comparable as text."""
    return text.lower() if isinstance(text, str) else text


Guid = Annotated[str, BeforeValidator(_lower), Field(pattern=GUID)]


def _readable(text: str) -> str:
    """Refuse what a person cannot have typed: controls (NUL, ESC) and lone surrogates."""
    for ch in text:
        if (ord(ch) < 0x20 and ch not in "\n\r\t") or 0xD800 <= ord(ch) <= 0xDFFF or ch == "\x7f":
            raise ValueError(f"expected plain text, saw the control character U+{ord(ch):04X}")
    return text


PlainText = Annotated[str, AfterValidator(_readable)]


class Frozen(BaseModel):
    """A value: immutable, closed to unknown fields, equal by content."""

    # what was given stays out of error messages: an unhandled one would end in a log
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret:
    """A credential on its way from where it is kept to where it is used, and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the credential itself; grep for callers: each one is a place to review."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


def fresh_id() -> str:
    """Return 32 hex digits nobody can guess: an id for a request that brought no key of its own."""
    return secrets.token_hex(16)


def canonical(value: JsonValue) -> bytes:
    """Return the one byte form of a JSON value: sorted keys, no spaces, UTF-8 (after RFC 8785)."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(value: JsonValue) -> str:
    """Return the SHA-256 of a value's canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def correlation(request: RequestId) -> str:
    """Return a request's id as the GUID that every call to Microsoft carries."""
    r = request
    return f"{r[:8]}-{r[8:12]}-{r[12:16]}-{r[16:20]}-{r[20:32]}"
