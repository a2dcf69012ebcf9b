"""Records as comma-separated values (RFC 4180): a table for a spreadsheet, and still lossless.

Rules
- `COLUMNS` is the header, always the same; the last column holds the whole body as canonical JSON,
  so that seq, prev, hash and body give the record back. What has no column is there;
- every cell is quoted and every row ends in CR LF;
- no cell is a formula: one that a spreadsheet might read as a formula (`=`, `+`, `-`, `@`, also
  after blanks, and their full-width forms), that begins with a tab or an end of line, or that
  begins with an apostrophe, gets one apostrophe in front. To read: take one leading apostrophe
  off each cell that has one.
"""

import re
from collections.abc import Iterable, Iterator

from agent.audit.export.fields import cell, line_of
from agent.records import AuditRecord
from agent.values import canonical

# Column -> where its cell stands in the body; the first and the last three are the record's own.
_PLACES: dict[str, tuple[str, ...]] = {
    "at": ("at",),
    "phase": ("phase",),
    "request": ("request",),
    "actor": ("actor",),
    "step": ("step",),
    "action": ("action", "name"),
    "target_type": ("target", "type"),
    "target": ("target", "id"),
    "outcome": ("outcome",),
    "effect": ("decision", "effect"),
    "snapshot": ("decision", "snapshot", "id"),
    "acted_as": ("acted_as", "person"),
    "mode": ("acted_as", "mode"),
    "before": ("before",),
    "after": ("after",),
    "digest": ("digest",),
    "graph_request": ("graph", "request_id"),
    "client_request": ("graph", "client_request_id"),
}
COLUMNS = ("seq", *_PLACES, "prev", "hash", "body")

# What a spreadsheet may take for more than text, and the apostrophe that makes it text.
_LIVE = re.compile(r"['\t\r\n]|[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def csv(records: Iterable[AuditRecord]) -> Iterator[str]:
    """Give the header, then each record as one row.

    Raises ValueError for a record that has no canonical form.
    """
    yield _row(COLUMNS)
    for record in records:
        line_of(record)  # refuses what cannot be written, before a cell of it is
        cells = [cell(record.body, *place) for place in _PLACES.values()]
        body = canonical(record.body).decode()
        yield _row([str(record.seq), *cells, record.prev, record.hash, body])


def _row(cells: Iterable[str]) -> str:
    return ",".join(f'"{_inert(one)}"' for one in cells) + "\r\n"


def _inert(text: str) -> str:
    marked = f"'{text}" if _LIVE.match(text) else text
    return marked.replace('"', '""')
