"""Rights that named people lent: one sealed row each.

Rules
- what counts is what was sealed: whoever may only write the table cannot lend a right, or stretch
  one; the clear columns are for people who look at the table;
- what is revoked or expired never stands, and the row stays as evidence;
- a revocation is final: nothing here takes it back.

Never here: the sponsor's refresh token, which lives in the tenant's vault.
"""

from datetime import datetime

from agent.adapters.columns import Row, SealedColumns, at_most, key
from agent.adapters.sealing import Sealing
from agent.adapters.tables import Rows, etag_of
from agent.domain import Sponsorship
from agent.errors import Transient
from agent.ports import Clock

PARTITION = "sponsorship"
_TRIES = 5


class SponsorshipTable:
    """The sponsorships of one tenant."""

    def __init__(self, rows: Rows, sealing: Sealing, clock: Clock) -> None:
        self._rows = rows
        self._sealed = SealedColumns(sealing, rows.table)
        self._clock = clock

    async def standing(self) -> list[Sponsorship]:
        """Return all sponsorships that are neither revoked nor expired, read now."""
        now = self._clock.now()
        rows = await self._rows.query(PARTITION)
        found = await at_most(self._read(row) for row in rows)
        return [one for one in found if one.stands(now)]

    async def add(self, sponsorship: Sponsorship) -> bool:
        """Keep a new sponsorship; False when its id was used before."""
        return await self._rows.insert(await self._row(sponsorship))

    async def revoke(self, sponsorship: str, at: datetime) -> bool:
        """End a sponsorship for good; False when none of this id was still unrevoked."""
        for _ in range(_TRIES):
            row = await self._rows.get(PARTITION, key(sponsorship))
            lent = None if row is None else await self._read(row)
            if row is None or lent is None or lent.revoked_at is not None:
                return False
            ended = await self._row(lent.model_copy(update={"revoked_at": at}))
            if await self._rows.merge(ended, etag_of(row)):
                return True
        raise Transient("store_busy", f"expected a free moment in table `{self._rows.table}`")

    async def _row(self, lent: Sponsorship) -> Row:
        row: Row = {
            "PartitionKey": PARTITION,
            "RowKey": key(lent.id),
            "sponsor": lent.sponsor,
            "expires_at": lent.expires_at.isoformat(),
            "revoked_at": lent.revoked_at.isoformat() if lent.revoked_at else None,
        }
        await self._sealed.seal(row, "lent", lent.model_dump_json().encode())
        return row

    async def _read(self, row: Row) -> Sponsorship:
        return await self._sealed.open_required(row, "lent", Sponsorship)
