"""A rule set as signed, immutable bytes, and the head that says which of them counts now.

Answers  what the bytes of a policy are, and whether these bytes may be believed.
Never    signs, fetches or reads a clock: the caller brings bytes, a verifier and the time.
Rules    - bytes are canonical JSON (RFC 8785: sorted keys, whole numbers only), then zlib.
         - an id is the digest of the canonical bytes: one id is one policy, for ever.
         - nothing is inflated or parsed before the signature and the digest hold.
         - one record in doubt refuses the whole snapshot: a skipped deny would be a hole.
"""

import json
import re
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError

from policy.decide import RuleSet, SnapshotRef
from policy.rule import Record, Rule, UtcTime

MAX_INFLATED_BYTES = 64 * 1024 * 1024
CLOCK_SKEW = timedelta(minutes=5)
_LARGEST_EXACT = 2**53 - 1

Verify = Callable[[str, bytes, bytes], bool]
"""(kid, message, signature) -> whether that key signed that message; False for an unknown kid."""


class SnapshotRefused(Exception):  # noqa: N818 - named in the public interface
    """These bytes do not count; `code` is for programs, `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A rule set whose bytes were believed."""

    id: str
    seq: int
    rules: RuleSet


@dataclass(frozen=True, slots=True)
class Body:
    """A rule set ready to be stored: the bytes, what names them, and what proves them."""

    id: str
    sha256: str
    data: bytes


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Statement(Record):
    """Something that the tenant's policy key has signed."""

    kind: ClassVar[str]
    kid: Name
    signature: str = ""

    def signing_bytes(self) -> bytes:
        """Give what is signed: all fields but the signature, and what kind of statement it is."""
        # The kind keeps a signature over one kind of statement from passing as one over another.
        said = self.model_dump(mode="json", exclude={"signature"})
        return canonical({"kind": self.kind, **said})

    def check_signature(self, verify: Verify) -> None:
        """Believe that the key signed this; raises SnapshotRefused otherwise."""
        if not self.signature:
            raise SnapshotRefused("unsigned", "expected a signed statement, saw no signature")
        if not verify(self.kid, self.signing_bytes(), _signature(self.signature)):
            raise SnapshotRefused("bad_signature", f"expected a signature by key `{self.kid}`")


class Head(Statement):
    """The one record that says which snapshot counts; a newer one always has a larger seq."""

    kind: ClassVar[str] = "warrant.policy.head.v1"

    snapshot_id: Digest
    seq: Annotated[int, Field(ge=1)]
    sha256: Digest
    published_by: Name
    approved_by: Name
    issued_at: UtcTime
    prev: Digest | None = None


class _Content(Record):
    schema_version: Annotated[int, Field(alias="schema", ge=1, le=1)]
    rules: tuple[Rule, ...]


def canonical(data: Any) -> bytes:
    """Give the RFC 8785 bytes of JSON data; raises ValueError for what has no exact form there."""
    _refuse_inexact(data)
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def write_body(rules: Iterable[Rule]) -> Body:
    """Give the stored form of a rule set, the same for any order of the rules."""
    records = [rule.record() for rule in sorted(rules, key=lambda rule: rule.id)]
    content = canonical({"schema": 1, "rules": records})
    data = zlib.compress(content, 9)
    return Body(sha256(content).hexdigest(), sha256(data).hexdigest(), data)


def open_snapshot(
    head: Head,
    body: bytes,
    *,
    verify: Verify,
    now: datetime,
    max_age: timedelta,
    last_seq_seen: int,
) -> Snapshot:
    """Believe a head and a body, or raise SnapshotRefused with the first reason not to."""
    head.check_signature(verify)
    if head.seq < last_seq_seen:
        raise SnapshotRefused(
            "rolled_back", f"expected sequence {last_seq_seen} or later, saw {head.seq}"
        )
    if head.issued_at > now + CLOCK_SKEW:
        raise SnapshotRefused("issued_in_future", f"expected a past time, saw {head.issued_at}")
    if now - head.issued_at > max_age:
        raise SnapshotRefused(
            "too_old", f"expected at most {max_age} of age, issued {head.issued_at}"
        )
    rules = open_body(body, head.sha256, head.snapshot_id)
    try:
        ready = RuleSet.of(rules, SnapshotRef(id=head.snapshot_id, seq=head.seq))
    except ValueError as refused:
        raise SnapshotRefused("bad_record", str(refused)) from refused
    return Snapshot(head.snapshot_id, head.seq, ready)


def open_body(body: bytes, digest: str, snapshot_id: str) -> tuple[Rule, ...]:
    """Read the rules of a body that these two digests name; SnapshotRefused for any other bytes."""
    if sha256(body).hexdigest() != digest:
        raise SnapshotRefused("digest_mismatch", "expected the body that was signed for")
    content = _inflated(body)
    if sha256(content).hexdigest() != snapshot_id:
        raise SnapshotRefused("digest_mismatch", "expected the content that the id names")
    return _rules(content)


def _signature(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        raise SnapshotRefused("bad_signature", "expected a signature in base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as broken:
        raise SnapshotRefused("unreadable", "expected a zlib stream") from broken
    if not inflater.eof or inflater.unused_data:
        raise SnapshotRefused("unreadable", "expected one whole zlib stream of legal size")
    return content


def _rules(content: bytes) -> tuple[Rule, ...]:
    try:
        rules = _Content.model_validate_json(content).rules
    except ValidationError as refused:
        first = refused.errors()[0]
        code = "unreadable" if first["type"] == "json_invalid" else "bad_record"
        where = ".".join(str(part) for part in first["loc"])
        raise SnapshotRefused(
            code, f"expected rules, saw at `{where}`: {first['msg']}"
        ) from refused
    if not rules:
        raise SnapshotRefused("empty", "expected at least one rule, saw none")
    return rules


def _refuse_inexact(data: Any) -> None:
    if isinstance(data, dict):
        if strange := [key for key in data if not key.isascii()]:
            raise ValueError(f"expected field names in ASCII, saw `{strange[0]}`")
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            _refuse_inexact(item)
    elif isinstance(data, float) or (type(data) is int and abs(data) > _LARGEST_EXACT):
        raise ValueError(f"expected whole numbers up to 2**53, saw `{data}`")
