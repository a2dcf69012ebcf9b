"""The chain as rows: gapless whoever writes, found again whatever was lost."""

import asyncio
from datetime import timedelta

import pytest

from agent.adapters import audit_table
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account, Rows
from agent.audit.chain import ZERO, chain, verify_chain
from agent.errors import StoreUnusable
from agent.records import AuditRecord, Draft
from agent.values import PersonId, RequestId
from tests.stores.pieces import NOW, FreshTable, Line

pytestmark = pytest.mark.stack


def draft(request: str | None = "r1", n: int = 0, text: str = "") -> Draft:
    return Draft(
        phase="read",
        at=NOW + timedelta(microseconds=n),
        request=RequestId(request) if request else None,
        actor=PersonId("00000000-0000-4000-8000-000000000001"),
        detail={"n": n, "text": text},
    )


@pytest.fixture
async def tables(fresh_table: FreshTable) -> tuple[Rows, Rows]:
    return await fresh_table("Audit"), await fresh_table("AuditIndex")


@pytest.fixture
def log(tables: tuple[Rows, Rows]) -> AuditTable:
    return AuditTable(*tables)


async def whole(log: AuditTable) -> list[AuditRecord]:
    records = await log.read(1, 100_000)
    assert verify_chain(records) == []
    return records


async def test_records_are_numbered_from_one_and_linked(log: AuditTable) -> None:
    assert await log.append([]) == ()
    (first,) = await log.append([draft(n=1)])
    second, third = await log.append([draft(n=2, text="Grüße 🌍"), draft(None, n=3)])
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert first.prev == ZERO
    assert await whole(log) == [first, second, third]
    assert await log.read(2, 1) == [second]
    assert await log.read(3, 5) == [third]
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


async def test_two_processes_at_once_leave_no_gap_and_lose_nothing(
    tables: tuple[Rows, Rows],
) -> None:
    logs = [AuditTable(*tables), AuditTable(*tables)]

    async def writer(log: AuditTable, name: str) -> list[int]:
        said = [await log.append([draft(name, n), draft(name, n)]) for n in range(12)]
        return [record.seq for records in said for record in records]

    names = [(log, f"p{place}-{n}") for place, log in enumerate(logs) for n in range(4)]
    said = await asyncio.gather(*(writer(log, name) for log, name in names))
    records = await whole(logs[0])
    assert sorted(seq for seqs in said for seq in seqs) == [r.seq for r in records]
    assert len(records) == 8 * 12 * 2
    for (_, name), seqs in zip(names, said, strict=True):
        assert [r.seq for r in await logs[1].of_request(RequestId(name))] == seqs
        assert all(b == a + 1 for a, b in zip(seqs[::2], seqs[1::2], strict=True))


async def test_an_answer_that_was_lost_leaves_one_record(
    over_line: Account, line: Line, tables: tuple[Rows, Rows]
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
    over_line: Account, line: Line, tables: tuple[Rows, Rows]
) -> None:
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await log.append([draft(n=0)])
    for n in (1, 3):
        line.lose = 3  # every try of one write: the table cannot know, the chain can
        await log.append([draft(n=n), draft(n=n + 1)][: 1 + n // 2])
        assert line.lose == 0
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 1, 3, 4]


async def test_a_write_that_was_lost_is_chained_behind_what_came_meanwhile(
    over_line: Account, line: Line, log: AuditTable, tables: tuple[Rows, Rows]
) -> None:
    here = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await here.append([draft(n=0)])
    line.instead = lambda: log.append([draft(n=1)])
    (added,) = await here.append([draft(n=2)])
    assert added.seq == 3
    assert [r.body["detail"]["n"] for r in await whole(log)] == [0, 1, 2]


async def test_an_equal_record_of_another_process_does_not_stand_for_a_group(
    tables: tuple[Rows, Rows],
) -> None:
    here, there = AuditTable(*tables), AuditTable(*tables)
    await here.append([draft(n=0)])
    await there.append([draft(n=1)])
    await here.append([draft(n=1), draft(n=2)])
    assert [r.body["detail"]["n"] for r in await whole(here)] == [0, 1, 1, 2]


async def test_where_the_tables_are_missing_nothing_is_written(account: Account) -> None:
    log = AuditTable(account.rows("NoAudit"), account.rows("NoIndex"))
    said = await asyncio.gather(
        *(log.append([draft(n=n)]) for n in range(5)), return_exceptions=True
    )
    assert [type(one) for one in said] == [StoreUnusable] * 5
    assert len({id(one) for one in said}) == 5


async def test_no_record_is_written_that_the_index_could_not_find(
    account: Account, tables: tuple[Rows, Rows]
) -> None:
    log = AuditTable(tables[0], account.rows("NoIndex"))
    with pytest.raises(StoreUnusable):
        await log.append([draft(n=0)])
    assert await tables[0].query("000000000") == []
    assert len(await log.append([draft(None)])) == 1


async def test_a_store_that_comes_back_is_written_to_again(
    over_line: Account, line: Line, tables: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_table, "PATIENCE", 0.5)
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
    for drafts in ([draft(text="x" * 60_000)], [draft()] * 101, [draft(text="x" * 50_000)] * 21):
        with pytest.raises(StoreUnusable, match="expected at most 100 records of 60000 bytes"):
            await log.append(drafts)
    assert await whole(log) == []
    (large,) = await log.append([draft(text="😀" * 14_000)])
    assert await whole(log) == [large]


async def planted(rows: Rows, sizes: list[int]) -> tuple[AuditRecord, ...]:
    """Put a chain into the table as transactions of these sizes would leave it."""
    links = chain([draft(None, n) for n in range(sum(sizes))], 0, ZERO)
    at = 0
    for size in sizes:
        segment = audit_table._segment(links[at].seq)
        group = [audit_table._row(segment, link) for link in links[at : at + size]]
        assert await rows.transaction(group)
        at += size
    return links


@pytest.mark.parametrize("last", [9, 10, 11, 19, 20, 21, 55, 70, 71])
async def test_the_tail_is_found_at_every_border(
    tables: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    monkeypatch.setattr(audit_table, "SEGMENT_ROWS", 10)
    await planted(tables[0], [4] * (last // 4) + ([last % 4] if last % 4 else []))
    log = AuditTable(*tables)
    (added,) = await log.append([draft()])
    assert added.seq == last + 1
    assert [r.seq for r in await whole(log)] == list(range(1, last + 2))


async def test_the_tail_of_a_long_chain_is_found_in_few_reads(
    over_line: Account,
    line: Line,
    tables: tuple[Rows, Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_table, "SEGMENT_ROWS", 2)
    await planted(tables[0], [2] * 100)
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    (added,) = await log.append([draft()])
    assert added.seq == 201
    assert line.seen.count("GET") <= 17  # log2 of 100 segments twice, and the two ends


async def test_an_append_over_a_border_is_whole_and_found_again(
    tables: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_table, "SEGMENT_ROWS", 10)
    monkeypatch.setattr(audit_table, "GROUP", 5)
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
    spilled = [row["RowKey"] for row in await tables[0].query("000000000")]
    assert spilled[-1] > "000000000010", "a transaction ends where it began"


async def test_one_pointer_leads_to_all_records_of_a_request_in_a_segment(
    log: AuditTable, tables: tuple[Rows, Rows]
) -> None:
    for n in range(5):
        await log.append([draft("r1", n), draft("r2", n)])
    assert len(await tables[1].query("r1")) == 1
    assert [r.body["detail"]["n"] for r in await log.of_request(RequestId("r1"))] == list(range(5))
    assert await log.of_request(RequestId("r")) == []
    assert await log.of_request(RequestId("a|b")) == []


async def test_a_pointer_to_a_record_that_was_never_written_does_no_harm(
    log: AuditTable, tables: tuple[Rows, Rows]
) -> None:
    for segment in ("000000000", "000000007"):
        await tables[1].insert({"PartitionKey": "r1", "RowKey": segment})
    await log.append([draft("r2")])
    assert await log.of_request(RequestId("r1")) == []
    (record,) = await log.append([draft("r1")])
    assert await log.of_request(RequestId("r1")) == [record]


async def test_an_edited_record_breaks_the_chain_at_its_place(
    log: AuditTable, tables: tuple[Rows, Rows]
) -> None:
    for n in range(3):
        await log.append([draft(n=n)])
    row = dict(await tables[0].get("000000000", "000000000002") or {})
    await tables[0].put(row | {"body": row["body"].replace('"n":1', '"n":9')})
    assert [flaw.seq for flaw in verify_chain(await log.read(1, 10))] == [2]
    await tables[0].put(row | {"body": "no json"})
    with pytest.raises(StoreUnusable, match=r"`Audit\d+.body` as written"):
        await log.read(1, 10)
