r"""Records as events of the Common Event Format, version 0: one line each, for a SIEM.

Rules
- in the header `\` and `|` are escaped, and an end of line becomes a blank, for it has no escape;
- in the extension `\` and `=` are escaped, and LF and CR are written `\n` and `\r`;
- other control characters, which would cut a line short in some collectors, become U+FFFD in the
  fields of `_PLACES`, and nowhere else is anything changed;
- `warrantBody` is the whole body as JSON in ASCII, so that seq, prev, hash and body give the record
  back: what has no field of its own is there.
"""

import json
import re
from collections.abc import Iterable, Iterator

from agent.audit.export.fields import Severity, cell, epoch_ms, line_of, severity, text
from agent.records import AuditRecord

# CEF key -> where its value stands in the body. The labels below say what cs1 to cs6 are.
_PLACES: dict[str, tuple[str, ...]] = {
    "act": ("action", "name"),
    "outcome": ("outcome",),
    "suid": ("actor",),
    "suser": ("acted_as", "person"),
    "duid": ("target", "id"),
    "cs1": ("request",),
    "cs2": ("step",),
    "cs3": ("decision", "effect"),
    "cs4": ("decision", "snapshot", "id"),
    "cs5": ("digest",),
    "cs6": ("graph", "request_id"),
}
LABELS = {
    "cs1Label": "request",
    "cs2Label": "step",
    "cs3Label": "policyEffect",
    "cs4Label": "policySnapshot",
    "cs5Label": "digest",
    "cs6Label": "graphRequest",
}
_LEVEL = {
    Severity.INFORMATIONAL: 1,
    Severity.LOW: 3,
    Severity.MEDIUM: 6,
    Severity.HIGH: 8,
}
_LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES = str.maketrans({"\\": r"\\", "=": r"\=", "\n": r"\n", "\r": r"\r"})


def cef(records: Iterable[AuditRecord], version: str) -> Iterator[str]:
    """Give each record as one line; `version` is the product's.

    Raises ValueError for a record that has no canonical form.
    """
    for record in records:
        line_of(record)  # refuses what cannot be written
        yield f"{_header(record, version)}|{_extension(record)}\n"


def _header(record: AuditRecord, version: str) -> str:
    phase = cell(record.body, "phase")
    action = text(record.body, "action", "name")
    level = str(_LEVEL[severity(record.body)])
    name = f"{phase} {action}" if action else phase
    parts = ("CEF:0", "Warrant", "Warrant", version, phase, name, level)
    return "|".join(_head(part) for part in parts)


def _head(part: str) -> str:
    one_line = _CONTROLS.sub("\ufffd", _LINE_ENDS.sub(" ", part))
    return one_line.replace("\\", r"\\").replace("|", r"\|")


def _extension(record: AuditRecord) -> str:
    body = record.body
    said = {key: _CONTROLS.sub("\ufffd", cell(body, *place)) for key, place in _PLACES.items()}
    time = epoch_ms(text(body, "at"))
    exact = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    pairs = {
        "rt": "" if time is None else str(time),
        "externalId": str(record.seq),
        **{key: value for key, value in said.items() if value},
        **{label: name for label, name in LABELS.items() if said[label.removesuffix("Label")]},
        "warrantPrev": record.prev,
        "warrantHash": record.hash,
        "warrantBody": exact,
    }
    return " ".join(f"{key}={value.translate(_ESCAPES)}" for key, value in pairs.items() if value)
