"""Checkpoints as rows of a real table: added, found from the newest, never in another's place."""

import json
from datetime import timedelta

import pytest

from agent.adapters.checkpoints_table import CheckpointTable
from agent.audit.checkpoint import KeptCheckpoint, issue
from agent.audit.merkle import Frontier, leaf
from agent.errors import StoreUnusable
from tests.stores.pieces import NOW, FreshTable
from tests.unit.trails import KID, OURS, TENANT


async def checkpoint(size: int) -> KeptCheckpoint:
    tree = Frontier()
    for at in range(size):
        tree.add(leaf(bytes([at])))
    time = NOW + timedelta(minutes=size)
    said = await issue(TENANT, tree, f"{size:064x}", time, kid=KID, sign=OURS.signer())
    return KeptCheckpoint(checkpoint=said, peaks=tuple(peak.hex() for peak in tree.peaks))


async def test_the_newest_is_the_one_of_most_records(fresh_table: FreshTable) -> None:
    store = CheckpointTable(await fresh_table("AuditCheckpoints"))
    assert await store.latest() is None
    assert await store.every() == []
    made = [await checkpoint(size) for size in (9, 100, 20)]
    for one in made:
        assert await store.add(one)
    assert await store.latest() == made[1]
    assert await store.every() == [made[0], made[2], made[1]]


async def test_of_one_size_the_first_counts(fresh_table: FreshTable) -> None:
    store = CheckpointTable(await fresh_table("AuditCheckpoints"))
    first, second = await checkpoint(7), await checkpoint(7)
    assert await store.add(first)
    assert not await store.add(second)
    assert await store.latest() == first


async def test_a_row_that_is_not_what_was_written_is_unusable(fresh_table: FreshTable) -> None:
    rows = await fresh_table("AuditCheckpoints")
    store = CheckpointTable(rows)
    await store.add(await checkpoint(7))
    (row,) = await rows.query("checkpoint")
    other = (await checkpoint(6)).checkpoint.line().decode()
    for damage in ({"said": "{}"}, {"said": other}, {"peaks": "[]"}, {"peaks": json.dumps([7])}):
        await rows.put({**row, **damage})
        with pytest.raises(StoreUnusable):
            await store.latest()
    moved = {**row, "RowKey": "0" * 15}
    await rows.put(dict(row))
    await rows.put(moved)
    with pytest.raises(StoreUnusable):
        await store.latest()
