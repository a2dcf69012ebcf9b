"""How the audit chain lies in rows: segments, keys, columns, and rows read back as records.

Rows      Audit  pk `{segment}`  rk `{seq}`       one record; segment is that of the first record
                                                  of its transaction
                 pk `{segment}`  rk `tombstone`   what stood here was removed by retention
Rules
- a transaction that begins near the end of a segment ends in it, so up to 99 rows lie past its
  end: readers look there;
- a row names the group it came with (`group`): one group is written whole, once, or not at all;
- a row that is not what we wrote, or of a version nobody here knows, is StoreUnusable with its
  place; it is never skipped.

Never here: I/O, and the order in which rows are written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from agent.adapters.columns import Row
from agent.audit import VERSION, ZERO, body_of, link_hash
from agent.errors import StoreUnusable
from agent.records import AuditRecord, Draft
from agent.values import canonical

AUDIT_TABLES = ("Audit", "AuditIndex", "AuditInbox", "AuditCheckpoints", "AuditHolds")
SEGMENT_ROWS = 1_000
GROUP = 100  # records a transaction: the limit of Azure Tables
RECORD_BYTES = 60_000
GROUP_BYTES = 1_000_000  # with the worst escaping still under the 4 MiB of a transaction
LAST_SEQ = 10**12 - 1
TOMBSTONE = "tombstone"  # sorts after every sequence number
CHUNK = 16_000  # characters a column: never over 32,768 UTF-16 units
_BODY = ("body", "body1", "body2", "body3")  # RECORD_BYTES fit into so many chunks

Body = dict[str, Any]


class AddOnly(Protocol):
    """A table as the trail may use it: rows are read and added, never changed or removed."""

    table: str

    async def get(self, pk: str, rk: str, select: Sequence[str] | None = None) -> Row | None:
        """Return one row, or None when there is none."""

    async def query(
        self,
        pk: str,
        *,
        between: tuple[str, str] | None = None,
        equals: Mapping[str, str] | None = None,
        select: Sequence[str] | None = None,
        first: int | None = None,
    ) -> list[Row]:
        """Return a partition's rows in order of row key."""

    async def insert(self, row: Row) -> bool:
        """Add a row; False when the key was taken by another."""

    async def transaction(self, rows: Sequence[Row]) -> bool:
        """Add rows of one partition, all or none; False when a key was taken by another."""


class Tail(NamedTuple):
    """The last record of the chain."""

    seq: int
    hash: str


START = Tail(0, ZERO)


class Link(NamedTuple):
    """Where one record of a group stands."""

    seq: int
    prev: str
    hash: str


class Group(NamedTuple):
    """Bodies that are written together, under a key that nobody else can have chosen."""

    key: str
    bodies: tuple[Body, ...]


def segment_of(seq: int) -> int:
    """Return the segment a sequence number belongs to."""
    return (seq - 1) // SEGMENT_ROWS


def segment_end(segment: int) -> int:
    """Return the last sequence number that belongs to a segment."""
    return (segment + 1) * SEGMENT_ROWS


def segment_key(segment: int) -> str:
    """Return the partition key of a segment."""
    return f"{segment:09d}"


def seq_key(seq: int) -> str:
    """Return the row key of a sequence number."""
    return f"{seq:012d}"


def bodies_of(drafts: Sequence[Draft]) -> tuple[tuple[Body, ...], int]:
    """Return drafts as bodies, and their bytes; StoreUnusable when they are too many or too big."""
    bodies: tuple[Body, ...] = tuple(body_of(draft) for draft in drafts)
    sizes = [len(canonical(body)) for body in bodies]
    if len(sizes) > GROUP or max(sizes) > RECORD_BYTES or sum(sizes) > GROUP_BYTES:
        raise StoreUnusable(
            "audit_too_large",
            f"expected at most {GROUP} records of {RECORD_BYTES} bytes and {GROUP_BYTES} in all, "
            f"saw {len(sizes)} of up to {max(sizes)}",
        )
    return bodies, sum(sizes)


def rows_of(tail: Tail, groups: Iterable[Group]) -> tuple[list[Row], list[tuple[str, Link]]]:
    """Return the rows that put the groups behind the tail, and the place of each record."""
    segment = segment_key(segment_of(tail.seq + 1))
    rows: list[Row] = []
    links: list[tuple[str, Link]] = []
    seq, prev = tail
    for group in groups:
        for body in group.bodies:
            seq, last = seq + 1, prev
            prev = link_hash(seq, last, body)
            rows.append(_row(segment, Link(seq, last, prev), group.key, body))
            links.append((group.key, Link(seq, last, prev)))
    return rows, links


def records_of(group: Group, links: Sequence[Link]) -> tuple[AuditRecord, ...]:
    """Return a group's records at their places; StoreUnusable when not they are bound there."""
    if len(links) != len(group.bodies) or any(
        link_hash(link.seq, link.prev, body) != link.hash
        for link, body in zip(links, group.bodies, strict=True)
    ):
        raise StoreUnusable("audit_altered", "expected our own records in the chain, saw others")
    return tuple(
        AuditRecord(seq=link.seq, body=body, prev=link.prev, hash=link.hash)
        for link, body in zip(links, group.bodies, strict=True)
    )


def record_of(table: str, row: Row) -> AuditRecord:
    """Return a row as the record it holds; StoreUnusable naming the row when it holds none."""
    place = f"{row.get('PartitionKey')}/{row.get('RowKey')}"
    try:
        body = json.loads("".join(row[name] for name in _BODY if name in row))
        record = AuditRecord(seq=int(row["RowKey"]), body=body, prev=row["prev"], hash=row["hash"])
    except (KeyError, TypeError, ValueError):
        damaged(table, place)
    version = record.body.get("v")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise StoreUnusable(
            "audit_version",
            f"expected a record of version 1 to {VERSION} in `{table}` row {place}, saw another",
        )
    return record


def link_of(table: str, row: Row) -> Link:
    """Return where a row stands in the chain, without its body."""
    try:
        return Link(int(row["RowKey"]), str(row["prev"]), str(row["hash"]))
    except (KeyError, ValueError):
        damaged(table, f"{row.get('PartitionKey')}/{row.get('RowKey')}")


def chunked(text: str, names: Iterable[str]) -> Row:
    """Return a text as columns of these names, in order, as many as it takes."""
    parts = (text[at : at + CHUNK] for at in range(0, len(text), CHUNK))
    return dict(zip(names, parts, strict=False))


def damaged(table: str, place: str) -> NoReturn:
    """Say which row is not what we wrote."""
    raise StoreUnusable(
        "row_unreadable", f"expected `{table}` row {place} as written, saw otherwise"
    )


def _row(segment: str, link: Link, group: str, body: Body) -> Row:
    row: Row = {
        "PartitionKey": segment,
        "RowKey": seq_key(link.seq),
        "prev": link.prev,
        "hash": link.hash,
        "group": group,
        **chunked(canonical(body).decode(), _BODY),
    }
    if isinstance(body.get("request"), str):
        row["request"] = body["request"]
    return row
