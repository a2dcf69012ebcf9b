"""The chain as rows: gapless whoever writes, found again whatever was lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.adapters import audit_rows, audit_writer
from agent.adapters.audit_rows import records_of
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account, Rows
from agent.audit.chain import ZERO, body_of, verify_chain
from agent.errors import StoreUnusable
from agent.records import Written
from agent.trail import AuditQuery
from agent.values import RequestId
from tests.stores.audit_chains import draft, planted, whole
from tests.stores.pieces import FreshTable, Line

pytestmark = pytest.mark.stack


@pytest.fixture
async def tables(fresh_table: FreshTable) -> tuple[Rows, Rows, Rows]:
    return (
        await fresh_table("Audit"),
        await fresh_table("AuditIndex"),
        await fresh_table("AuditInbox"),
    )


@pytest.fixture
async def log(tables: tuple[Rows, Rows, Rows]) -> AsyncIterator[AuditTable]:
    opened = AuditTable(*tables)
    yield opened
    await opened.close()


async def test_records_are_numbered_from_one_and_linked(log: AuditTable) -> None:
    assert await log.append([]) == ()
    (first,) = await log.append([draft(n=1)])
    second, third = await log.append([draft(n=2, text="Grüße 🌍"), draft(None, n=3)])
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    records = await whole(log)
    assert records[0].prev == ZERO
    assert [Written.of(record.body, record.seq) for record in records] == [first, second, third]
    assert await log.read(2, 1) == [records[1]]
    assert await log.read(3, 5) == [records[2]]
    assert await log.read(4, 5) == []


async def test_eight_tasks_at_once_leave_no_gap_and_lose_nothing(log: AuditTable) -> None:
    async def writer(task: int) -> list[int]:
        written = []
        for n in range(50):
            records = await log.append([draft(f"r{task}", n)] * (1 + n % 3))
            written += [record.seq for record in records]
        return written

    said = await asyncio.gather(*(writer(task) for task in range(8)))
    records = await whole(log)
    assert sorted(seq for seqs in said for seq in seqs) == [r.seq for r in records]
    for task, seqs in enumerate(said):
        mine = await log.of_request(RequestId(f"r{task}"))
        assert [record.seq for record in mine] == seqs == sorted(seqs)


async def test_an_answer_that_was_lost_leaves_one_record(
    over_line: Account, line: Line, tables: tuple[Rows, Rows, Rows]
) -> None:
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await log.append([draft(n=0)])
    line.lose = 1
    await log.append([draft(n=1)])
    line.lose = 1
    await log.append([draft(n=2), draft(n=3)])
    assert line.lose == 0
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 1, 2, 3]


async def test_answers_lost_for_longer_than_the_store_waits_leave_one_record(
    over_line: Account, line: Line, tables: tuple[Rows, Rows, Rows]
) -> None:
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await log.append([draft(n=0)])
    for n in (1, 3):
        line.lose = 3  # every try of one write: the table cannot know, the chain can
        await log.append([draft(n=n), draft(n=n + 1)][: 1 + n // 2])
        assert line.lose == 0
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 1, 3, 4]


async def test_a_write_that_was_lost_is_chained_behind_what_came_meanwhile(
    over_line: Account, line: Line, log: AuditTable, tables: tuple[Rows, Rows, Rows]
) -> None:
    here = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await here.append([draft(n=0)])
    line.instead = lambda: log.append([draft(n=1)])
    (added,) = await here.append([draft(n=2)])
    assert added.seq == 3
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 1, 2]


async def test_an_equal_record_of_another_process_does_not_stand_for_ours(
    tables: tuple[Rows, Rows, Rows],
) -> None:
    here, there = AuditTable(*tables), AuditTable(*tables)
    await here.append([draft(n=0)])
    await there.append([draft(n=1)])
    await here.append([draft(n=1)])
    await here.append([draft(n=1), draft(n=2)])
    assert [r.body["detail"]["n"] for r in await whole(here)] == [0, 1, 1, 1, 2]


async def test_where_the_tables_are_missing_nothing_is_written(account: Account) -> None:
    log = AuditTable(*(account.rows(f"No{name}") for name in ("Audit", "Index", "Inbox")))
    said = await asyncio.gather(
        *(log.append([draft(n=n)]) for n in range(5)), return_exceptions=True
    )
    assert [type(one) for one in said] == [StoreUnusable] * 5
    assert len({id(one) for one in said}) == 5


async def test_a_store_that_comes_back_is_written_to_again(
    over_line: Account, line: Line, tables: tuple[Rows, Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_writer, "PATIENCE", 0.5)
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await log.append([draft(n=0)])
    line.busy = 10_000
    with pytest.raises(StoreUnusable):
        await log.append([draft(n=1)])
    line.busy = 0
    await log.append([draft(n=2)])
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 2]


async def test_a_caller_that_gives_up_stops_nobody_else(log: AuditTable) -> None:
    waiting = [asyncio.create_task(log.append([draft(n=n)])) for n in range(6)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    said = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(said[0], asyncio.CancelledError)
    assert [len(one) for one in said[1:] if isinstance(one, tuple)] == [1] * 5
    await whole(log)


async def test_what_does_not_fit_is_refused_and_nothing_of_it_written(log: AuditTable) -> None:
    for drafts in ([draft(text="x" * 60_000)], [draft()] * 101, [draft(text="x" * 50_000)] * 9):
        with pytest.raises(StoreUnusable, match="expected at most 100 records of 60000 bytes"):
            await log.append(drafts)
    assert await whole(log) == []
    (large,) = await log.append([draft(text="😀" * 14_000)])
    (record,) = await whole(log)
    assert record.body == large.body


@pytest.mark.parametrize("last", [9, 10, 11, 19, 20, 21, 55, 70, 71])
async def test_the_tail_is_found_at_every_border(
    tables: tuple[Rows, Rows, Rows], monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 10)
    await planted(tables[0], [4] * (last // 4) + ([last % 4] if last % 4 else []))
    log = AuditTable(*tables)
    (added,) = await log.append([draft()])
    assert added.seq == last + 1
    assert [r.seq for r in await whole(log)] == list(range(1, last + 2))


async def test_the_tail_of_a_long_chain_is_found_in_few_reads(
    over_line: Account,
    line: Line,
    tables: tuple[Rows, Rows, Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 2)
    await planted(tables[0], [2] * 100)
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    (added,) = await log.append([draft()])
    assert added.seq == 201
    assert line.seen.count("GET") <= 17  # log2 of 100 segments twice, and the two ends


async def test_an_append_over_a_border_is_whole_and_found_again(
    tables: tuple[Rows, Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 10)
    here, there = AuditTable(*tables), AuditTable(*tables)
    written: dict[str, list[int]] = {}
    for n in range(30):
        name = f"r{n % 3}"
        added = await (here, there)[n % 2].append([draft(name, n)] * (2 + n % 4))
        written.setdefault(name, []).extend(record.seq for record in added)
    records = await whole(here)
    assert [r.seq for r in records] == list(range(1, 104))
    for name, seqs in written.items():
        assert [r.seq for r in await AuditTable(*tables).of_request(RequestId(name))] == seqs
    for first in range(1, 104, 3):
        assert await there.read(first, 7) == records[first - 1 : first + 6]
    spilled = records_of(tables[0].table, (await tables[0].query("000000000"))[-1])
    assert spilled[-1].seq > 10, "a block ends in the segment where it began"


async def test_what_is_no_key_is_nobodys_request(log: AuditTable) -> None:
    for n in range(5):
        await log.append([draft("r1", n), draft("r2", n)])
    assert [r.body["detail"]["n"] for r in await log.of_request(RequestId("r1"))] == list(range(5))
    assert await log.of_request(RequestId("r")) == []
    assert await log.of_request(RequestId("a|b")) == []


async def test_an_edited_record_breaks_the_chain_at_its_place(
    log: AuditTable, tables: tuple[Rows, Rows, Rows]
) -> None:
    for n in range(3):
        await log.append([draft(n=n)])
    row = dict(await tables[0].get("000000000", "000000000002") or {})
    await tables[0].put(row | {"text00": row["text00"].replace('"n":1', '"n":9')})
    assert [flaw.seq for flaw in verify_chain(await log.read(1, 10))] == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"text00": "no json"},
        {"text00": "[]"},
        {"text00": "[1]"},
        {"hashes": "ab"},
        {"hashes": 7},
        {"groups": "[]"},
        {"groups": '[["g", 2]]'},
        {"prev": None},
    ],
    ids=str,
)
async def test_a_row_that_is_not_what_we_wrote_is_named_and_never_skipped(
    log: AuditTable, tables: tuple[Rows, Rows, Rows], change: dict[str, object]
) -> None:
    for n in range(3):
        await log.append([draft(n=n)])
    row = dict(await tables[0].get("000000000", "000000000002") or {}) | change
    await tables[0].put({name: value for name, value in row.items() if value is not None})
    place = r"expected `Audit\d+` row 000000000/000000000002 as written"
    fresh = AuditTable(*tables)
    with pytest.raises(StoreUnusable, match=place):
        await fresh.read(1, 10)
    with pytest.raises(StoreUnusable, match=place):
        await fresh.of_request(RequestId("r1"))
    with pytest.raises(StoreUnusable, match=place):
        await fresh.search(AuditQuery())


async def test_a_version_that_nobody_here_knows_is_named(
    log: AuditTable, tables: tuple[Rows, Rows, Rows]
) -> None:
    await log.append([draft()])
    row = dict(await tables[0].get("000000000", "000000000001") or {})
    await tables[0].put(row | {"text00": row["text00"].replace('"v":', '"v":99')})
    with pytest.raises(StoreUnusable, match=r"row 000000000/000000000001, saw another"):
        await log.read(1, 10)


async def test_a_segment_that_was_taken_out_is_not_taken_for_the_end(
    log: AuditTable, tables: tuple[Rows, Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 4)
    await planted(tables[0], [4] * 5)
    for row in await tables[0].query("000000002"):
        await tables[0].delete(row)
    with pytest.raises(StoreUnusable, match=r"segment 2 of `Audit\d+`, saw none, and later ones"):
        await log.read(9, 10)


async def test_a_chain_that_was_rewritten_under_us_is_not_written_on(
    log: AuditTable, tables: tuple[Rows, Rows, Rows]
) -> None:
    await log.append([draft(n=0)])
    forged = audit_rows.Tail(1, "f" * 64)
    row, _ = audit_rows.block_of(forged, [audit_rows.Group("g", (body_of(draft(n=1)),))])
    assert await tables[0].insert(row)
    with pytest.raises(StoreUnusable, match="audit_forked"):
        await log.append([draft(n=2)])
