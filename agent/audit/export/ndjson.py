"""Records as newline-delimited JSON: lossless, so that the chain can be verified from the export.

Rules
- a line is the canonical JSON of {seq, prev, hash, body} and ends in a line feed, which never
  stands inside one. Other ends of line, such as U+2028, may: split at line feeds only;
- reading the lines back gives the same records.
"""

from collections.abc import Iterable, Iterator

from agent.audit.export.fields import line_of
from agent.records import AuditRecord


def ndjson(records: Iterable[AuditRecord]) -> Iterator[str]:
    """Give each record as one line. Raises ValueError for one that has no canonical form."""
    for record in records:
        yield line_of(record) + "\n"
