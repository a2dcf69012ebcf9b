"""The audit chain: canonical bodies, linked by hash, checked by anybody.

Rules
- a record's hash is SHA-256 over the canonical JSON of {seq, prev, body}; the first prev is zeros;
- sequence numbers are gapless from 1;
- a body has exactly one form (RFC 8785: whole numbers, field names in ASCII): what has none is
  refused before it is written, so that bytes can be hashed and compared for ever;
- a body holds ids, digests and policy names, never names of people, tokens or content.

Never here: storage. A chain by itself shows accident, not malice: whoever may write the table can
link it anew. What holds against them is `checkpoint` and, over a bundle, `verifier`.
"""

import hashlib
from collections.abc import Iterable

from agent.records import AuditRecord, Draft
from agent.values import Frozen, canonical
from policy.snapshot import canonical as exact

ZERO = "0" * 64
VERSION = 1


class Flaw(Frozen):
    """One place where the chain does not hold."""

    seq: int
    what: str


def link_hash(seq: int, prev: str, body: dict[str, object]) -> str:
    """Return the hash that binds a body to its place."""
    return hashlib.sha256(canonical({"seq": seq, "prev": prev, "body": body})).hexdigest()  # type: ignore[dict-item]


def body_of(draft: Draft) -> dict[str, object]:
    """Return a draft as a body, empty fields left out; ValueError when it has no one form."""
    body = {"v": VERSION, **draft.model_dump(mode="json", exclude_defaults=True)}
    exact(body)
    return body


def verify_chain(
    records: Iterable[AuditRecord], first_seq: int = 1, first_prev: str = ZERO
) -> list[Flaw]:
    """Return every flaw: gaps, swaps, edits, broken links. An empty list means the chain holds."""
    flaws: list[Flaw] = []
    seq, prev = first_seq, first_prev
    for record in records:
        if record.seq != seq:
            flaws.append(Flaw(seq=seq, what=f"expected sequence {seq}, saw {record.seq}"))
        if record.prev != prev:
            flaws.append(Flaw(seq=record.seq, what="does not follow the record before it"))
        if record.hash != link_hash(record.seq, record.prev, record.body):
            flaws.append(Flaw(seq=record.seq, what="its content was changed after it was written"))
        seq, prev = record.seq + 1, record.hash
    return flaws
