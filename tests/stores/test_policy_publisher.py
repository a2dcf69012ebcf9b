"""Publishers that run at once, and one that dies half-way."""

import asyncio
from typing import Any

import pytest

from agent.adapters.tables import Rows
from agent.errors import Transient
from policy.snapshot import Head
from tests.stores.pieces import FreshTable, HandClock
from tests.stores.policy_pieces import Store, names, rule

pytestmark = pytest.mark.stack


@pytest.fixture
async def store(fresh_table: FreshTable, clock: HandClock) -> Store:
    made = await Store.fresh(fresh_table, clock)
    await made.publish(rule("a"))
    await made.publish(rule("a"), rule("b"))
    return made


async def test_of_two_publishers_at_once_one_wins(store: Store) -> None:
    said = await asyncio.gather(
        *(store.publish(rule("a"), rule(f"b{n}")) for n in range(4)), return_exceptions=True
    )
    won = [one for one in said if isinstance(one, Head)]
    assert len(won) == 1
    assert all(isinstance(one, Head | Transient) for one in said)
    snapshot = await store.reader().newest()
    assert snapshot.id == won[0].snapshot_id
    again = await store.publish(rule("c"))
    assert again.seq > won[0].seq, "what the losers left behind is stepped over"
    assert names(await store.reader().newest()) == ["c"]


class Killed(Exception):  # noqa: N818 - what happened, not what went wrong
    """The publisher's process ended here."""


class LastMoment(Rows):
    """A table at which the publisher dies right before the head is swapped."""

    async def merge(self, row: dict[str, Any], etag: str) -> str | None:
        raise Killed


async def test_a_publisher_killed_before_the_head_changed_nothing(store: Store) -> None:
    heads = store.heads
    store.heads = LastMoment(heads._client)
    publisher = store.publisher_with(store.key)
    with pytest.raises(Killed):
        await publisher.publish(
            [rule("z")], await store.history.standing(), published_by="ann", approved_by="bo"
        )
    store.heads = heads
    snapshot = await store.reader().newest()
    assert (snapshot.seq, names(snapshot)) == (2, ["a", "b"])
    assert await store.history.largest() == 3, "its body was there already"
    after = await store.publish(rule("y"))
    assert after.seq == 4
    assert names(await store.reader().newest()) == ["y"]
