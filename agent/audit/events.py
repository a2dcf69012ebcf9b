"""What do Microsoft's own logs say happened? One shape for every log that is read.

Rules
- ids are compared without case, moments as moments; names that people wrote are dropped;
- an entry that cannot be read is a ValueError, never skipped: a log with holes is not a log;
- an entry counts as a change unless Microsoft says that it failed;
- `through_us` only where Microsoft names our application: for a delegated change it may name none.

Source: Graph directoryaudit (initiatedBy, targetResources, modifiedProperties, correlationId).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from agent.values import Frozen, digest_of

_ID = re.compile(r"[A-Za-z0-9_.:@+-]{1,150}")
_POINTERS = frozenset({"Group.ObjectID"})  # a group that is named by a property of the person


class Event(Frozen):
    """One entry of a log of Microsoft's: who did what to what, through which application."""

    id: str
    at: AwareDatetime
    activity: str
    initiator: str | None
    targets: frozenset[str]
    through_us: bool
    through_other: bool
    failed: bool = False
    correlation: str | None = None


def of_directory_audit(item: Mapping[str, Any], application: str) -> Event:
    """Return a directoryAudit as an event. Raises ValueError when it cannot be read."""
    try:
        by = item.get("initiatedBy") or {}
        app = _lower((by.get("app") or {}).get("appId"))
        at = datetime.fromisoformat(item["activityDateTime"])
        return Event(
            id=_id(item["id"]),
            at=at,
            activity=item["activityDisplayName"],
            initiator=_lower((by.get("user") or {}).get("id")),
            targets=frozenset(_targets(item)),
            through_us=app == application.lower(),
            through_other=app is not None and app != application.lower(),
            failed=item.get("result") == "failure",
            correlation=_lower(item.get("correlationId")),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("expected an entry of the directory's log, saw another shape") from None


def _id(said: object) -> str:
    """An id as it is, or the digest of one that is no plain word."""
    if not isinstance(said, str):
        raise TypeError("expected an id")
    return said if _ID.fullmatch(said) else digest_of(said)


def _lower(said: object) -> str | None:
    return said.lower() if isinstance(said, str) and said else None


def _targets(item: Mapping[str, Any]) -> Iterator[str]:
    for target in item.get("targetResources") or ():
        if (named := _lower(target.get("id"))) is not None:
            yield named
        for changed in target.get("modifiedProperties") or ():
            if changed.get("displayName") in _POINTERS:
                yield from filter(
                    None, (_pointed(changed.get(k)) for k in ("oldValue", "newValue"))
                )


def _pointed(value: object) -> str | None:
    """Entra writes values as JSON inside strings."""
    try:
        return _lower(json.loads(value)) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
