"""The tenant's checkpoints as rows that are only ever added.

Rows      AuditCheckpoints  pk `checkpoint`  rk `{all nines - size}`  one signed statement
Columns   `said` the checkpoint as canonical JSON · `peaks` the tree that it signed
Rules
- the row key is how many records are signed, counted down: the newest stands first, so that it is
  found by one read, and adding decides between two who sign the same end;
- a row that is not what we wrote, or stands in another's place, is StoreUnusable.

Never here: keys, and whether a checkpoint is due, signed or may follow (`agent.checkpoints`).
"""

import json

from agent.adapters.columns import Row, unreadable
from agent.adapters.tables import Rows
from agent.audit.checkpoint import Checkpoint, KeptCheckpoint

_PARTITION = "checkpoint"
_LAST = 10**15 - 1


class CheckpointTable:
    """The checkpoints of one tenant."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def latest(self) -> KeptCheckpoint | None:
        """Return the one of most records, or None before the first. Raises StoreUnusable."""
        rows = await self._rows.query(_PARTITION, first=1)
        return self._kept(rows[0]) if rows else None

    async def every(self) -> list[KeptCheckpoint]:
        """Return all, by size. Raises StoreUnusable."""
        rows = await self._rows.query(_PARTITION)
        return [self._kept(row) for row in reversed(rows)]

    async def add(self, kept: KeptCheckpoint) -> bool:
        """Add one durably; False when one of this size was there. Raises StoreUnusable."""
        return await self._rows.insert(
            {
                "PartitionKey": _PARTITION,
                "RowKey": _key(kept.checkpoint),
                "said": kept.checkpoint.line().decode(),
                "peaks": json.dumps(kept.peaks),
            }
        )

    def _kept(self, row: Row) -> KeptCheckpoint:
        try:
            said = Checkpoint.model_validate_json(row["said"])
            kept = KeptCheckpoint(checkpoint=said, peaks=tuple(json.loads(row["peaks"])))
            in_place = row["RowKey"] == _key(said)
        except (KeyError, TypeError, ValueError):
            in_place = False
        if not in_place:
            unreadable(self._rows.table, "said")
        return kept


def _key(checkpoint: Checkpoint) -> str:
    return f"{_LAST - checkpoint.size:015d}"
