"""Keys that can be read in one way, and blobs that open where they were sealed or not at all."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.columns import SealedColumns, key, under
from agent.adapters.sealing import EnvelopeSealing
from agent.errors import Permanent, StoreUnusable


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_two_lists_of_parts_never_make_one_key(parts: list[str]) -> None:
    try:
        joined = key(*parts)
    except Permanent as fault:
        assert fault.code == "bad_key"
        return
    assert joined.split("|") == parts
    low, high = under(*parts)
    assert low <= f"{joined}|child" <= high
    assert not low <= f"{joined}x" <= high


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536, 200_000])
async def test_a_blob_of_any_size_opens_as_it_was(sealing: EnvelopeSealing, size: int) -> None:
    columns = SealedColumns(sealing, "Requests")
    row = {"PartitionKey": "p", "RowKey": "r"}
    plain = bytes(n * n % 251 for n in range(size))
    await columns.seal(row, "work", plain, 300_000)
    assert await columns.open(row, "work") == plain
    assert await columns.open(row, "answer") is None


async def test_a_blob_opens_in_its_own_row_and_column_only(sealing: EnvelopeSealing) -> None:
    columns = SealedColumns(sealing, "Requests")
    row: dict[str, object] = {"PartitionKey": "p", "RowKey": "r"}
    await columns.seal(row, "work", b"text")
    moved = [
        ("Requests", row | {"RowKey": "s"}, "work"),
        ("Requests", row | {"answer0": row["work0"], "answer_parts": 1}, "answer"),
        ("Approvals", row, "work"),
        ("Requests", row | {"work_parts": 2}, "work"),
        ("Requests", row | {"work_parts": "x"}, "work"),
        ("Requests", row | {"work0": "text"}, "work"),
    ]
    for table, elsewhere, column in moved:
        with pytest.raises(StoreUnusable):
            await SealedColumns(sealing, table).open(elsewhere, column)


async def test_a_blob_over_its_limit_is_refused_by_name(sealing: EnvelopeSealing) -> None:
    row: dict[str, object] = {"PartitionKey": "p", "RowKey": "r"}
    with pytest.raises(StoreUnusable, match="expected at most 1000 bytes in `Requests"):
        await SealedColumns(sealing, "Requests").seal(
            row, "reply", secrets.token_bytes(2_000), 1_000
        )
