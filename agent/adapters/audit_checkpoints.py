"""Signed checkpoints of the trail, kept where they are only ever added.

Rows      AuditCheckpoints  pk `checkpoint`  rk `{name}`   one checkpoint, as it was signed
Rules
- a name is given once: keeping the same content again changes nothing, other content under a name
  is a fork, and StoreUnusable("checkpoint_differs");
- this is one witness, in the tenant's own tables; an immutable container is another
  (`audit_blobs`).

Never here: what a checkpoint says, and whether it is signed by whom it should.
"""

from agent.adapters.audit_rows import AddOnly
from agent.adapters.columns import key, unreadable
from agent.errors import StoreUnusable

_PK = "checkpoint"
_LARGEST = 60_000


class CheckpointTable:
    """A tenant's checkpoints in its tables."""

    def __init__(self, rows: AddOnly) -> None:
        self._rows = rows

    async def put(self, name: str, content: bytes) -> None:
        """Keep a checkpoint for good. Raises StoreUnusable, Transient, Permanent("bad_key")."""
        if len(content) > _LARGEST:
            raise StoreUnusable(
                "checkpoint_too_large", f"expected at most {_LARGEST} bytes, saw {len(content)}"
            )
        row = {"PartitionKey": _PK, "RowKey": key(name), "content": content}
        if not await self._rows.insert(row) and await self.get(name) != content:
            differs(name)

    async def get(self, name: str) -> bytes | None:
        """Return a checkpoint as it was kept, or None where there is none."""
        row = await self._rows.get(_PK, key(name))
        if row is None:
            return None
        if not isinstance(row.get("content"), bytes):
            unreadable(self._rows.table, "content")
        return bytes(row["content"])

    async def names(self) -> list[str]:
        """Return the names of all that is kept, in order."""
        return [row["RowKey"] for row in await self._rows.query(_PK, select=["RowKey"])]


def differs(name: str) -> None:
    """Say that another content is kept under a name."""
    raise StoreUnusable(
        "checkpoint_differs", f"expected nothing else to be kept as checkpoint `{name}`"
    )
