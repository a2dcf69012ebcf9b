"""Who was asked, and what they said: every decision one row, in one order, sealed.

Rows      pk `{request}`        rk `ask|{step}|{slot}`                 what is asked: sealed
                                rk `vote|{step}|{slot}|{digest}|{k}`   the k-th decision: sealed
          pk `person|{oid}`     rk `{request}|{step}|{slot}`           index: waits for a person
Rules
- a decision is bound to the digest that was shown: another digest has places of its own;
- places are taken in order by insert, from 1 to the quorum: decisions have one order, and none
  follows a rejection or a full quorum;
- what is asked again is asked as it was said last (an owner has changed, a quorum has grown);
- a person decides once: a second press gives back what they said first;
- an index row is written before what it points to, and removed by whoever reads it when what it
  points to is decided or long expired.

Never here: whether a person may approve, or was in time; that is judged at the press.
"""

from datetime import datetime, timedelta

from agent.adapters.columns import (
    Row,
    SealedColumns,
    at_most,
    forgotten,
    key,
    under,
)
from agent.adapters.sealing import Sealing
from agent.adapters.tables import Rows
from agent.domain import ApprovalNeed, Step
from agent.errors import Transient
from agent.ports import Clock
from agent.receipts import Vote
from agent.records import Pending
from agent.values import PersonId, RequestId, Secret, StepId

# What expired is still shown for a while (to say so on a late press), then no longer looked at.
KEPT_AFTER_EXPIRY = timedelta(days=1)


class ApprovalTable:
    """The approval store of one tenant."""

    def __init__(self, rows: Rows, sealing: Sealing, clock: Clock) -> None:
        self._rows = rows
        self._sealed = SealedColumns(sealing, rows.table)
        self._clock = clock

    async def ask(self, request: RequestId, step: Step, requester: PersonId) -> None:
        """Record what is asked of whom; asking twice is asking once."""
        for need in step.approvals:
            place = key(step.id, need.slot)
            await at_most(
                self._rows.put(_pointer(person, request, place, need)) for person in need.approvers
            )
            asked = Pending(
                request=request,
                step=step.id,
                digest=step.digest,
                requester=requester,
                target=step.target,
                summary=step.summary,
                need=need,
            )
            row: Row = {
                "PartitionKey": key(request),
                "RowKey": f"ask|{place}",
                "step": step.id,
                "slot": need.slot,
                "digest": step.digest,
                "quorum": need.quorum,
                "expires_at": need.expires_at.isoformat(),
            }
            await self._sealed.seal(row, "asked", asked.model_dump_json().encode())
            await self._rows.put(row)

    async def waiting_for(self, person: PersonId) -> list[Pending]:
        """Return what waits for this person's decision; just expired ones too."""
        pointers = await self._rows.query(key("person", person))
        found = await at_most(self._still_waiting(pointer) for pointer in pointers)
        return [asked for asked in found if asked and person in asked.need.approvers]

    async def pending(self, request: RequestId, step: StepId) -> list[Pending]:
        """Return what was asked for a step, decided or not."""
        rows = await self._rows.query(key(request), between=under("ask", step))
        return [await self._asked(row) for row in rows]

    async def vote(
        self, request: RequestId, vote: Vote, quorum: int, assertion: Secret
    ) -> Vote | None:
        """Insert the decision; None when it is now recorded, else the vote that decided before."""
        # INVARIANT: places are taken one by one (test_of_eight_votes_at_once_only_a_quorum_counts)
        for _ in range(quorum + 1):
            before = await self._said(request, vote.step, vote.slot, vote.digest)
            own = next((said for said in before if said.approver == vote.approver), None)
            if own is not None or _decided(before, quorum):
                return own or before[-1]
            row: Row = {
                "PartitionKey": key(request),
                "RowKey": key("vote", vote.step, vote.slot, vote.digest, f"{len(before) + 1:03d}"),
            }
            await self._sealed.seal(row, "vote", vote.model_dump_json().encode())
            await self._sealed.seal(row, "assertion", assertion.reveal().encode())
            if await self._rows.insert(row):
                return None
        raise Transient("store_busy", "expected a free place for a vote, saw a race for each")

    async def votes(self, request: RequestId, step: StepId) -> list[Vote]:
        """Return all decisions on a step."""
        rows = await self._rows.query(key(request), between=under("vote", step))
        return [await self._vote(row) for row in rows]

    async def assertion(self, request: RequestId, vote: Vote) -> Secret | None:
        """Return the approver's sealed sign-in token, for that step only."""
        rows = await self._rows.query(
            key(request), between=under("vote", vote.step, vote.slot, vote.digest)
        )
        for row in rows:
            if (await self._vote(row)).approver == vote.approver:
                plain = await self._sealed.open(row, "assertion")
                return None if plain is None else Secret(plain.decode())
        return None

    async def forget(self, request: RequestId) -> None:
        """Forget the approvers' sign-in tokens of a request that has ended; the votes stay."""
        rows = await self._rows.query(key(request), between=under("vote"), select=["RowKey"])
        await at_most(
            self._rows.upsert(
                {"PartitionKey": key(request), "RowKey": row["RowKey"], **forgotten("assertion")}
            )
            for row in rows
        )

    async def _still_waiting(self, pointer: Row) -> Pending | None:
        """Return what a pointer points to; remove the pointer when nothing waits there."""
        request, place = pointer["RowKey"].split("|", 1)
        if self._clock.now() < datetime.fromisoformat(pointer["expires_at"]) + KEPT_AFTER_EXPIRY:
            rows = {row["RowKey"]: row for row in await self._rows.query(request)}
            if f"ask|{place}" not in rows:
                return None  # about to be asked, or never: the pointer ends by its expiry
            asked = await self._asked(rows[f"ask|{place}"])
            low, high = under("vote", asked.step, asked.need.slot, asked.digest)
            said = [await self._vote(row) for rk, row in rows.items() if low <= rk <= high]
            if not _decided(said, asked.need.quorum):
                return None if pointer["PartitionKey"] in map(_index, said) else asked
        await self._rows.delete(pointer)
        return None

    async def _said(self, request: str, step: StepId, slot: str, digest: str) -> list[Vote]:
        rows = await self._rows.query(key(request), between=under("vote", step, slot, digest))
        return [await self._vote(row) for row in rows]

    async def _asked(self, row: Row) -> Pending:
        return await self._sealed.open_required(row, "asked", Pending)

    async def _vote(self, row: Row) -> Vote:
        return await self._sealed.open_required(row, "vote", Vote)


def _pointer(person: PersonId, request: RequestId, place: str, need: ApprovalNeed) -> Row:
    return {
        "PartitionKey": key("person", person),
        "RowKey": f"{key(request)}|{place}",
        "expires_at": need.expires_at.isoformat(),
    }


def _index(vote: Vote) -> str:
    return key("person", vote.approver)


def _decided(said: list[Vote], quorum: int) -> bool:
    """Whether nothing may be added: a rejection is final, and so is a full quorum."""
    return len(said) >= quorum or any(vote.decision == "reject" for vote in said)
