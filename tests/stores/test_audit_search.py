"""Questions to the trail: the index and what it does not hold yet give the same answers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters import audit_rows, audit_search
from agent.adapters.audit_index import AuditIndex
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account
from agent.errors import Permanent, StoreUnusable
from agent.trail import AuditQuery
from agent.values import RequestId
from tests.stores.pieces import NOW, FreshTable, Line, person
from tests.stores.trails import Tables, asked, draft_of, everything, expected, fill, trail_tables

pytestmark = pytest.mark.stack
QUESTIONS: list[dict[str, Any]] = [
    {},
    {"person": person(1)},
    {"person": person(103)},
    {"person": person(9), "phase": "outcome"},
    {"person": person(200).upper(), "action": "group.member.add"},
    {"request": "r11"},
    {"action": "group.member.remove"},
    {"action": "group.member.remove", "phase": "intent"},
    {"decision": "deny"},
    {"decision": "permit", "rule": "rule-3"},
    {"rule": "rule-0", "person": person(0)},
    {"phase": "decision"},
    {"frm": NOW + timedelta(minutes=20)},
    {"frm": NOW + timedelta(minutes=20), "to": NOW + timedelta(minutes=55), "phase": "request"},
    {"to": NOW + timedelta(minutes=33), "decision": "deny"},
    {"to": NOW},
    {"phase": "no such phase"},
    {"rule": "rule-3' or 1 eq 1"},
]


@pytest.fixture
async def tables(fresh_table: FreshTable, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 20)
    return await trail_tables(fresh_table)


@pytest.fixture
async def log(tables: Tables) -> AsyncIterator[AuditTable]:
    opened = AuditTable(*tables)
    yield opened
    await opened.close()


async def indexed(tables: Tables) -> list[str]:
    return [row["RowKey"] for row in await tables[1].query("000000.done")]


async def test_every_question_is_answered_from_the_index_as_from_the_whole_trail(
    log: AuditTable, tables: Tables
) -> None:
    await fill(log, 110)
    await log.close()  # waits for what is being indexed
    assert await indexed(tables) == [f"{n:09d}" for n in range(5)]
    for question in QUESTIONS:
        query = AuditQuery(**question)
        assert await asked(log, query) == await expected(log, query), question
        assert await asked(log, query, 200) == await expected(log, query), question


async def test_where_the_index_has_holes_no_answer_is_missing(
    log: AuditTable, tables: Tables
) -> None:
    await fill(log, 110)
    await log.close()
    for row in await tables[1].query("000000.done"):
        if row["RowKey"] in ("000000001", "000000004"):
            await tables[1].delete(row)  # as if the indexing process had died before its last row
    fresh = AuditTable(*tables)
    for question in QUESTIONS:
        query = AuditQuery(**question)
        assert await asked(fresh, query) == await expected(fresh, query), question
    assert len(await fresh.of_request(RequestId("r6"))) == 4
    await fresh.index_all()
    assert len(await indexed(tables)) == 5
    assert await asked(fresh, AuditQuery()) == await expected(fresh, AuditQuery())


async def test_an_index_that_died_half_way_is_finished_by_the_next(
    over_line: Account, line: Line, log: AuditTable, tables: Tables
) -> None:
    await fill(log, 45)
    await log.close()
    for row in await tables[1].query("000000.done"):
        await tables[1].delete(row)
    half = await tables[1].query("000000.03")
    for row in half[::2]:
        await tables[1].delete(row)
    await AuditTable(*tables).index_all()
    assert await tables[1].query("000000.03") == half
    assert len(await indexed(tables)) == 2


async def test_while_records_are_added_pages_go_on_where_they_were(log: AuditTable) -> None:
    await fill(log, 50)
    whole = await expected(log, AuditQuery(phase="intent"))
    first = await log.search(AuditQuery(phase="intent"), limit=5)
    await fill(log, 60, 50)
    second = await log.search(AuditQuery(phase="intent"), first.continuation, 100)
    assert [*first.lines, *second.lines] == whole
    assert second.continuation is None


async def test_a_page_that_read_enough_may_be_short_and_goes_on(
    log: AuditTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "_ENOUGH", 8)
    await fill(log, 110)
    await log.close()
    query = AuditQuery(decision="deny", rule="rule-0")
    assert await asked(log, query) == await expected(log, query)
    assert (await log.search(AuditQuery(phase="outcome", to=NOW + timedelta(1)))).rows < 8


async def test_a_continuation_belongs_to_its_question(log: AuditTable) -> None:
    await fill(log, 30)
    page = await log.search(AuditQuery(phase="intent"), limit=2)
    assert page.continuation is not None
    for token in (page.continuation[:-4], "no token", "bnVsbA==", "", "é"):
        with pytest.raises(Permanent, match="bad_continuation"):
            await log.search(AuditQuery(phase="intent"), token)
    with pytest.raises(Permanent, match="bad_continuation"):
        await log.search(AuditQuery(phase="outcome"), page.continuation)


async def test_an_index_row_that_is_not_what_we_wrote_is_named(
    log: AuditTable, tables: Tables
) -> None:
    await fill(log, 45)
    await log.close()
    for bucket in range(16):
        for row in await tables[1].query(f"000000.{bucket:02d}"):
            await tables[1].put(dict(row) | {"lines0": b"no lines"})
    with pytest.raises(StoreUnusable, match=r"expected `AuditIndex\d+` row 000000\.\d\d/person\."):
        await log.search(AuditQuery(person=person(1)))


async def test_records_that_say_little_or_strange_things_are_found_by_what_they_say(
    log: AuditTable,
) -> None:
    strange = draft_of(
        1,
        action={"name": 7, "arguments": [[person(5)], None]},
        target={"id": ["x"]},
        decision={"effect": {"a": 1}, "rules": ["only-me", 3, None], "layers": "none"},
        request=None,
    )
    await log.append([strange])
    (line,) = (await log.search(AuditQuery(rule="only-me", person=person(5)))).lines
    assert (line.action, line.target, line.decision, line.request) == (None, None, None, None)


async def test_a_store_in_trouble_while_indexing_loses_no_answer(
    over_line: Account, line: Line, tables: Tables
) -> None:
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await fill(log, 20)
    line.busy = 6
    await asyncio.sleep(0.1)
    line.busy = 0
    await fill(log, 60, 20)
    assert await asked(log, AuditQuery()) == await expected(log, AuditQuery())
    assert len(await everything(log)) == 80
    await log.close()


async def test_a_value_in_many_lines_is_spread_over_rows_and_eras(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.adapters.audit_index._LINES", 3)
    monkeypatch.setattr("agent.adapters.audit_index._ERA", 2)
    monkeypatch.setattr("agent.adapters.audit_index._PART", 300)
    monkeypatch.setattr("agent.adapters.audit_search._ROWS", 2)
    log = AuditTable(*tables)
    await fill(log, 130)
    await log.close()
    index = AuditIndex(tables[0], tables[1])
    assert sorted(await index.spans(0, 9)) == [0, 1, 2, 3, 4, 5]
    for question in QUESTIONS:
        query = AuditQuery(**question)
        assert await asked(log, query) == await expected(log, query), question
