"""What do Key Vault's requests and answers look like on the wire?

Rules:
- a request body with a field this stand-in does not know is refused, never half understood;
- every error has Key Vault's shape: `{"error": {"code", "message", "innererror"?}}`;
- times are whole seconds since 1970, binary values are base64url without padding.
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

RECOVERY_LEVEL = "Recoverable+Purgeable"
RECOVERABLE_DAYS = 90
_MAX_TAGS, _MAX_TAG = 15, 256

Body = TypeVar("Body", bound="_Body")


class VaultError(Exception):
    """An answer that is an error; `inner` is the narrower code that clients may look at."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {"error": {"code": code, "message": message}}
        if inner:
            self.body["error"]["innererror"] = {"code": inner}


def bad_parameter(message: str) -> VaultError:
    """400, the caller's fault."""
    return VaultError(400, "BadParameter", message)


def forbidden(message: str, inner: str) -> VaultError:
    """403: known caller, no right, or an object in a state that forbids it."""
    return VaultError(403, "Forbidden", message, inner)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AttributesIn(_Body):
    """The attributes a caller may set; None leaves what is there."""

    enabled: bool | None = None
    nbf: int | None = None
    exp: int | None = None
    exportable: Literal[False] | None = None


Tag = Annotated[str, Field(max_length=_MAX_TAG)]
Tags = Annotated[dict[Tag, Tag], Field(max_length=_MAX_TAGS)]
Attributes = Annotated[AttributesIn, BeforeValidator(lambda seen: {} if seen is None else seen)]


class SetSecret(_Body):
    """PUT /secrets/{name}."""

    value: Annotated[str, Field(max_length=25_600)]
    content_type: Annotated[str, Field(max_length=255)] | None = Field(None, alias="contentType")
    tags: Tags | None = None
    attributes: Attributes = AttributesIn()


class UpdateSecret(_Body):
    """PATCH /secrets/{name}/{version}."""

    content_type: Annotated[str, Field(max_length=255)] | None = Field(None, alias="contentType")
    tags: Tags | None = None
    attributes: Attributes = AttributesIn()


class CreateKey(_Body):
    """POST /keys/{name}/create; this vault makes P-256 keys and no others."""

    kty: Literal["EC", "EC-HSM"]
    crv: Literal["P-256"] | None = None
    key_ops: list[Literal["sign", "verify"]] | None = None
    tags: Tags | None = None
    attributes: Attributes = AttributesIn()


class UpdateKey(_Body):
    """PATCH /keys/{name}/{version}."""

    key_ops: list[Literal["sign", "verify"]] | None = None
    tags: Tags | None = None
    attributes: Attributes = AttributesIn()


class Sign(_Body):
    """POST /keys/{name}/{version}/sign: a digest in `value`."""

    alg: Literal["ES256"]
    value: str


class Verify(_Body):
    """POST /keys/{name}/{version}/verify: a signature in `value`."""

    alg: Literal["ES256"]
    digest: str
    value: str


async def read(request: web.Request, shape: type[Body]) -> Body:
    """The body of `request`; VaultError 400 naming the fields that are wrong, never their value."""
    try:
        return shape.model_validate(json.loads(await request.read() or b"{}"))
    except ValidationError as fault:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in fault.errors(include_input=False, include_context=False)
        )
        raise bad_parameter(f"the request does not fit {shape.__name__}: {wrong}") from None
    except ValueError:
        raise bad_parameter("the request body is not JSON") from None


def seconds_now() -> int:
    """Real time, not the shifted time of the local world: tokens are checked against it, too."""
    return int(datetime.now(UTC).timestamp())


def encode(value: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode(value: str, length: int, what: str) -> bytes:
    """`length` bytes out of base64url; VaultError 400 when it is anything else."""
    try:
        seen = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise bad_parameter(f"expected {what} as base64url, saw something else") from None
    if len(seen) != length:
        raise bad_parameter(f"expected {what} of {length} bytes, saw {len(seen)}")
    return seen
