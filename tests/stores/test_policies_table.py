"""The policy store: the newest signed snapshot, or nothing."""

import asyncio
from datetime import timedelta

import pytest

from agent.adapters.policies_table import MAX_AGE, PolicyTable
from agent.adapters.tables import Account
from agent.errors import StoreUnusable
from tests.stores.pieces import FreshTable, HandClock
from tests.stores.policy_pieces import Key, Store, names, rule

pytestmark = pytest.mark.stack


@pytest.fixture
async def store(fresh_table: FreshTable, clock: HandClock) -> Store:
    return await Store.fresh(fresh_table, clock)


async def test_what_was_published_is_what_counts(store: Store) -> None:
    reader = store.reader()
    assert await store.history.standing() is None
    first = await store.publish(rule("a"))
    standing = await store.history.standing()
    assert standing is not None
    assert (standing.head, standing.rules) == (first, (rule("a"),))
    snapshot = await reader.newest()
    assert (snapshot.id, snapshot.seq, names(snapshot)) == (first.snapshot_id, 1, ["a"])
    second = await store.publish(rule("a"), rule("b"))
    assert (second.seq, second.prev) == (2, first.snapshot_id)
    assert names(await reader.newest()) == ["a", "b"]


async def test_an_unchanged_head_is_read_but_its_body_is_not_loaded_again(store: Store) -> None:
    await store.publish(rule("a"))
    reader = store.reader()
    first = await reader.newest()
    for row in await store.snapshots.query("snapshot"):
        await store.snapshots.delete(row)
    assert await reader.newest() is first
    with pytest.raises(StoreUnusable) as fault:
        await store.reader().newest()
    assert fault.value.code == "body_missing"


async def test_a_forecast_may_be_thirty_seconds_old_and_an_act_may_not(
    store: Store, clock: HandClock
) -> None:
    reader = store.reader()
    await store.publish(rule("a"))
    assert names(await reader.recent()) == ["a"]
    await store.publish(rule("b"))
    clock.advance(timedelta(seconds=30))
    assert names(await reader.recent()) == ["a"]
    assert names(await reader.newest()) == ["b"]
    await store.publish(rule("c"))
    clock.advance(timedelta(seconds=31))
    assert names(await reader.recent()) == ["c"]


async def test_a_forecast_rests_on_nothing_after_doubt(store: Store) -> None:
    reader = store.reader()
    await store.publish(rule("a"))
    await reader.newest()
    await store.heads.upsert({"PartitionKey": "head", "RowKey": "active", "seq": 9})
    for read in (reader.newest, reader.recent, reader.newest):
        with pytest.raises(StoreUnusable):
            await read()


async def test_a_policy_nobody_signed_again_grows_stale(store: Store, clock: HandClock) -> None:
    await store.publish(rule("a"))
    reader = store.reader()
    await reader.newest()
    clock.advance(MAX_AGE)
    await reader.newest()
    clock.advance(timedelta(seconds=1))
    for stale in (reader, store.reader()):
        with pytest.raises(StoreUnusable) as fault:
            await stale.newest()
        assert fault.value.code == "too_old"


async def test_every_version_of_a_rule_is_kept_once(store: Store) -> None:
    await store.publish(rule("a"), rule("b"))
    await store.publish(rule("a", "as agreed anew"), rule("b"))
    await store.publish(rule("a", "as agreed anew"))
    kept = [row["RowKey"] for row in await store.policies.query("rule")]
    assert kept == ["global|a|00000001", "global|a|00000002", "global|b|00000001"]


async def test_a_signature_by_another_key_is_not_published(store: Store) -> None:
    class Rotated:
        async def sign(self, message: bytes) -> tuple[str, bytes]:
            return "another", b"x" * 64

    with pytest.raises(StoreUnusable) as fault:
        await store.publisher_with(Rotated()).publish(
            [rule("a")], None, published_by="ann", approved_by="bo"
        )
    assert fault.value.code == "wrong_key"
    assert await store.head() == {}


async def test_many_readers_at_once_load_one_body(store: Store) -> None:
    await store.publish(*(rule(f"r{n}") for n in range(120)))
    reader = store.reader()
    found = await asyncio.gather(*(reader.newest() for _ in range(10)))
    assert len({id(one) for one in found}) == 1


async def test_missing_tables_are_no_policy(account: Account, clock: HandClock) -> None:
    reader = PolicyTable(account.rows("NoHeads"), account.rows("No"), clock, Key().verify)
    with pytest.raises(StoreUnusable) as fault:
        await reader.newest()
    assert fault.value.code == "store_unusable"
