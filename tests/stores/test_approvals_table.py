"""Who was asked and what they said: one order of decisions, and none after it is decided."""

import asyncio
from datetime import timedelta

import pytest

from agent.adapters.approvals_table import ApprovalTable
from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.tables import Account, Rows
from agent.errors import StoreUnusable
from agent.receipts import Vote
from agent.values import RequestId, Secret, fresh_id
from tests.stores.pieces import (
    STEP,
    FreshTable,
    HandClock,
    Line,
    person,
    step_of,
    vote_of,
)

pytestmark = pytest.mark.stack
TOKEN = Secret("token")


@pytest.fixture
async def rows(fresh_table: FreshTable) -> Rows:
    return await fresh_table("Approvals")


@pytest.fixture
def store(rows: Rows, sealing: EnvelopeSealing, clock: HandClock) -> ApprovalTable:
    return ApprovalTable(rows, sealing, clock)


@pytest.fixture
def request_id() -> RequestId:
    return RequestId(fresh_id())


async def race(
    store: ApprovalTable, request: RequestId, votes: list[Vote], quorum: int
) -> list[Vote | None]:
    return await asyncio.gather(*(store.vote(request, v, quorum, TOKEN) for v in votes))


async def test_asking_twice_is_asking_once(store: ApprovalTable, request_id: RequestId) -> None:
    step = step_of(approvers=2)
    await store.ask(request_id, step, person(1))
    await store.ask(request_id, step, person(1))
    (asked,) = await store.pending(request_id, STEP)
    assert (asked.need, asked.digest) == (step.approvals[0], step.digest)
    assert await store.waiting_for(person(100)) == [asked] == await store.waiting_for(person(101))
    assert await store.waiting_for(person(1)) == []


async def test_what_is_asked_anew_is_asked_of_the_new_approvers(
    store: ApprovalTable, request_id: RequestId
) -> None:
    await store.ask(request_id, step_of(approvers=1), person(1))
    grown = step_of(quorum=2, approvers=3)
    moved = grown.approvals[0].model_copy(update={"approvers": (person(101), person(102))})
    await store.ask(request_id, grown.model_copy(update={"approvals": (moved,)}), person(1))
    assert [asked.need for asked in await store.pending(request_id, STEP)] == [moved]
    assert await store.waiting_for(person(100)) == []
    assert len(await store.waiting_for(person(102))) == 1


async def test_of_eight_votes_at_once_only_a_quorum_counts(
    store: ApprovalTable, request_id: RequestId
) -> None:
    for quorum in (1, 3):
        votes = [vote_of(n, digest=f"digest-{quorum}") for n in range(8)]
        said = await race(store, request_id, votes, quorum)
        assert said.count(None) == quorum
        kept = [v for v in await store.votes(request_id, STEP) if v.digest == f"digest-{quorum}"]
        assert len(kept) == quorum
        assert {v.approver for v in kept} == {
            vote.approver for vote, answer in zip(votes, said, strict=True) if answer is None
        }
        assert all(answer in kept for answer in said if answer is not None)


async def test_approve_and_reject_at_once_end_in_one_decision(
    store: ApprovalTable, request_id: RequestId
) -> None:
    votes = [vote_of(n, "reject" if n % 2 else "approve") for n in range(8)]
    said = await race(store, request_id, votes, 3)
    kept = await store.votes(request_id, STEP)
    assert said.count(None) == len(kept) <= 3
    assert [v.decision for v in kept[:-1]] == ["approve"] * (len(kept) - 1)
    assert all(answer is None or answer == kept[-1] for answer in said)


async def test_nobody_votes_after_a_rejection(store: ApprovalTable, request_id: RequestId) -> None:
    no = vote_of(0, "reject")
    assert await store.vote(request_id, no, 2, TOKEN) is None
    assert await store.vote(request_id, vote_of(1), 2, TOKEN) == no


async def test_a_person_decides_once_however_often_they_press(
    store: ApprovalTable, request_id: RequestId
) -> None:
    yes = vote_of(0)
    said = await race(store, request_id, [yes] * 4, 3)
    assert said.count(None) == 1
    assert await store.vote(request_id, vote_of(0, "reject"), 3, TOKEN) == yes
    assert await store.votes(request_id, STEP) == [yes]


async def test_a_vote_for_another_digest_has_places_of_its_own(
    store: ApprovalTable, request_id: RequestId
) -> None:
    assert await store.vote(request_id, vote_of(0, "reject", digest="old"), 1, TOKEN) is None
    assert await store.vote(request_id, vote_of(0, digest="new"), 1, TOKEN) is None


async def test_a_vote_whose_answer_was_lost_is_recorded_once(
    over_line: Account,
    line: Line,
    rows: Rows,
    sealing: EnvelopeSealing,
    clock: HandClock,
    request_id: RequestId,
) -> None:
    store = ApprovalTable(over_line.rows(rows.table), sealing, clock)
    line.lose = 1
    assert await store.vote(request_id, vote_of(0), 2, TOKEN) is None
    assert line.lose == 0
    assert await store.votes(request_id, STEP) == [vote_of(0)]


async def test_a_vote_that_was_lost_is_not_another_persons_vote(
    over_line: Account,
    line: Line,
    rows: Rows,
    store: ApprovalTable,
    sealing: EnvelopeSealing,
    clock: HandClock,
    request_id: RequestId,
) -> None:
    here = ApprovalTable(over_line.rows(rows.table), sealing, clock)
    line.instead = lambda: store.vote(request_id, vote_of(1, "reject"), 2, TOKEN)
    assert await here.vote(request_id, vote_of(0), 2, TOKEN) == vote_of(1, "reject")


async def test_the_approvers_token_is_kept_for_their_vote_alone(
    store: ApprovalTable, request_id: RequestId
) -> None:
    await store.vote(request_id, vote_of(0), 2, Secret("of zero"))
    await store.vote(request_id, vote_of(1), 2, Secret("of one"))
    kept = await store.assertion(request_id, vote_of(1))
    assert kept is not None
    assert kept.reveal() == "of one"
    assert await store.assertion(request_id, vote_of(2)) is None
    assert await store.assertion(request_id, vote_of(1, digest="other")) is None


async def test_what_is_decided_no_longer_waits_for_anybody(
    store: ApprovalTable, request_id: RequestId, rows: Rows
) -> None:
    await store.ask(request_id, step_of(quorum=2, approvers=3), person(1))
    await store.vote(request_id, vote_of(0), 2, TOKEN)
    assert await store.waiting_for(person(100)) == []
    assert len(await store.waiting_for(person(101))) == 1
    await store.vote(request_id, vote_of(1), 2, TOKEN)
    assert await store.waiting_for(person(102)) == []
    assert await rows.query(f"person|{person(102)}") == [], "nobody looks there again"
    assert len(await store.pending(request_id, STEP)) == 1


async def test_what_expired_is_shown_for_a_day_and_then_not_looked_at(
    store: ApprovalTable, request_id: RequestId, rows: Rows, clock: HandClock
) -> None:
    await store.ask(request_id, step_of(), person(1))
    clock.advance(timedelta(hours=9))
    assert len(await store.waiting_for(person(100))) == 1
    clock.advance(timedelta(hours=24))
    assert await store.waiting_for(person(100)) == []
    assert await rows.query(f"person|{person(100)}") == []


async def test_a_vote_that_was_forged_in_the_table_is_unusable(
    store: ApprovalTable, request_id: RequestId, rows: Rows
) -> None:
    await store.vote(request_id, vote_of(0), 2, TOKEN)
    low, high = "vote|", "vote|~"
    (real,) = await rows.query(request_id, between=(low, high))
    forged = dict(real) | {"RowKey": real["RowKey"].replace("001", "002")}
    await rows.insert(forged)
    with pytest.raises(StoreUnusable):
        await store.votes(request_id, STEP)


async def test_the_approvers_tokens_are_forgotten_and_the_votes_are_not(
    store: ApprovalTable, request_id: RequestId
) -> None:
    step = step_of()
    await store.ask(request_id, step, person(9))
    await store.vote(request_id, vote_of(0), 1, TOKEN)
    assert await store.assertion(request_id, vote_of(0)) is not None
    await store.forget(request_id)
    assert await store.assertion(request_id, vote_of(0)) is None
    assert [v.approver for v in await store.votes(request_id, step.id)] == [vote_of(0).approver]
