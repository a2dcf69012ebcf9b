"""Two persons change a tenant's policy: propose, look, approve; renew; go back."""

from datetime import timedelta

import pytest

from agent.adapters.policies_table import MAX_AGE
from agent.errors import StoreUnusable
from policy.proposal import GOOD_FOR, PublishRefused
from policy.publishing import ONBOARDING
from tests.stores.pieces import FreshTable, HandClock
from tests.stores.policy_pieces import ANN, BO, CY, Store, names, rule, rules

pytestmark = pytest.mark.stack


@pytest.fixture
async def store(fresh_table: FreshTable, clock: HandClock) -> Store:
    made = await Store.fresh(fresh_table, clock)
    await made.publisher.publish([rule("a")], None, published_by="op", approved_by=ONBOARDING)
    return made


async def test_nothing_counts_until_a_second_person_approves(store: Store) -> None:
    desk, reader = store.desk(), store.reader()
    seen = await desk.propose(ANN, rules("a", "b"), {}, 30)
    assert seen.diff.sentences == ("b",)
    assert names(await reader.newest()) == ["a"]
    assert (await desk.show()).waiting == (seen.proposal,)
    assert await desk.review(BO, seen.proposal.diff) == seen, "both are shown the same"
    head = await desk.approve(BO, seen.proposal.diff)
    assert (head.seq, head.published_by, head.approved_by) == (2, ANN.person, BO.person)
    assert names(await reader.newest()) == ["a", "b"]
    shown = await desk.show()
    assert (shown.waiting, shown.head) == ((), head)
    assert [one.seq for one in shown.past] == [1, 2]


async def test_going_back_is_a_proposal_of_its_own_and_the_sequence_grows(store: Store) -> None:
    desk = store.desk()
    await desk.approve(BO, (await desk.propose(ANN, rules("a", "b"), {}, 30)).proposal.diff)
    seen = await desk.roll_back(CY, 1, {}, 30)
    assert seen.proposal.restores == 1
    assert names(await store.reader().newest()) == ["a", "b"], "nothing counts yet"
    head = await desk.approve(ANN, seen.proposal.diff)
    assert (head.seq, head.published_by) == (3, CY.person)
    assert names(await store.reader().newest()) == ["a"]
    for seq in (4, 99):
        with pytest.raises(PublishRefused) as refused:
            await desk.roll_back(CY, seq, {}, 30)
        assert refused.value.code == "no_such_seq"


async def test_going_back_keeps_todays_limits(store: Store) -> None:
    limit = rule("limit")
    desk = store.desk([limit])
    await desk.approve(
        BO, (await desk.propose(ANN, rules("a", "b", "limit"), {}, 30)).proposal.diff
    )
    tightened = rule("limit", "agreed anew")
    desk = store.desk([tightened])
    seen = await desk.roll_back(CY, 1, {}, 30)
    await desk.approve(ANN, seen.proposal.diff)
    standing = await store.history.standing()
    assert standing is not None
    assert sorted(standing.rules, key=lambda one: one.id) == [rule("a"), tightened]


async def test_one_person_renews_what_counts_and_nothing_else_changes(
    store: Store, clock: HandClock
) -> None:
    before = await store.reader().newest()
    clock.advance(MAX_AGE + timedelta(days=1))
    with pytest.raises(StoreUnusable):
        await store.reader().newest()
    head = await store.desk().renew(ANN)
    assert (head.published_by, head.approved_by) == (ANN.person, ANN.person)
    after = await store.reader().newest()
    assert (after.id, after.seq) == (before.id, before.seq + 1)


async def test_rules_that_already_count_are_not_proposed(store: Store) -> None:
    with pytest.raises(PublishRefused) as refused:
        await store.desk().propose(ANN, rules("a"), {}, 30)
    assert refused.value.code == "unchanged"


async def test_the_same_proposal_waits_once_and_is_made_anew_when_it_is_closed(
    store: Store, clock: HandClock
) -> None:
    desk = store.desk()
    first = await desk.propose(ANN, rules("a", "b"), {}, 30)
    with pytest.raises(PublishRefused) as refused:
        await desk.propose(BO, rules("a", "b"), {}, 30)
    assert refused.value.code == "waits_already"
    clock.advance(GOOD_FOR + timedelta(minutes=1))
    assert (await desk.show()).waiting == ()
    again = await desk.propose(BO, rules("a", "b"), {}, 30)
    assert again.proposal.diff == first.proposal.diff
    assert (await desk.approve(ANN, again.proposal.diff)).published_by == BO.person


async def test_without_a_policy_there_is_nothing_to_change(
    fresh_table: FreshTable, clock: HandClock
) -> None:
    empty = await Store.fresh(fresh_table, clock)
    with pytest.raises(PublishRefused) as refused:
        await empty.desk().propose(ANN, rules("a"), {}, 30)
    assert refused.value.code == "no_policy"
