"""What is left in the inbox: sealed once, in order, by whoever looks; and who that is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.adapters import audit_inbox, audit_writer
from agent.adapters.audit_inbox import Inbox, Lease
from agent.adapters.audit_rows import Group
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account
from agent.audit.chain import body_of, verify_chain
from agent.errors import StoreUnusable
from agent.trail import AuditQuery
from agent.values import RequestId
from tests.stores.pieces import FreshTable, Line
from tests.stores.trails import Tables, draft_of, everything, trail_tables

pytestmark = pytest.mark.stack


@pytest.fixture
async def tables(fresh_table: FreshTable) -> Tables:
    return await trail_tables(fresh_table)


@pytest.fixture
async def log(tables: Tables) -> AsyncIterator[AuditTable]:
    opened = AuditTable(*tables)
    yield opened
    await opened.close()


def group(n: int, key: str | None = None) -> Group:
    return Group(key or f"key{n}", (body_of(draft_of(n)),))


async def requests(log: AuditTable) -> list[str]:
    records = await everything(log)
    assert verify_chain(records) == []
    return [str(record.body["request"]) for record in records]


async def test_what_the_dead_left_is_sealed_by_whoever_reads(
    log: AuditTable, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_writer, "STALL", 0.1)
    await log.append([draft_of(0)])
    await Inbox(tables[2]).put(group(4), after=1)
    assert [r.seq for r in await AuditTable(*tables).of_request(RequestId("r1"))] == [2]
    await Inbox(tables[2]).put(group(8), after=2)
    (line,) = (await AuditTable(*tables).search(AuditQuery(request="r2"))).lines
    assert line.seq == 3
    await Inbox(tables[2]).put(group(12), after=3)
    assert await requests(AuditTable(*tables)) == ["r0", "r1", "r2", "r3"]


async def test_what_the_dead_left_comes_before_what_the_next_process_writes(
    log: AuditTable, tables: Tables
) -> None:
    await log.append([draft_of(0)])
    await Inbox(tables[2]).put(group(4), after=1)
    await AuditTable(*tables).append([draft_of(8)])
    assert await requests(log) == ["r0", "r1", "r2"]


async def test_a_copy_that_arrives_late_is_not_written_twice(
    log: AuditTable, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.adapters.audit_chain._REMEMBERED", 3)
    monkeypatch.setattr("agent.adapters.audit_rows.SEGMENT_ROWS", 4)
    monkeypatch.setattr(audit_writer, "STALL", 0.1)
    await log.append([draft_of(0)])
    await Inbox(tables[2]).put(group(4), after=1)
    assert len(await requests(log)) == 2
    for n in range(5, 20):
        await log.append([draft_of(n)])
    await Inbox(tables[2]).clear(["key4"])
    await Inbox(tables[2]).put(group(4), after=1)
    assert (await requests(log)).count("r1") == 4  # 4, 5, 6 and 7
    assert len(await requests(AuditTable(*tables))) == 17
    assert await log.append([draft_of(20)])
    assert len(await requests(AuditTable(*tables))) == 18


async def test_two_that_seal_at_once_write_everything_once(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_writer, "STALL", 0.0)
    for n in range(0, 160, 4):
        await Inbox(tables[2]).put(group(n), after=0)
    logs = [AuditTable(*tables) for _ in range(4)]
    read = await asyncio.gather(*(requests(log) for log in logs))
    assert sorted(read[0]) == sorted({f"r{n}" for n in range(40)})
    assert await requests(logs[0]) == read[0]


async def test_what_waits_is_sealed_in_the_order_in_which_it_came(tables: Tables) -> None:
    order = [7, 3, 9, 1, 8, 2]
    for n in order:
        await Inbox(tables[2]).put(group(4 * n), after=0)
        await asyncio.sleep(0.003)
    await AuditTable(*tables).append([draft_of(0)])
    assert await requests(AuditTable(*tables)) == [f"r{n}" for n in [*order, 0]]


@pytest.mark.parametrize(
    "change", [{"text00": "no list"}, {"text00": "[]"}, {"after": "x"}], ids=str
)
async def test_a_row_in_the_inbox_that_nobody_can_read_is_named_and_stops_no_other(
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, str],
) -> None:
    monkeypatch.setattr(audit_writer, "STALL", 0.1)
    await tables[2].insert(
        {"PartitionKey": "inbox", "RowKey": "bad", "after": "0", "text00": "[{}]"} | change
    )
    log, place = AuditTable(*tables), r"`AuditInbox\d+` row inbox/bad as written"
    await log.append([draft_of(0)])
    assert caplog.text.count("not sealed: row_unreadable") == 1
    await log.close()
    with pytest.raises(StoreUnusable, match=place):
        await AuditTable(*tables).of_request(RequestId("r0"))
    assert len(await tables[2].query("inbox")) == 1, "it was taken away"


async def test_what_was_taken_out_of_the_inbox_unsealed_is_named(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_writer, "STALL", 5.0)
    await Inbox(tables[2]).put(group(4), after=0)
    reading = asyncio.create_task(AuditTable(*tables).of_request(RequestId("r1")))
    await asyncio.sleep(0.06)
    await Inbox(tables[2]).clear(["key4"])
    with pytest.raises(StoreUnusable, match="audit_lost"):
        await reading


async def test_one_holds_the_lease_until_it_falls_silent_or_lets_go(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_inbox, "WATCH", 0.2)
    monkeypatch.setattr(audit_inbox, "BEAT", 0.0)
    first, second = Lease(tables[2]), Lease(tables[2])
    assert await first.take()
    assert not await second.take()
    assert await second.others()
    for _ in range(4):
        await asyncio.sleep(0.1)
        await first.beat()
        assert not await second.take()
    await asyncio.sleep(0.3)
    assert await second.take()
    await first.beat()
    assert not first.held
    await second.release()
    assert not await first.others()
    assert await first.take()
    await first.release(handing_over=True)
    assert await second.others()
    assert await second.take()


async def test_a_process_alone_leaves_nothing_in_the_inbox_and_takes_no_lease(
    over_line: Account, line: Line, tables: Tables
) -> None:
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await log.append([draft_of(0)])
    before = len(line.seen)
    for n in range(1, 30):
        await log.append([draft_of(n)])
    assert line.seen[before:].count("POST") == 29
    assert len(line.seen) - before <= 29 + 3
    assert await tables[2].query("inbox") == await tables[2].query("lease") == []


async def test_of_eight_that_write_at_once_every_one_is_served_and_in_order(
    tables: Tables,
) -> None:
    logs = [AuditTable(*tables) for _ in range(8)]
    counter = 0

    async def write(place: int) -> None:
        nonlocal counter
        for _ in range(25):
            counter += 1
            began, request = counter, f"{place}-{counter}"
            await logs[place].append([draft_of(0, request=request)])
            counter += 1
            spans[request] = (began, counter)

    spans: dict[str, tuple[int, int]] = {}
    await asyncio.wait_for(asyncio.gather(*(write(place) for place in range(8))), 60)
    written = await requests(logs[0])
    assert len(written) == len(set(written)) == 200
    for one, request in enumerate(written):
        later = written[one + 1 :]
        assert all(spans[other][1] > spans[request][0] for other in later)
    for log in logs:
        await log.close()


async def test_who_closes_while_it_seals_is_followed_at_once(tables: Tables) -> None:
    first, second = AuditTable(*tables), AuditTable(*tables)
    await asyncio.gather(*(log.append([draft_of(n)]) for log in (first, second) for n in range(9)))
    await asyncio.sleep(0.2)
    await asyncio.gather(
        *(log.append([draft_of(n)]) for log in (first, second) for n in range(9, 18))
    )
    await first.close()
    await asyncio.wait_for(second.append([draft_of(40)]), 1.0)
    assert len(await requests(second)) == 37
    await second.close()
