"""What the tenant's own admins say a target is: tags, department, privileged or not.

Rules
- no row says nothing: the caller gets None, which is Unknown to policy, never "harmless";
- a row that cannot be read is StoreUnusable, never None.

Never here: names or descriptions from the directory, which anybody may write.
"""

import json

from agent.adapters.columns import key, unreadable
from agent.adapters.tables import Rows
from agent.domain import Classification

PARTITION = "target"


class TargetTable:
    """The classification of one tenant's resources."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def classification(self, target: str) -> Classification | None:
        """Return what the tenant says this target is, or None where it says nothing."""
        row = await self._rows.get(PARTITION, key(target))
        if row is None:
            return None
        try:
            said = {
                "id": row["RowKey"],
                "tags": frozenset(json.loads(row["tags"])),
                "department": row.get("department"),
                "privileged": row["privileged"],
            }
            return Classification.model_validate(said, strict=True)  # "no" is not False
        except (KeyError, TypeError, ValueError):
            unreadable(self._rows.table, "target")

    async def classify(self, target: Classification) -> None:
        """Keep what the tenant's admins say of a target, in place of what they said before."""
        row = {
            "PartitionKey": PARTITION,
            "RowKey": key(target.id),
            "tags": json.dumps(sorted(target.tags)),
            "department": target.department,
            "privileged": target.privileged,
        }
        await self._rows.put(row)
