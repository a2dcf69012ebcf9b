"""One table: answers, conflicts, faults, and answers that never came."""

import asyncio
import base64
import secrets
import subprocess
import sys

import pytest

from agent.adapters.tables import Account, Rows, etag_of, open_account
from agent.errors import StoreUnusable, Transient
from local.azurite import StorageAccount
from tests.stores.pieces import FreshTable, Line

pytestmark = pytest.mark.stack


def row(rk: str, **columns: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": rk, **columns}


async def test_of_two_inserts_of_one_key_the_second_is_told(fresh_table: FreshTable) -> None:
    rows = await fresh_table("Rows")
    assert await rows.insert(row("r", n=1))
    assert not await rows.insert(row("r", n=1))
    assert (await rows.get("p", "r") or {})["n"] == 1
    assert await rows.get("p", "other") is None


async def test_a_row_that_changed_since_it_was_read_is_left_alone(fresh_table: FreshTable) -> None:
    rows = await fresh_table("Rows")
    await rows.insert(row("r", n=1, kept=True))
    read = await rows.get("p", "r")
    assert read is not None
    changed = await rows.merge(row("r", n=2), etag_of(read))
    assert changed is not None
    assert await rows.merge(row("r", n=3), etag_of(read)) is None
    await rows.delete(read)
    assert await rows.get("p", "r") == row("r", n=2, kept=True)
    assert await rows.merge(row("r", n=4), changed) is not None
    await rows.put(row("r", n=5))
    assert await rows.get("p", "r") == row("r", n=5)


async def test_a_transaction_is_whole_or_nothing(fresh_table: FreshTable) -> None:
    rows = await fresh_table("Rows")
    assert await rows.transaction([row("a"), row("b")])
    assert not await rows.transaction([row("c"), row("b")])
    assert [found["RowKey"] for found in await rows.query("p")] == ["a", "b"]


async def test_a_range_is_read_in_order_and_by_columns(fresh_table: FreshTable) -> None:
    rows = await fresh_table("Rows")
    for rk, who in (("3", "x"), ("1", "x"), ("2", "o'neil"), ("4", "x")):
        await rows.insert(row(rk, who=who))
    middle = await rows.query("p", between=("2", "3"))
    assert [found["RowKey"] for found in middle] == ["2", "3"]
    assert [f["RowKey"] for f in await rows.query("p", equals={"who": "o'neil"})] == ["2"]
    assert await rows.query("p", select=["RowKey"], first=2) == [{"RowKey": "1"}, {"RowKey": "2"}]


async def every_verb(rows: Rows) -> None:
    """Use a table in every way; each must fail alike."""
    calls = (
        lambda: rows.get("p", "r"),
        lambda: rows.query("p"),
        lambda: rows.insert(row("r")),
        lambda: rows.transaction([row("a"), row("b")]),
        lambda: rows.merge(row("r"), 'W/"x"'),
        lambda: rows.upsert(row("r")),
    )
    for call in calls:
        with pytest.raises(StoreUnusable, match=f"table `{rows.table}`") as fault:
            await call()
        assert fault.value.code == "store_unusable"


async def test_a_missing_table_is_unusable(account: Account) -> None:
    await every_verb(account.rows("NeverCreated"))


async def test_a_wrong_key_is_unusable(storage: StorageAccount) -> None:
    wrong = open_account(
        storage.tables, None, base64.b64encode(secrets.token_bytes(64)).decode("ascii")
    )
    await every_verb(wrong.rows("Requests"))
    await wrong.close()


async def test_an_account_out_of_reach_is_unusable(storage: StorageAccount) -> None:
    nowhere = open_account("http://127.0.0.1:1/contoso", None, storage.key)
    with pytest.raises(StoreUnusable):
        await nowhere.rows("Requests").get("p", "r")
    with pytest.raises(StoreUnusable):
        await nowhere.rows("Requests").insert(row("r"))
    await nowhere.close()


def test_an_account_key_opens_nothing_but_this_machine() -> None:
    with pytest.raises(ValueError, match="expected a loopback endpoint"):
        open_account("https://contoso.table.core.windows.net", None, "a2V5")
    with pytest.raises(ValueError, match="either a credential or an unsafe key"):
        open_account("http://127.0.0.1:1/contoso", None)


async def test_a_store_busy_for_long_is_transient(
    over_line: Account, line: Line, fresh_table: FreshTable
) -> None:
    rows = over_line.rows((await fresh_table("Rows")).table)
    line.busy = 1
    assert await rows.insert(row("r", n=1)), "one refusal is waited out"
    line.busy = 100
    with pytest.raises(Transient):
        await rows.insert(row("s"))
    with pytest.raises(Transient):
        await rows.get("p", "r")
    line.busy = 0
    assert await rows.get("p", "s") is None


async def test_a_row_is_removed_whatever_it_holds_and_removing_it_again_is_nothing(
    fresh_table: FreshTable,
) -> None:
    rows = await fresh_table("Rows")
    await rows.insert(row("r", n=1))
    await rows.put(row("r", n=2))
    await rows.remove("p", "r")
    assert await rows.get("p", "r") is None
    await rows.remove("p", "r")


async def test_a_scan_sees_a_range_of_row_keys_in_every_partition_page_by_page(
    fresh_table: FreshTable,
) -> None:
    rows = await fresh_table("Rows")
    for partition in ("p", "q"):
        for first in range(0, 700, 100):
            await rows.transaction(
                [
                    {"PartitionKey": partition, "RowKey": f"step|{n:04d}"}
                    for n in range(first, first + 100)
                ]
            )
        await rows.insert({"PartitionKey": partition, "RowKey": "a", "n": 0})
    found = [(r["PartitionKey"], r["RowKey"]) async for r in rows.scan(("step|", "step|~"))]
    assert len(found) == len(set(found)) == 1400  # a page holds a thousand
    assert {partition for partition, _ in found} == {"p", "q"}


async def test_a_write_whose_answer_was_lost_is_known_as_our_own(
    over_line: Account, line: Line, fresh_table: FreshTable
) -> None:
    rows = over_line.rows((await fresh_table("Rows")).table)
    line.lose = 1
    assert await rows.insert(row("r", n=1, sealed=b"\x00\x01"))
    line.lose = 1
    assert await rows.transaction([row("a", n=1), row("b", n=2)])
    read = await rows.get("p", "r")
    assert read is not None
    line.lose = 1
    etag = await rows.merge(row("r", n=2), etag_of(read))
    assert etag is not None
    line.lose = 1
    await rows.put(row("r", n=3))
    assert line.lose == 0
    assert [(f["RowKey"], f["n"]) for f in await rows.query("p")] == [("a", 1), ("b", 2), ("r", 3)]


async def test_a_lost_answer_that_was_a_no_stays_a_no(
    over_line: Account, line: Line, fresh_table: FreshTable
) -> None:
    rows = over_line.rows((await fresh_table("Rows")).table)
    await rows.insert(row("r", n=1))
    line.lose = 1
    assert not await rows.insert(row("r", n=2))
    line.lose = 1
    assert not await rows.transaction([row("q", n=1), row("r", n=2)])


async def test_a_silent_store_is_transient_in_seconds(
    fresh_table: FreshTable, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr("agent.adapters.tables.PATIENCE", 0.3)
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    silent = open_account(f"http://127.0.0.1:{port}/contoso", None, storage.key)
    with pytest.raises(Transient, match=r"to answer in 0\.3 s"):
        await silent.rows("Requests").get("p", "r")
    with pytest.raises(Transient):
        await silent.rows("Requests").insert(row("r"))
    await silent.close()
    server.close()


def test_importing_the_tables_loads_nothing_of_azure() -> None:
    script = (
        "import sys, agent.adapters.tables, agent.adapters.requests_table,"
        "agent.adapters.approvals_table, agent.adapters.audit_table, agent.adapters.policies_table,"
        "agent.adapters.registry_table, agent.adapters.sponsorships_table,"
        "agent.adapters.targets_table, agent.adapters.budget_table\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('azure', 'aiohttp')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
