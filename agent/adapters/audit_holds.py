"""Legal holds: what must not be removed from the trail, whatever its age.

Rows      AuditHolds  pk `hold`  rk `{id}`   what is held, by whom, why
          AuditHolds  pk `lift`  rk `{id}`   who lifted it, and why
Rules
- a hold is a question: each record that answers it is held, and so is the segment it lies in;
- rows are only ever added: that something was held, and who let go, stays;
- a hold that cannot be read holds everything: StoreUnusable.

Never here: removing anything.
"""

from pydantic import AwareDatetime, TypeAdapter

from agent.adapters.audit_rows import AddOnly
from agent.adapters.columns import key, parsed
from agent.errors import Permanent
from agent.trail import AuditQuery
from agent.values import Frozen, PlainText

_HOLD, _LIFT = "hold", "lift"


class Hold(Frozen):
    """What is held, since when, by whom and why."""

    id: str
    held: AuditQuery
    by: str
    at: AwareDatetime
    why: PlainText


_Hold = TypeAdapter(Hold)


class AuditHolds:
    """The holds on one tenant's trail."""

    def __init__(self, rows: AddOnly) -> None:
        self._rows = rows

    async def place(self, hold: Hold) -> None:
        """Hold what answers; Permanent("hold_exists") when the id is another hold's."""
        row = {"PartitionKey": _HOLD, "RowKey": key(hold.id), "hold": hold.model_dump_json()}
        if not await self._rows.insert(row):
            raise Permanent("hold_exists", f"expected a new id for a hold, saw {hold.id}")

    async def lift(self, hold: str, by: str, at: AwareDatetime, why: str) -> None:
        """Let go; Permanent("no_such_hold") when nothing is held under this id."""
        if await self._rows.get(_HOLD, key(hold), ["RowKey"]) is None:
            raise Permanent("no_such_hold", f"expected a standing hold, saw none named {hold}")
        row = {"PartitionKey": _LIFT, "RowKey": key(hold), "by": by, "at": at.isoformat()}
        await self._rows.insert(row | {"why": why})

    async def standing(self) -> list[Hold]:
        """Return what is held now. Raises StoreUnusable when one cannot be read."""
        lifted = {row["RowKey"] for row in await self._rows.query(_LIFT, select=["RowKey"])}
        rows = [row for row in await self._rows.query(_HOLD) if row["RowKey"] not in lifted]
        return [parsed(_Hold, str(row.get("hold")), self._rows.table, "hold") for row in rows]
