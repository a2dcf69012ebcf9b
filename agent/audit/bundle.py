"""The trail, or a part of it, as one file that whoever holds the tenant's public key can verify.

Answers  which lines a bundle has: NDJSON, each line canonical, so that it streams at any length.
Never    reads the tables, signs or judges; `verifier` judges.
Rules    - first the header, then checkpoints by size, then records by sequence number.
         - a part begins with the tree before it (one hash for each full subtree) and ends where a
           checkpoint ends, so that its signed root can be computed from what is there: that is the
           proof of inclusion. What lies between and is not asked for shows its hash, not its body.
         - every root is computed again over all hashes, so trees that do not extend one another
           cannot both hold: no proof of consistency is needed in the file.
         - `last` of the whole trail is the larger of its end and the newest checkpoint's size.
         - nothing is repaired: a row that cannot be read becomes a line that says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from agent.audit.chain import ZERO
from agent.audit.checkpoint import Checkpoint, Digest, Moment
from agent.audit.merkle import Frontier
from agent.records import AuditRecord
from agent.values import Frozen, Guid, canonical

VERIFIER = Path(__file__).with_name("verifier.py")
"""The file to put beside a bundle."""

Seq = Annotated[int, Field(ge=0, lt=2**53)]


class Header(Frozen):
    """Whose records these are, which of them, and which key each key id means."""

    v: Literal[1] = 1
    kind: Literal["warrant.audit.bundle"] = "warrant.audit.bundle"
    tenant: Guid
    exported_at: Moment
    first: Annotated[int, Field(ge=1, lt=2**53)] = 1
    last: Seq
    prev: Digest = ZERO  # the hash before the first record
    peaks: tuple[Digest, ...] = ()  # the tree before the first record
    keys: Mapping[str, str]  # key id -> public key, PEM; counts only if the reader trusts it

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        if len(self.peaks) != (self.first - 1).bit_count():
            raise ValueError(f"expected the peaks of {self.first - 1} records")
        return self

    def line(self) -> bytes:
        """Return the header as the first line of a bundle."""
        return canonical(self.model_dump(mode="json")) + b"\n"


def part(
    tenant: str,
    exported_at: datetime,
    keys: Mapping[str, str],
    *,
    before: Frontier,
    prev: str,
    wanted: int,
    checkpoints: Iterable[Checkpoint],
) -> Header:
    """Return the header of a part that follows the tree `before` and holds all up to `wanted`.

    It goes on to the end of a checkpoint; ValueError when none reaches so far: one is to be issued.
    """
    ends = [one.size for one in checkpoints if one.size >= wanted]
    if not ends:
        raise ValueError(f"expected a checkpoint of at least {wanted} records, saw none")
    return Header(
        tenant=tenant,
        exported_at=exported_at,
        first=before.size + 1,
        last=min(ends),
        prev=prev,
        peaks=tuple(peak.hex() for peak in before.peaks),
        keys=keys,
    )


def bundle(
    header: Header, checkpoints: Iterable[Checkpoint], records: Iterable[bytes]
) -> Iterator[bytes]:
    """Return the lines of a bundle: header, checkpoints that end within it, then the records."""
    yield header.line()
    inside = (one for one in checkpoints if header.first <= one.size <= header.last)
    for one in sorted(inside, key=lambda checkpoint: checkpoint.size):
        yield one.line()
    yield from records


def record_line(record: AuditRecord) -> bytes:
    """Return a record as a line: its hash is over this line without `hash`.

    Raises ValueError where it has no canonical form; a model's own JSON would turn NaN into null.
    """
    whole: dict[str, JsonValue] = {
        "seq": record.seq,
        "prev": record.prev,
        "hash": record.hash,
        "body": record.body,
    }
    return canonical(whole) + b"\n"


def withheld_line(seq: int, digest: str) -> bytes:
    """Return a record as a line that shows its place and hash only."""
    return canonical({"hash": digest, "seq": seq}) + b"\n"


def unreadable_line(seq: int) -> bytes:
    """Return a line for a row that cannot be read: it is found, and the record is missing."""
    return canonical({"unreadable": seq}) + b"\n"


def selected(
    records: Iterable[AuditRecord], is_asked_for: Callable[[AuditRecord], bool]
) -> Iterator[bytes]:
    """Return the lines of a part: whole where asked for, else withheld."""
    for record in records:
        if is_asked_for(record):
            yield record_line(record)
        else:
            yield withheld_line(record.seq, record.hash)
