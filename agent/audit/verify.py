"""Does a bundle hold, as values with a sentence for each finding?

Never    decides anything itself: `verifier` does, the very file that is shipped with each bundle.
Rules    - checkpoints that a witness kept are read as if they stood in the bundle: what was cut
           from the tables together with its checkpoints shows only by them.
         - a line of more than a megabyte is read in pieces, none of which is readable.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO, Literal

from agent.audit.verifier import Bundle
from agent.values import Frozen, TenantId

Code = Literal[
    "bad_signature",
    "clock_backwards",
    "deleted",
    "edited",
    "foreign_tenant",
    "forked",
    "inserted",
    "missing_checkpoint",
    "recomputed",
    "swapped",
    "truncated",
    "unknown_key",
    "unknown_schema",
    "unreadable",
]

SENTENCES: Mapping[Code, str] = {
    "bad_signature": "a trusted key is named, but did not sign this",
    "clock_backwards": "its time is more than five minutes before what stands before it",
    "deleted": "a record is missing here",
    "edited": "its content is not what its hash, or the next record, says it was",
    "foreign_tenant": "it belongs to another tenant",
    "forked": "two of one place do not agree",
    "inserted": "it was not written here: it follows nothing, or lies outside what was exported",
    "missing_checkpoint": "no checkpoint speaks for it within 1,000 records and 15 minutes",
    "recomputed": "the links hold, but these are not the records that were signed",
    "swapped": "it does not stand in its place",
    "truncated": "the end is missing: more was exported or signed",
    "unknown_key": "it is signed by a key that nobody vouches for",
    "unknown_schema": "it is of a version that is not known here",
    "unreadable": "it is not one object in canonical form with the fields it must have",
}
LINE_BYTES = 1 << 20


class Finding(Frozen):
    """One inconsistency: about records `first` to `last`, where they can be named, and a line."""

    code: Code
    first: int | None
    last: int | None
    line: int

    @property
    def sentence(self) -> str:
        """What is wrong, for people."""
        return SENTENCES[self.code]


class Verdict(Frozen):
    """What a bundle holds, what is signed for, and every inconsistency in it."""

    tenant: str | None
    first: int  # sequence numbers of what it should hold
    last: int
    records: int
    withheld: int  # of which only the hash is shown
    signed_to: int  # the newest checkpoint that the records agree with; 0 when there is none
    uncovered: tuple[int, int] | None  # no checkpoint speaks for these: they could be rewritten
    findings: tuple[Finding, ...]


def verify_bundle(
    bundle: BinaryIO,
    keys: Sequence[bytes],
    *,
    tenant: TenantId | None = None,
    witness: Iterable[bytes] = (),
) -> Verdict:
    """Read a bundle once and return the verdict; ValueError when a key is not a public one in PEM.

    `tenant` is whose bundle it should be. `witness` brings lines of checkpoints that were kept
    elsewhere; it belongs with a bundle of the whole trail.
    """
    lines = _lines(bundle)
    read = Bundle(list(keys), tenant)
    for line in chain(islice(lines, 1), witness):
        read.read(line)
    first, read.line = read.seq + 1, min(read.line, 1)
    for line in lines:
        read.read(line)
    read.end()
    return Verdict(
        tenant=read.tenant,
        first=first,
        last=read.last,
        records=read.records,
        withheld=read.withheld,
        signed_to=read.signed_to,
        uncovered=read.uncovered if read.uncovered[0] else None,
        findings=tuple(
            Finding.model_validate(dict(zip(Finding.model_fields, found, strict=True)))
            for found in read.findings
        ),
    )


def _lines(bundle: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: bundle.readline(LINE_BYTES), b"")
