"""Chains of the trail's table: what is put into them, and what is read back."""

from datetime import timedelta

from agent.adapters import audit_rows
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Rows
from agent.audit.chain import body_of, verify_chain
from agent.records import AuditRecord, Draft
from agent.values import PersonId, RequestId
from tests.stores.pieces import NOW


def draft(request: str | None = "r1", n: int = 0, text: str = "") -> Draft:
    return Draft(
        phase="read",
        at=NOW + timedelta(microseconds=n),
        request=RequestId(request) if request else None,
        actor=PersonId("00000000-0000-4000-8000-000000000001"),
        detail={"n": n, "text": text},
    )


async def whole(log: AuditTable) -> list[AuditRecord]:
    records = await log.read(1, 100_000)
    assert verify_chain(records) == []
    return records


async def planted(rows: Rows, sizes: list[int]) -> None:
    """Put a chain into the table as blocks of these sizes would leave it."""
    tail = audit_rows.START
    for size in sizes:
        bodies = tuple(body_of(draft(None, tail.seq + n)) for n in range(size))
        row, links = audit_rows.block_of(tail, [audit_rows.Group(f"g{tail.seq}", bodies)])
        assert await rows.insert(row)
        tail = audit_rows.Tail(links[-1][1].seq, links[-1][1].hash)
