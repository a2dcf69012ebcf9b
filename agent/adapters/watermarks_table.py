"""How far each log of Microsoft's was set against the trail: one row a log.

Rules
- it saves reading, and decides nothing: `agent.reconcile` believes it only where the trail vouches;
- a row that cannot be read is StoreUnusable, never a first time.

Never here: what was found, which stands in the trail.
"""

from datetime import datetime

from agent.adapters.columns import key, unreadable
from agent.adapters.tables import Rows
from agent.records import Watermark

PARTITION = "watermark"


class WatermarkTable:
    """The watermarks of one tenant."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def reached(self, source: str) -> Watermark | None:
        """Return the watermark of a log, or None before its first reconciliation."""
        row = await self._rows.get(PARTITION, key(source))
        if row is None:
            return None
        try:
            return Watermark(at=datetime.fromisoformat(row["at"]), seq=row["seq"])
        except (KeyError, TypeError, ValueError):
            unreadable(self._rows.table, "watermark")

    async def reach(self, source: str, watermark: Watermark) -> None:
        """Keep a new watermark."""
        said = {"at": watermark.at.isoformat(), "seq": watermark.seq}
        await self._rows.put({"PartitionKey": PARTITION, "RowKey": key(source), **said})
