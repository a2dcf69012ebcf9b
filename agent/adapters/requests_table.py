"""Requests and the work on them, in the tenant's own table.

Rows      pk `{request}`     rk `request`                  ask, work, answer, assertion: sealed
                             rk `step|{step}|{direction}`  attempts; began, receipt, rulings: sealed
                             rk `reply|{n}`                answers to clarifying questions
          pk `person|{oid}`  rk `{request}`                index: requests of a person
          pk `ticket|{oid}`  rk `{request}`                index: requests handed to a person
Rules
- an index row is written before what it points to: a crash leaves a pointer to nothing, which
  readers skip, and never a request that cannot be found;
- inserting the `request` row is the one decision whether a request is new;
- a finished request does not change any more: late writes of a stray activity do nothing.

Never here: names, texts or tokens in the clear; decisions about what a status means.
"""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from agent.adapters.columns import (
    Row,
    SealedColumns,
    at_most,
    forgotten,
    is_key,
    key,
    unreadable,
)
from agent.adapters.decisions import rulings_of, seal_rulings, stored_decisions
from agent.adapters.sealing import Sealing
from agent.adapters.tables import Rows, etag_of
from agent.domain import Request, Ruling, Status, Work
from agent.errors import StoreUnusable, Transient
from agent.receipts import Answer, Began, Outcome, Receipt
from agent.records import Claim, RequestRecord, Stored, StoredDecision
from agent.values import PersonId, RequestId, Secret, StepId

MAIN = "request"
LISTED = 200  # how many of a person's requests are listed: the newest
WORK_BYTES = 700_000
ANSWER_BYTES = 150_000
BEGAN_BYTES = 300_000
RECEIPT_BYTES = 300_000
_TRIES = 20
_REMEMBERED = 1_000


class RequestTable:
    """The request store of one tenant."""

    def __init__(self, rows: Rows, sealing: Sealing) -> None:
        self._rows = rows
        self._sealed = SealedColumns(sealing, rows.table)
        # ETags under which a request was last seen unfinished: spares a read before most writes.
        self._unfinished: OrderedDict[RequestId, str] = OrderedDict()

    async def admit(
        self, request: Request, body_digest: str, assertion: Secret
    ) -> RequestRecord | None:
        """Insert the request if its id is new (None), else return the record that was there."""
        at = request.created_at.isoformat()
        row = _main(request.id) | {
            "requester": request.requester,
            "channel": request.channel,
            "status": Status.RUNNING.value,
            "created_at": at,
            "body_digest": body_digest,
        }
        await self._sealed.seal(row, "ask", request.model_dump_json().encode())
        await self._sealed.seal(row, "assertion", assertion.reveal().encode())
        await self._rows.insert(
            {
                "PartitionKey": key("person", request.requester),
                "RowKey": key(request.id),
                "created_at": at,
            }
        )
        # INVARIANT: this insert alone decides
        # (test_of_twenty_admissions_at_once_exactly_one_is_new).
        if await self._rows.insert(row):
            return None
        return await self._record(request.id)

    async def load(self, request: RequestId) -> RequestRecord | None:
        """Return the record, or None when there is none."""
        if not is_key(request):
            return None
        row = await self._rows.get(request, MAIN)
        return None if row is None else await self._read(row)

    async def whole(self, request: RequestId) -> Stored:
        """Return everything stored of a request, by one read."""
        if not is_key(request):
            return Stored()
        rows = {row["RowKey"]: row for row in await self._rows.query(request)}
        main = rows.pop(MAIN, None)
        steps = [row for rk, row in rows.items() if rk.startswith("step|")]
        found = [await self._sealed.open_as(row, "receipt", Receipt) for row in steps]
        texts = [rows[rk] for rk in sorted(rows) if rk.startswith("reply|")]
        said = [await self._sealed.open(row, "text") or b"" for row in texts]
        return Stored(
            record=None if main is None else await self._read(main),
            replies=tuple(text.decode() for text in said),
            receipts=tuple(receipt for receipt in found if receipt is not None),
            unsettled=tuple(
                StepId(row["RowKey"].split("|")[1])
                for row, receipt in zip(steps, found, strict=True)
                if receipt is None and row.get("began_parts")
            ),
        )

    async def list_of(self, person: PersonId) -> list[RequestRecord]:
        """Return a person's own requests, the newest first, LISTED at most."""
        found = await self._pointed_at("person", person)
        own = [record for record in found if record.request.requester == person]
        return sorted(own, key=lambda record: record.request.created_at, reverse=True)

    async def assertion(self, request: RequestId) -> Secret | None:
        """Return the requester's sealed sign-in token, or None when it is no longer kept."""
        row = await self._rows.get(key(request), MAIN)
        plain = None if row is None else await self._sealed.open(row, "assertion")
        return None if plain is None else Secret(plain.decode())

    async def save_work(self, request: RequestId, work: Work, status: Status) -> None:
        """Keep what was assessed."""
        changes = _main(request) | {"status": status.value}
        await self._sealed.seal(changes, "work", work.model_dump_json().encode(), WORK_BYTES)
        await self._change(request, changes)

    async def set_status(self, request: RequestId, status: Status) -> None:
        """Say where an unfinished request stands."""
        await self._change(request, _main(request) | {"status": status.value})

    async def reply(self, request: RequestId, number: int, text: str, assertion: Secret) -> bool:
        """Keep the n-th reply and the sign-in it came with; False when it was answered already."""
        row: Row = {"PartitionKey": key(request), "RowKey": key("reply", f"{number:04d}")}
        await self._sealed.seal(row, "text", text.encode())
        if not await self._rows.insert(row):
            return False
        renewed = _main(request)
        await self._sealed.seal(renewed, "assertion", assertion.reveal().encode())
        await self._change(request, renewed)
        return True

    async def claim(self, request: RequestId, step: StepId, direction: str) -> Claim:
        """Count one more attempt at a step and return what earlier attempts left."""
        place = _step(request, step, direction) | {"claim": secrets.token_hex(8)}
        if await self._rows.insert(place | {"attempt": 1}):
            return Claim(attempt=1)
        for _ in range(_TRIES):
            row = await self._rows.get(place["PartitionKey"], place["RowKey"])
            if row is None:
                break
            attempt = row.get("attempt", 0) + 1
            if await self._rows.merge(place | {"attempt": attempt}, etag_of(row)):
                return await self._claimed(row, attempt)
        raise _contended(self._rows.table)

    async def save_began(
        self,
        request: RequestId,
        step: StepId,
        direction: str,
        began: Began,
        rulings: Sequence[Ruling],
    ) -> None:
        """Keep what was true before a change, so that a crash after it can be read."""
        row = _step(request, step, direction)
        await self._sealed.seal(row, "began", began.model_dump_json().encode(), BEGAN_BYTES)
        await seal_rulings(self._sealed, row, rulings)
        await self._rows.upsert(row)

    async def save_receipt(
        self, request: RequestId, receipt: Receipt, rulings: Sequence[Ruling]
    ) -> None:
        """Keep what a step did; a wait in which nothing was sent also voids what was begun."""
        row = _step(request, receipt.step, receipt.direction)
        await self._sealed.seal(row, "receipt", receipt.model_dump_json().encode(), RECEIPT_BYTES)
        await seal_rulings(self._sealed, row, rulings)
        if receipt.outcome is Outcome.WAITING and not (receipt.sent or receipt.ours):
            # Else somebody else's change in the meantime would be taken for ours, and undone.
            row |= forgotten("began")
        await self._rows.upsert(row)

    async def finish(self, request: RequestId, answer: Answer, at: datetime) -> None:
        """Close the request, and forget the requester's sign-in token."""
        if answer.ticket is not None:
            await self._rows.insert(
                {
                    "PartitionKey": key("ticket", answer.ticket.to),
                    "RowKey": key(request),
                    "created_at": at.isoformat(),
                }
            )
        changes = _main(request) | {"status": answer.status.value, "finished_at": at.isoformat()}
        await self._sealed.seal(changes, "answer", answer.model_dump_json().encode(), ANSWER_BYTES)
        await self._change(request, changes | forgotten("assertion"))

    async def open_tickets(self, person: PersonId) -> list[RequestRecord]:
        """Return the requests handed over to this person, the newest LISTED."""
        found = await self._pointed_at("ticket", person)
        return [
            record
            for record in found
            if record.answer and record.answer.ticket and record.answer.ticket.to == person
        ]

    async def decisions(self, since: datetime) -> Sequence[StoredDecision]:
        """Return every decision kept since, as it was asked and answered, the oldest first.

        Reads all requests of the tenant: for simulation and reports.
        """
        return await stored_decisions(self._rows, self._sealed, since)

    async def _pointed_at(self, index: str, person: PersonId) -> list[RequestRecord]:
        pointers = await self._rows.query(key(index, person), select=["RowKey", "created_at"])
        newest = sorted(pointers, key=lambda row: row["created_at"], reverse=True)[:LISTED]
        records = await at_most(self.load(row["RowKey"]) for row in newest)
        return [record for record in records if record is not None]

    async def _record(self, request: RequestId) -> RequestRecord:
        record = await self.load(request)
        if record is None:
            raise StoreUnusable("request_missing", f"expected request `{request}`, saw no row")
        return record

    async def _change(self, request: RequestId, changes: Row) -> None:
        """Change the main row of an unfinished request; a finished one stays as it is."""
        # INVARIANT: an end is final (test_another_process_may_have_finished_it_meanwhile).
        etag = self._unfinished.get(request)
        for _ in range(_TRIES):
            if etag is None:
                row = await self._rows.get(key(request), MAIN, ["RowKey", "finished_at"])
                if row is None:
                    raise StoreUnusable(
                        "request_missing", f"expected request `{request}`, saw none"
                    )
                if row.get("finished_at"):
                    return
                etag = etag_of(row)
            etag = await self._rows.merge(changes, etag)
            if etag is not None:
                self._remember(request, etag, finished="finished_at" in changes)
                return
        raise _contended(self._rows.table)

    def _remember(self, request: RequestId, etag: str, *, finished: bool) -> None:
        self._unfinished.pop(request, None)
        if not finished:
            self._unfinished[request] = etag
        while len(self._unfinished) > _REMEMBERED:
            self._unfinished.popitem(last=False)

    async def _claimed(self, row: Row, attempt: int) -> Claim:
        return Claim(
            attempt=attempt,
            began=await self._sealed.open_as(row, "began", Began),
            receipt=await self._sealed.open_as(row, "receipt", Receipt),
            rulings=await rulings_of(self._sealed, row),
        )

    async def _read(self, row: Row) -> RequestRecord:
        """Make a record of the main row: who asked what comes from under the seal, nowhere else."""
        request = await self._sealed.open_as(row, "ask", Request)
        if request is None:
            unreadable(self._rows.table, "ask")
        self._remember(request.id, etag_of(row), finished="finished_at" in row)
        try:
            return RequestRecord(
                request=request,
                body_digest=row["body_digest"],
                status=Status(row["status"]),
                work=await self._sealed.open_as(row, "work", Work),
                answer=await self._sealed.open_as(row, "answer", Answer),
                finished_at=row.get("finished_at"),
            )
        except (KeyError, ValueError):
            unreadable(self._rows.table, "status")


def _main(request: RequestId) -> Row:
    return {"PartitionKey": key(request), "RowKey": MAIN}


def _step(request: RequestId, step: StepId, direction: str) -> Row:
    return {"PartitionKey": key(request), "RowKey": key("step", step, direction)}


def _contended(table: str) -> Transient:
    return Transient("store_busy", f"expected a free moment in table `{table}`, saw {_TRIES} races")
