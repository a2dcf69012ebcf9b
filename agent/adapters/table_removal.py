"""Rows removed many at a time: for the audit trail's inbox and its retention job, nobody else.

Rules
- rows are removed whatever they hold, so removing twice is removing once.

Never here: whether something may be removed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.adapters.table_faults import reason
from agent.adapters.tables import Rows

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

_AT_ONCE = 100  # the limit of a transaction


async def remove_all(rows: Rows, pk: str, rks: Sequence[str]) -> None:
    """Remove rows of one partition; some may be gone already. Raises Transient, StoreUnusable."""
    for at in range(0, len(rks), _AT_ONCE):
        await _remove(rows, pk, rks[at : at + _AT_ONCE])


async def _remove(rows: Rows, pk: str, rks: Sequence[str]) -> None:
    from azure.core.exceptions import HttpResponseError

    operations = [("delete", {"PartitionKey": pk, "RowKey": rk}) for rk in rks]

    async def send(client: "TableClient") -> str:
        try:
            await client.submit_transaction(operations, retry_total=0)
        except HttpResponseError as error:
            if error.status_code != 404 or reason(error) == "TableNotFound":
                raise
            for rk in rks:  # a transaction ends at the first that is gone
                await client.delete_entity(pk, rk, retry_total=0)
        return "removed"

    await rows.until_answered(send)
