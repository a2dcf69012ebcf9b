"""What an export reads out of a body that may hold anything.

Answers  the text, the words of a change and the weight of a record, where the body says them.
Never    raises on a body, whatever JSON it is: what is not there, or not of its kind, is None.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from agent.audit.bundle import record_line
from agent.records import AuditRecord
from agent.values import canonical


class Severity(IntEnum):
    """How much a record asks for a person's eyes; the numbers are OCSF's."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


_BY_OUTCOME = {
    "refused": Severity.LOW,
    "reject": Severity.LOW,
    "undone": Severity.MEDIUM,
    "partly_done": Severity.MEDIUM,
    "escalated": Severity.MEDIUM,
    "unread": Severity.MEDIUM,
    "alarm": Severity.HIGH,
    "failed": Severity.HIGH,
    "unknown": Severity.HIGH,
}
_BY_PHASE = {
    "intent": Severity.LOW,
    "effect": Severity.LOW,
    "compensate": Severity.MEDIUM,
    "escalate": Severity.MEDIUM,
    "failure": Severity.HIGH,
}


def severity(body: Mapping[str, Any]) -> Severity:
    """Return the heavier of what the outcome and the phase weigh."""
    outcome = _BY_OUTCOME.get(text(body, "outcome") or "", Severity.INFORMATIONAL)
    phase = _BY_PHASE.get(text(body, "phase") or "", Severity.INFORMATIONAL)
    return max(outcome, phase)


def at(body: object, *path: str) -> Any:
    """Return what lies at a path of keys, or None."""
    for key in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


def text(body: object, *path: str) -> str | None:
    """Return the text at a path of keys, or None where there is none."""
    found = at(body, *path)
    return found if isinstance(found, str) else None


def cell(body: object, *path: str) -> str:
    """Return what lies at a path as text: text itself, anything else as JSON, nothing as ''."""
    found = at(body, *path)
    if found is None:
        return ""
    return found if isinstance(found, str) else canonical(found).decode()


def moment(said: str | None) -> datetime | None:
    """Return a time with its zone, or None where the text is not one."""
    try:
        read = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def epoch_ms(said: str | None) -> int | None:
    """Return a time as milliseconds since 1970, or None where the text is not one."""
    read = moment(said)
    return None if read is None else round(read.timestamp() * 1000)


def line_of(record: AuditRecord) -> str:
    """Return a record as canonical JSON.

    Raises ValueError for a record that has no canonical form: a lone surrogate, a NaN.
    """
    try:
        return record_line(record).decode().removesuffix("\n")
    except (ValueError, RecursionError) as unwritable:
        raise ValueError(
            f"expected record {record.seq} to be text and numbers that UTF-8 and JSON can carry, "
            f"saw what they cannot: {type(unwritable).__name__}"
        ) from None
