"""What is being changed, hour by hour, in the tenant's own table.

Rows      pk `requester|{oid}`   rk `{time}|{request}|{step}|{attempt}`   every change for a person
          pk `tenant`            the same                                 what the tenant counts
Rules
- the row key begins with the time, so that the last hour is one range of each partition, however
  long the history is;
- each attempt has a row of its own: of two that run one step at once, one that gives its place back
  cannot take the other's away. A step still counts once (`agent.budget`);
- a row is written whole, so writing it again is writing it once;
- a side that cannot be read is None, never empty.

Never here: names, limits. Ids, counts and times are all that is kept; rows end with their hour.
"""

import asyncio
import logging
from datetime import UTC, datetime

from agent.adapters.columns import Row, key, unreadable
from agent.adapters.tables import Rows
from agent.budget import HOUR, Hour, Reservation
from agent.errors import Fault
from agent.ports import Clock
from agent.values import PersonId

TENANT = "tenant"
_LAST = "~"  # sorts after every time
_log = logging.getLogger("warrant.budget")


class BudgetTable:
    """The reservations of one tenant."""

    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows, self._clock = rows, clock

    async def reserve(self, reservation: Reservation) -> None:
        """Write a reservation durably, in place of what this attempt reserved before."""
        rows = [_row(_of(reservation.requester), reservation)]
        if reservation.touch.concerns_tenant:
            rows.append(_row(TENANT, reservation))
        await asyncio.gather(*(self._rows.put(row) for row in rows))

    async def release(self, reservation: Reservation) -> None:
        """Give a reservation back."""
        sides = (_of(reservation.requester), TENANT)
        await asyncio.gather(*(self._rows.remove(side, _place(reservation)) for side in sides))

    async def last_hour(self, requester: PersonId) -> Hour:
        """Return what is reserved in the last hour, read now; a side nobody can read is None."""
        since = self._clock.now() - HOUR
        mine, everybody = await asyncio.gather(
            self._since(_of(requester), since), self._since(TENANT, since)
        )
        return Hour(requester=mine, tenant=everybody)

    async def _since(self, side: str, since: datetime) -> tuple[Reservation, ...] | None:
        try:
            rows = await self._rows.query(side, between=(_stamp(since), _LAST))
            return tuple(self._read(row) for row in rows)
        except Fault as fault:
            _log.warning("a budget could not be read: %s", fault)
            return None

    def _read(self, row: Row) -> Reservation:
        try:
            at, request, step, attempt = row["RowKey"].split("|")
            said = {
                "at": datetime.fromisoformat(at),
                "requester": row["requester"],
                "request": request,
                "step": step,
                "attempt": int(attempt),
                "touch": {
                    "subject": row["subject"],
                    "licences": row.get("licences"),
                    "privileged": row.get("privileged"),
                },
            }
            return Reservation.model_validate(said, strict=True)  # "0" is no figure
        except (KeyError, TypeError, ValueError):
            unreadable(self._rows.table, "reservation")


def _row(side: str, reservation: Reservation) -> Row:
    touch = reservation.touch
    row: Row = {
        "PartitionKey": side,
        "RowKey": _place(reservation),
        "requester": reservation.requester,
        "subject": touch.subject,
        "licences": touch.licences,
        "privileged": touch.privileged,
    }
    return {name: value for name, value in row.items() if value is not None}


def _place(reservation: Reservation) -> str:
    attempt = f"{reservation.attempt:04d}"
    return key(_stamp(reservation.at), reservation.request, reservation.step, attempt)


def _of(requester: PersonId) -> str:
    return key("requester", requester)


def _stamp(at: datetime) -> str:
    """Return a time so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
