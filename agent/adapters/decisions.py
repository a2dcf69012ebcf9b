"""Decisions at rest: every question put to policy and its answer, in the rows of its request.

Rows      of `Requests`: a forecast is a part of the work (`request`), a ruling of execution lies in
          `step|{step}|{direction}` under the column `rulings`
Rules
- both are sealed like everything personal; keeping them costs no row and no call of its own;
- what is read back is what was asked: deciding again by the same rules gives the same bytes;
- reading them reads all requests of the tenant: for simulation and reports, never for a request.

Never here: deciding.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from agent.adapters.columns import Row, SealedColumns, parsed, unreadable
from agent.adapters.tables import Rows
from agent.domain import Ruling, Work
from agent.records import StoredDecision
from agent.values import RequestId, StepId

RULINGS = "rulings"
RULINGS_BYTES = 300_000
# the index rows of the table have ids as row keys, which sort before these
_FIRST, _LAST = "request", "step|~"
_RULINGS = TypeAdapter(tuple[Ruling, ...])


async def seal_rulings(sealed: SealedColumns, row: Row, rulings: Sequence[Ruling]) -> None:
    """Put the rulings on one step sealed into its row."""
    if rulings:
        await sealed.seal(row, RULINGS, _RULINGS.dump_json(tuple(rulings)), RULINGS_BYTES)


async def rulings_of(sealed: SealedColumns, row: Row) -> tuple[Ruling, ...]:
    """Return the rulings kept in the row of a step."""
    plain = await sealed.open(row, RULINGS)
    return () if plain is None else parsed(_RULINGS, plain, sealed.table, RULINGS)


async def stored_decisions(
    rows: Rows, sealed: SealedColumns, since: datetime
) -> list[StoredDecision]:
    """Return every decision kept since, in order of time."""
    found: list[StoredDecision] = []
    async for row in rows.scan((_FIRST, _LAST)):
        request, place = RequestId(row["PartitionKey"]), row["RowKey"].split("|")
        if place[0] == "step":
            made = [_stored(request, StepId(place[1]), r) for r in await rulings_of(sealed, row)]
        elif (work := await sealed.open_as(row, "work", Work)) is not None:
            made = list(_foreseen(request, work))
        else:
            made = []
        found += [decision for decision in made if decision.at >= since]
    return sorted(found, key=lambda d: (d.at, d.request, d.step))


def _foreseen(request: RequestId, work: Work) -> Iterator[StoredDecision]:
    for step in work.plan.steps:
        for ruling in (step.foreseen(undo=False), step.foreseen(undo=True)):
            if ruling is not None:
                yield _stored(request, step.id, ruling, "plan")
    if work.denied is not None and work.denied.ruling is not None:
        yield _stored(request, work.denied.step, work.denied.ruling, "plan")


def _stored(
    request: RequestId, step: StepId, ruling: Ruling, phase: Literal["plan", "execute"] = "execute"
) -> StoredDecision:
    moment = ruling.facts.get("runtime")
    try:
        return StoredDecision(
            request=request,
            step=step,
            phase=phase,
            at=datetime.fromisoformat(str(moment["now"] if isinstance(moment, dict) else None)),
            facts=ruling.facts,
            decision=ruling.decision,
        )
    except (KeyError, ValueError):
        unreadable("Requests", RULINGS)
