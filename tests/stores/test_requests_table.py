"""Requests at rest: admitted once, found again, closed for good, nothing personal in the clear."""

import asyncio
import base64
import zlib
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters.approvals_table import ApprovalTable
from agent.adapters.requests_table import RequestTable
from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.adapters.tables import Account, Rows
from agent.domain import Sponsorship, Status
from agent.errors import Permanent, StoreUnusable
from agent.receipts import Answer, Outcome, Ticket
from agent.values import RequestId, Secret, StepId
from tests.stores.pieces import (
    NOW,
    STEP,
    FreshTable,
    HandClock,
    Line,
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
DIGEST = "d" * 64
TOKEN = Secret("canary-token")
RENEWED = Secret("canary-renewed")
RULINGS = (ruling_of("canary-department"), ruling_of("canary-another"))


@pytest.fixture
async def rows(fresh_table: FreshTable) -> Rows:
    return await fresh_table("Requests")


@pytest.fixture
def store(rows: Rows, sealing: EnvelopeSealing) -> RequestTable:
    return RequestTable(rows, sealing)


async def test_a_request_comes_back_as_it_was_admitted(store: RequestTable) -> None:
    request = request_of("Grüße 🌍", upn="canary@contoso.example")
    assert await store.admit(request, DIGEST, TOKEN) is None
    record = await store.load(request.id)
    assert record is not None
    assert (record.request, record.body_digest, record.status) == (request, DIGEST, Status.RUNNING)
    kept = await store.assertion(request.id)
    assert kept is not None
    assert kept.reveal() == "canary-token"


async def test_of_twenty_admissions_at_once_exactly_one_is_new(store: RequestTable) -> None:
    request = request_of()
    said = await asyncio.gather(*(store.admit(request, DIGEST, TOKEN) for _ in range(20)))
    assert said.count(None) == 1
    assert all(record is None or record.request == request for record in said)
    assert len(await store.list_of(request.requester)) == 1


async def test_an_unknown_request_is_none_and_so_is_an_id_that_cannot_be(
    store: RequestTable,
) -> None:
    assert await store.load(RequestId("none")) is None
    for strange in ("person|x", "a/b", "", "ünder", "'", "x" * 300):
        assert await store.load(RequestId(strange)) is None
    with pytest.raises(Permanent, match="key part 1"):
        await store.set_status(RequestId("a|b"), Status.DONE)


async def test_a_crash_between_index_and_request_leaves_nothing_and_heals(
    store: RequestTable, rows: Rows
) -> None:
    request = request_of()
    await rows.insert(
        {
            "PartitionKey": f"person|{request.requester}",
            "RowKey": request.id,
            "created_at": NOW.isoformat(),
        }
    )
    assert await store.list_of(request.requester) == []
    assert await store.admit(request, DIGEST, TOKEN) is None
    assert [r.request for r in await store.list_of(request.requester)] == [request]


async def test_a_person_sees_their_own_requests_newest_first(store: RequestTable) -> None:
    for hours in (2, 5, 1):
        mine = request_of(f"{hours}", created_at=NOW + timedelta(hours=hours))
        await store.admit(mine, DIGEST, TOKEN)
    await store.admit(request_of("theirs", person(2)), DIGEST, TOKEN)
    assert [r.request.ask.text for r in await store.list_of(person(1))] == ["5", "2", "1"]


async def test_an_id_repeated_by_another_person_shows_them_nothing(store: RequestTable) -> None:
    mine = request_of("mine")
    await store.admit(mine, DIGEST, TOKEN)
    theirs = mine.model_copy(update={"requester": person(2)})
    before = await store.admit(theirs, DIGEST, TOKEN)
    assert before is not None
    assert before.request.requester == person(1)
    assert await store.list_of(person(2)) == []


async def test_a_finished_request_keeps_its_end_and_forgets_the_token(
    store: RequestTable, rows: Rows
) -> None:
    request = request_of()
    await store.admit(request, DIGEST, TOKEN)
    await store.save_work(request.id, work_of("first"), Status.WAITING_FOR_APPROVAL)
    end = Answer(status=Status.CANCELLED, text="as you wished")
    await store.finish(request.id, end, NOW)
    await store.set_status(request.id, Status.RUNNING)
    await store.save_work(request.id, work_of("stray"), Status.RUNNING)
    await store.finish(request.id, Answer(status=Status.DONE, text="stray"), NOW)
    record = await store.load(request.id)
    assert record is not None
    assert (record.status, record.answer, record.finished_at) == (Status.CANCELLED, end, NOW)
    assert record.work == work_of("first")
    assert await store.assertion(request.id) is None
    assert (await rows.get(request.id, "request") or {})["assertion0"] == b""


async def test_another_process_may_have_finished_it_meanwhile(
    rows: Rows, sealing: EnvelopeSealing
) -> None:
    here, there = RequestTable(rows, sealing), RequestTable(rows, sealing)
    request = request_of()
    await here.admit(request, DIGEST, TOKEN)
    await here.load(request.id)
    await there.set_status(request.id, Status.WAITING_FOR_REPLY)
    await here.set_status(request.id, Status.RUNNING)
    await there.finish(request.id, Answer(status=Status.REFUSED, text="no"), NOW)
    await here.set_status(request.id, Status.RUNNING)
    record = await here.load(request.id)
    assert record is not None
    assert record.status is Status.REFUSED


async def test_a_large_work_spans_columns_and_a_smaller_one_replaces_it(
    store: RequestTable, rows: Rows
) -> None:
    request = request_of()
    await store.admit(request, DIGEST, TOKEN)
    noise = base64.b64encode(zlib.compress(bytes(range(256)) * 4)).decode()
    large = work_of("".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(120_000)) + noise)
    await store.save_work(request.id, large, Status.RUNNING)
    row = await rows.get(request.id, "request") or {}
    assert row["work_parts"] > 3
    assert len(row["work0"]) == 65_536
    assert (await store.load(request.id) or pytest.fail("gone")).work == large
    await store.save_work(request.id, work_of("small"), Status.RUNNING)
    assert (await store.load(request.id) or pytest.fail("gone")).work == work_of("small")
    huge = work_of("".join(chr(0x4E00 + n * 7919 % 20_011) for n in range(400_000)))
    with pytest.raises(StoreUnusable, match=r"expected at most 700000 bytes in `Requests\d+.work`"):
        await store.save_work(request.id, huge, Status.RUNNING)


async def test_each_reply_is_taken_once_and_in_order(store: RequestTable) -> None:
    request = request_of()
    await store.admit(request, DIGEST, TOKEN)
    first = await asyncio.gather(
        *(store.reply(request.id, 1, f"one {n}", RENEWED) for n in range(5))
    )
    assert first.count(True) == 1
    assert await store.reply(request.id, 2, "two", RENEWED)
    assert [text[:3] for text in (await store.whole(request.id)).replies] == ["one", "two"]
    kept = await store.assertion(request.id)
    assert kept is not None, "the sign-in that came with the reply is the one that counts"
    assert kept.reveal() == RENEWED.reveal()


async def test_a_wait_in_which_nothing_was_sent_voids_what_was_begun(store: RequestTable) -> None:
    """Else somebody else's change in the meantime would be taken for ours, and undone."""
    request = request_of().id
    await store.save_began(request, STEP, "do", began_of(), ())
    assert (await store.whole(request)).unsettled == (STEP,)
    wait = receipt_of().model_copy(update={"outcome": Outcome.WAITING, "ours": False})
    await store.save_receipt(request, wait.model_copy(update={"sent": True}), ())
    assert (await store.claim(request, STEP, "do")).began is not None
    await store.save_receipt(request, wait.model_copy(update={"sent": False}), ())
    assert (await store.claim(request, STEP, "do")).began is None
    assert (await store.whole(request)).unsettled == ()


async def test_claims_at_once_count_different_attempts(store: RequestTable) -> None:
    request = request_of().id
    claims = await asyncio.gather(*(store.claim(request, STEP, "do") for _ in range(8)))
    assert sorted(claim.attempt for claim in claims) == list(range(1, 9))
    assert (await store.claim(request, STEP, "undo")).attempt == 1


async def test_a_claim_tells_what_the_attempt_before_left(store: RequestTable) -> None:
    request = request_of().id
    assert (await store.claim(request, STEP, "do")).began is None
    await store.save_began(request, STEP, "do", began_of({"members": []}), RULINGS[:1])
    again = await store.claim(request, STEP, "do")
    assert (again.attempt, again.began, again.receipt) == (2, began_of({"members": []}), None)
    assert again.rulings == RULINGS[:1]
    await store.save_receipt(request, receipt_of(after=True), RULINGS)
    third = await store.claim(request, STEP, "do")
    assert (third.receipt, third.rulings) == (receipt_of(after=True), RULINGS)


async def test_a_claim_whose_answer_was_lost_is_not_counted_twice(
    over_line: Account, line: Line, rows: Rows, sealing: EnvelopeSealing
) -> None:
    store = RequestTable(over_line.rows(rows.table), sealing)
    request = request_of().id
    for attempt in (1, 2, 3):
        line.lose = 1
        assert (await store.claim(request, STEP, "do")).attempt == attempt
    assert line.lose == 0


async def test_a_claim_that_was_lost_is_not_another_processs_claim(
    over_line: Account, line: Line, rows: Rows, sealing: EnvelopeSealing
) -> None:
    here, there = RequestTable(over_line.rows(rows.table), sealing), RequestTable(rows, sealing)
    request = request_of().id
    for attempt in (1, 3):
        line.instead = lambda: there.claim(request, STEP, "do")
        assert (await here.claim(request, STEP, "do")).attempt == attempt + 1


async def test_an_admission_whose_answer_was_lost_is_new_once(
    over_line: Account, line: Line, rows: Rows, sealing: EnvelopeSealing
) -> None:
    store = RequestTable(over_line.rows(rows.table), sealing)
    request = request_of()
    line.lose = 2  # that of the index row, and that of the request
    assert await store.admit(request, DIGEST, TOKEN) is None
    assert line.lose == 0
    assert await store.admit(request, DIGEST, TOKEN) is not None


async def test_the_latest_receipt_of_each_step_and_direction_is_kept(store: RequestTable) -> None:
    request = request_of().id
    undone = receipt_of(direction="undo", outcome="undone")
    for receipt in (receipt_of(outcome="waiting"), receipt_of(), undone):
        await store.save_receipt(request, receipt, ())
    await store.claim(request, StepId("s2"), "do")  # has no receipt yet
    assert (await store.whole(request)).receipts == (receipt_of(), undone)


async def test_a_ticket_is_found_by_whom_it_was_handed_to(store: RequestTable) -> None:
    request = request_of()
    await store.admit(request, DIGEST, TOKEN)
    ticket = Ticket(id="t1", to=person(9), summary="look", account=("asked", "failed"))
    await store.finish(
        request.id, Answer(status=Status.ESCALATED, text="handed over", ticket=ticket), NOW
    )
    assert [r.request.id for r in await store.open_tickets(person(9))] == [request.id]
    assert await store.open_tickets(person(1)) == []


async def test_a_row_that_was_changed_by_hand_is_unusable(store: RequestTable, rows: Rows) -> None:
    request, other = request_of("mine"), request_of("theirs", person(2))
    await store.admit(request, DIGEST, TOKEN)
    await store.admit(other, DIGEST, TOKEN)
    foreign = await rows.get(other.id, "request") or {}
    main = {"PartitionKey": request.id, "RowKey": "request"}
    whole = await rows.get(request.id, "request") or {}
    for damage in ({"ask0": foreign["ask0"]}, {"ask_parts": 2}, {"ask_parts": 0}, {"status": "x"}):
        await rows.upsert(main | damage)
        with pytest.raises(StoreUnusable):
            await store.load(request.id)
        await rows.put(dict(whole))
    await rows.upsert(main | {"requester": person(2)})
    record = await store.load(request.id)
    assert record is not None
    assert record.request.requester == person(1), "who asked comes from under the seal"


async def test_nothing_personal_lies_in_the_clear(
    store: RequestTable,
    rows: Rows,
    fresh_table: FreshTable,
    sealing: EnvelopeSealing,
    clock: HandClock,
) -> None:
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
