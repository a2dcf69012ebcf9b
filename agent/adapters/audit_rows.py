"""How the audit chain lies in rows: segments, keys, columns, and rows read back as records.

Rows      Audit  pk `{segment}`  rk `{seq}`       a block: up to 100 records that were written at
                                                  once, under the number of the first
                 pk `{segment}`  rk `tombstone`   what stood here was removed by retention
Columns   `text00`.. the bodies as a JSON list · `hashes` one for each · `prev` the hash before the
          first · `groups` whose they are: [key, how many], in order
Rules
- a block lies in the segment of its first record, so up to 99 records of a segment lie in the row
  before it: readers begin there;
- a group is written whole, once, or not at all; its key is nobody else's;
- a row that is not what we wrote, or a version nobody here knows, is StoreUnusable with its place;
  it is never skipped.

Never here: I/O, and the order in which rows are written.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from agent.adapters.columns import Row
from agent.audit.chain import VERSION, ZERO, body_of, link_hash
from agent.errors import StoreUnusable
from agent.records import AuditRecord, Draft
from agent.values import canonical

AUDIT_TABLES = ("Audit", "AuditIndex", "AuditInbox", "AuditCheckpoints", "AuditHolds")
SEGMENT_ROWS = 1_000
BLOCK = 100  # records
RECORD_BYTES = 60_000
BLOCK_BYTES = 400_000  # of canonical JSON: in UTF-16 still under the 1 MiB of a row
LAST_SEQ = 10**12 - 1
_HASH = 64  # characters
TOMBSTONE = "tombstone"  # sorts after every sequence number
_CHUNK = 16_000  # characters a column: never over 32,768 UTF-16 units
_TEXT = tuple(f"text{place:02d}" for place in range(-(-(BLOCK_BYTES + 2 * BLOCK) // _CHUNK)))

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
    if len(sizes) > BLOCK or max(sizes) > RECORD_BYTES or sum(sizes) > BLOCK_BYTES:
        raise StoreUnusable(
            "audit_too_large",
            f"expected at most {BLOCK} records of {RECORD_BYTES} bytes and {BLOCK_BYTES} in all, "
            f"saw {len(sizes)} of up to {max(sizes)}",
        )
    return bodies, sum(sizes)


def block_of(tail: Tail, groups: Sequence[Group]) -> tuple[Row, list[tuple[str, Link]]]:
    """Return the row that puts groups behind the tail, and the place of each record."""
    links: list[tuple[str, Link]] = []
    seq, prev = tail
    for group in groups:
        for body in group.bodies:
            links.append((group.key, Link(seq + 1, prev, link_hash(seq + 1, prev, body))))
            seq, prev = seq + 1, links[-1][1].hash
    row: Row = {
        "PartitionKey": segment_key(segment_of(tail.seq + 1)),
        "RowKey": seq_key(tail.seq + 1),
        "prev": tail.hash,
        "hashes": "".join(link.hash for _, link in links),
        "groups": json.dumps([[group.key, len(group.bodies)] for group in groups]),
        **texts_of([body for group in groups for body in group.bodies]),
    }
    return row, links


def placed_as(group: Group, links: Sequence[Link]) -> tuple[int, ...]:
    """Return a group's numbers; StoreUnusable when it is not what is bound to these places."""
    if len(links) != len(group.bodies) or any(
        link_hash(link.seq, link.prev, body) != link.hash
        for link, body in zip(links, group.bodies, strict=True)
    ):
        raise StoreUnusable("audit_altered", "expected our own records in the chain, saw others")
    return tuple(link.seq for link in links)


def records_of(table: str, row: Row) -> list[AuditRecord]:
    """Return the records of a block; StoreUnusable naming the row when it is none."""
    links = links_of(table, row)
    bodies = bodies_in(table, row)
    if len(bodies) != len(links):
        damaged(table, row)
    for body in bodies:
        version = body.get("v")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise StoreUnusable(
                "audit_version",
                f"expected records of version 1 to {VERSION} in `{table}` row {_name(row)}, "
                "saw another",
            )
    pairs = zip(links, bodies, strict=True)
    return [AuditRecord(seq=k.seq, body=body, prev=k.prev, hash=k.hash) for (_, k), body in pairs]


def links_of(table: str, row: Row) -> list[tuple[str, Link]]:
    """Return the places that a block holds, each with the key of its group, without the bodies."""
    try:
        first, prev, hashes = int(row["RowKey"]), row["prev"], row["hashes"]
        keys = [str(key) for key, many in json.loads(row["groups"]) for _ in range(many)]
    except (KeyError, TypeError, ValueError):
        damaged(table, row)
    if not keys or type(hashes) is not str or len(hashes) != _HASH * len(keys):
        damaged(table, row)
    parts = [hashes[at : at + _HASH] for at in range(0, len(hashes), _HASH)]
    return [
        (key, Link(first + place, before, own))
        for place, (key, before, own) in enumerate(zip(keys, [prev, *parts], parts, strict=False))
    ]


def texts_of(bodies: Sequence[Body]) -> Row:
    """Return bodies as columns of text."""
    text = canonical(list(bodies)).decode()
    parts = (text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK))
    return dict(zip(_TEXT, parts, strict=False))


def bodies_in(table: str, row: Row) -> list[Body]:
    """Return the bodies that a row holds as text; StoreUnusable naming the row when it has none."""
    try:
        bodies: list[Body] = json.loads("".join(row[name] for name in _TEXT if name in row))
        sound = type(bodies) is list and bool(bodies) and all(type(one) is dict for one in bodies)
    except (TypeError, ValueError):
        sound = False
    if not sound:
        damaged(table, row)
    return bodies


def damaged(table: str, row: Row) -> NoReturn:
    """Say which row is not what we wrote."""
    raise StoreUnusable(
        "row_unreadable", f"expected `{table}` row {_name(row)} as written, saw otherwise"
    )


def _name(row: Row) -> str:
    return f"{row.get('PartitionKey')}/{row.get('RowKey')}"
