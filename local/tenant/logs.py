"""What was called, and what did it change?

Answers the stage manager's two logs. Never part of Graph: Microsoft's own logs are records.py and
show less, later.

Rules:
- every Graph and Entra call is entered on arrival, refused ones too, and completed with its
  status; a call that never got an answer keeps status null;
- every write that was accepted is entered as a change; `changed` is true only if state differs;
- sequence numbers only grow, also over a reset; the newest calls are kept, all changes are.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

Entry = dict[str, Any]
_KEPT_CALLS = 50_000


class Journal:
    """Calls and changes, newest last."""

    def __init__(self) -> None:
        self._calls: deque[Entry] = deque(maxlen=_KEPT_CALLS)
        self._changes: list[Entry] = []
        self._call_seq = self._change_seq = 0

    def call(self, fields: Mapping[str, Any]) -> Entry:
        """Enter a call on arrival; the entry is completed by its holder."""
        self._call_seq += 1
        entry = {"seq": self._call_seq, **fields, "status": None}
        self._calls.append(entry)
        return entry

    def change(self, fields: Mapping[str, Any]) -> None:
        """Enter an accepted write."""
        self._change_seq += 1
        self._changes.append({"seq": self._change_seq, **fields})

    def calls_since(self, seq: int) -> list[Entry]:
        """Calls after a sequence number."""
        return _after(self._calls, seq)

    def changes_since(self, seq: int) -> list[Entry]:
        """Changes after a sequence number."""
        return _after(self._changes, seq)

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._calls.clear()
        self._changes.clear()

    def dump(self) -> dict[str, Any]:
        """The journal as JSON-ready data."""
        return {
            "calls": list(self._calls),
            "changes": self._changes,
            "call_seq": self._call_seq,
            "change_seq": self._change_seq,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Continue a dumped journal."""
        self._calls.extend(data["calls"])
        self._changes = list(data["changes"])
        self._call_seq, self._change_seq = data["call_seq"], data["change_seq"]


def _after(entries: Iterable[Entry], seq: int) -> list[Entry]:
    return [entry for entry in entries if entry["seq"] > seq]
