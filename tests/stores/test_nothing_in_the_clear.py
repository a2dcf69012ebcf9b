"""What lies in the tables of requests, approvals and sponsorships shows nobody's words or name."""

import zlib
from typing import Any

import pytest

from agent.adapters.approvals_table import ApprovalTable
from agent.adapters.requests_table import RequestTable
from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.domain import Sponsorship, Status
from agent.receipts import Answer, Ticket
from agent.values import Secret
from tests.stores.pieces import (
    DIGEST,
    NOW,
    RENEWED,
    STEP,
    TOKEN,
    FreshTable,
    HandClock,
    began_of,
    person,
    receipt_of,
    request_of,
    ruling_of,
    step_of,
    vote_of,
    work_of,
)

pytestmark = pytest.mark.stack
RULINGS = (ruling_of("canary-department"), ruling_of("canary-another"))


async def test_nothing_personal_lies_in_the_clear(
    fresh_table: FreshTable,
    sealing: EnvelopeSealing,
    clock: HandClock,
) -> None:
    rows = await fresh_table("Requests")
    store = RequestTable(rows, sealing)
    request = request_of("canary-ask", upn="canary-upn@contoso.example")
    step = step_of(quorum=2, approvers=2, summary="canary-summary")
    await store.admit(request, DIGEST, TOKEN)
    await store.save_work(request.id, work_of("canary-work", (step,)), Status.RUNNING)
    await store.reply(request.id, 1, "canary-reply", RENEWED)
    await store.claim(request.id, STEP, "do")
    await store.save_began(request.id, STEP, "do", began_of("canary-before"), RULINGS)
    await store.save_receipt(request.id, receipt_of("canary-after" * 40), RULINGS)
    ticket = Ticket(id="t1", to=person(9), summary="canary-ticket", account=())
    await store.finish(
        request.id, Answer(status=Status.DONE, text="canary-text", ticket=ticket), NOW
    )
    approvals = await fresh_table("Approvals")
    asked = ApprovalTable(approvals, sealing, clock)
    await asked.ask(request.id, step, person(1))
    vote = vote_of(0, comment="canary-comment", upn="canary-upn@contoso.example")
    await asked.vote(request.id, vote, 2, Secret("canary-token"))
    lent = await fresh_table("Sponsorships")
    await SponsorshipTable(lent, sealing, clock).add(
        Sponsorship(
            id="sp1",
            sponsor=person(7),
            upn="canary-upn@contoso.example",
            actions=frozenset(),
            lookups=frozenset(),
            expires_at=NOW,
        )
    )
    partitions = {request.id, f"person|{person(1)}", f"ticket|{person(9)}"}
    stored = [row for pk in partitions for row in await rows.query(pk)]
    partitions = {request.id, f"person|{person(100)}"}
    stored += [row for pk in partitions for row in await approvals.query(pk)]
    stored += await lent.query("sponsorship")
    assert len(stored) == 9
    found = [name for row in stored for name, value in row.items() if holds_canary(value)]
    assert found == []
    assert holds_canary("a canary-x"), "the search finds what is there"
    assert holds_canary(b"\x01" + zlib.compress(b"canary-x" * 99))


def holds_canary(value: Any) -> bool:
    """Whether a stored value shows a canary: as text, in bytes, or deflated at any offset."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    inflated = b""
    for at in range(min(len(raw), 200)):
        try:
            inflated += zlib.decompressobj().decompress(raw[at:])
        except zlib.error:
            continue
    return b"canary" in raw.lower() + inflated.lower()
