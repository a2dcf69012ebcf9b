"""However many run at once, wherever they run: together they never exceed a budget of the hour."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.budget_table import BudgetTable
from agent.adapters.tables import Account, Rows, open_account
from agent.allowance import Allowance
from agent.budget import Hour, spent
from agent.errors import Fault, StoreUnusable
from agent.values import RequestId
from local.azurite import StorageAccount
from tests.stores.pieces import NOW, FreshTable, HandClock, Line
from tests.stores.racer import BUDGET, execution
from tests.unit.values import FREYA, OLGA, reserved, touching

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
ASKED = RequestId("0123456789abcdef" * 2)
EMPTY = Hour(requester=(), tenant=())


@pytest.fixture
async def rows(fresh_table: FreshTable) -> Rows:
    return await fresh_table("Budget")


@pytest.fixture
def budget(rows: Rows, clock: HandClock) -> BudgetTable:
    return BudgetTable(rows, clock)


def placed(request: str, minutes_ago: float = 0, attempt: int = 1, **touch: Any) -> Any:
    at = NOW - timedelta(minutes=minutes_ago)
    return reserved(request, attempt=attempt, **touch).model_copy(update={"at": at})


def changes(hour: Hour) -> int | None:
    return spent(hour, RequestId("nobody"), []).changes


@pytest.mark.parametrize("fact", ["changes", "licences"])
async def test_of_twenty_at_once_never_more_than_five_are_permitted(
    storage: StorageAccount, fresh_table: FreshTable, clock: HandClock, fact: str
) -> None:
    """Four instances, each with connections of its own, round after round with other timing."""
    instances = [open_account(storage.tables, None, storage.key) for _ in range(4)]
    try:
        for jitter in (0.0, 0.002, 0.01, 0.03):
            table = (await fresh_table("Budget")).table
            stores = [BudgetTable(account.rows(table), clock) for account in instances]

            async def late(n: int, pause: float, stores: list[BudgetTable] = stores) -> Any:
                await asyncio.sleep(pause * (n % 7))
                return await execution(stores[n % 4], clock, fact)

            said = await asyncio.gather(*(late(n, jitter) for n in range(20)))
            let_through = [one for one in said if one is not None]
            assert len(let_through) <= BUDGET
            hour = await stores[0].last_hour(FREYA)
            assert {r.request for r in hour.requester or ()} == set(let_through)
    finally:
        for account in instances:
            await account.close()


async def test_four_processes_of_five_each_never_exceed_it_together(
    storage: StorageAccount, rows: Rows
) -> None:
    command = (sys.executable, "-m", "tests.stores.racer", storage.tables, storage.key, rows.table)
    racers = [
        await asyncio.create_subprocess_exec(*command, "5", cwd=ROOT, stdin=PIPE, stdout=PIPE)
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sum(len(json.loads(answer)) for answer, _ in said) <= BUDGET


async def test_one_after_the_other_the_whole_budget_can_be_used(
    budget: BudgetTable, clock: HandClock
) -> None:
    said = []
    for _ in range(8):
        said.append(await execution(budget, clock) is not None)
        clock.advance(timedelta(seconds=1))
    assert said == [True] * BUDGET + [False] * 3
    clock.advance(timedelta(hours=1))
    assert await execution(budget, clock) is not None, "the hour is over"


async def test_a_refused_one_leaves_no_place_taken(budget: BudgetTable, clock: HandClock) -> None:
    """Those refused at once with others may be let through when they come again."""
    said = await asyncio.gather(*(execution(budget, clock) for _ in range(20)))
    first = sum(one is not None for one in said)
    again = [await execution(budget, clock) for _ in range(20)]
    assert first + sum(one is not None for one in again) == BUDGET


async def test_a_crash_leaves_a_place_that_ends_by_itself(
    budget: BudgetTable, clock: HandClock
) -> None:
    await budget.reserve(placed("crashed"))
    clock.advance(timedelta(minutes=59, seconds=59))
    assert changes(await budget.last_hour(FREYA)) == 1
    clock.advance(timedelta(seconds=2))
    assert changes(await budget.last_hour(FREYA)) == 0


async def test_a_step_tried_again_is_one_change_and_gives_back_only_its_own_place(
    budget: BudgetTable,
) -> None:
    crashed, again = placed("r1", 1), placed("r1", attempt=2)
    await budget.reserve(crashed)
    await budget.reserve(again)
    await budget.reserve(again)
    assert changes(await budget.last_hour(FREYA)) == 1
    await budget.release(again)
    assert changes(await budget.last_hour(FREYA)) == 1, "the first may have sent its change"
    await budget.release(crashed)
    await budget.release(crashed)
    assert await budget.last_hour(FREYA) == EMPTY


async def test_changes_count_for_the_person_and_licences_for_everybody(
    budget: BudgetTable,
) -> None:
    theirs = placed("r1", licences=2).model_copy(update={"requester": OLGA})
    ordinary = placed("r2").model_copy(update={"requester": OLGA})
    for one in (theirs, ordinary, placed("r3", privileged=True)):
        await budget.reserve(one)
    seen = spent(await budget.last_hour(FREYA), ASKED, [])
    assert (seen.changes, seen.licences, seen.privileged) == (1, 2, 1)
    assert changes(await budget.last_hour(OLGA)) == 2


async def test_what_nobody_could_say_comes_back_as_unknown(budget: BudgetTable) -> None:
    doubtful = placed("r1", licences=None, privileged=None)
    await budget.reserve(doubtful)
    assert await budget.last_hour(FREYA) == Hour(requester=(doubtful,), tenant=(doubtful,))
    seen = spent(await budget.last_hour(FREYA), ASKED, [])
    assert (seen.changes, seen.licences, seen.privileged) == (1, None, None)


async def test_what_is_found_to_be_touched_takes_the_place_of_what_was_planned(
    budget: BudgetTable,
) -> None:
    planned, found = touching(), touching(privileged=True)
    allowance = Allowance(budget, placed(ASKED))
    hour = await allowance.counted(found)
    assert [r.touch for r in hour.tenant or ()] == [found]
    assert [r.touch for r in hour.requester or ()] == [found]
    assert (await budget.last_hour(OLGA)).tenant == hour.tenant, "others see it too"
    assert await Allowance(budget, placed("r2")).counted(planned) is not None
    await allowance.release()
    assert (await budget.last_hour(OLGA)).tenant == ()


async def test_reading_the_hour_is_two_calls_however_long_the_history(
    over_line: Account, line: Line, rows: Rows, clock: HandClock
) -> None:
    for block in range(12):
        await rows.transaction(
            [
                {
                    "PartitionKey": f"requester|{FREYA}",
                    "RowKey": f"2026-03-01T00:{block:02d}:00.{n:06d}+00:00|r|s1|0001",
                    "requester": FREYA,
                    "subject": FREYA,
                    "licences": 0,
                    "privileged": False,
                }
                for n in range(100)
            ]
        )
    budget = BudgetTable(over_line.rows(rows.table), clock)
    await budget.reserve(placed("r1"))
    assert line.seen == ["PUT"], "an ordinary change is one row"
    line.seen.clear()
    assert changes(await budget.last_hour(FREYA)) == 1
    assert line.seen == ["GET", "GET"]


@pytest.mark.parametrize(
    "damage",
    [{"subject": 7}, {"licences": "0"}, {"privileged": "no"}, {"RowKey": "2026-03-02T08:59|x"}],
)
async def test_a_damaged_row_makes_its_side_unknown_and_not_lower(
    budget: BudgetTable, rows: Rows, damage: dict[str, Any]
) -> None:
    await budget.reserve(placed("r1", licences=1))
    (row,) = await rows.query("tenant")
    await rows.put(dict(row) | damage)
    hour = await budget.last_hour(FREYA)
    assert hour.tenant is None
    assert changes(hour) == 1


async def test_a_counter_that_cannot_be_read_is_unknown_and_one_that_cannot_be_written_stops(
    account: Account, clock: HandClock
) -> None:
    gone = BudgetTable(account.rows("NoSuchTable"), clock)
    assert await gone.last_hour(FREYA) == Hour(requester=None, tenant=None)
    allowance = Allowance(gone, placed(ASKED))
    with pytest.raises(StoreUnusable):
        await allowance.counted(touching())
    await allowance.release()  # says so in the log, and is not in the way


async def test_a_busy_store_is_asked_again_and_then_it_stops(
    over_line: Account, line: Line, rows: Rows, clock: HandClock
) -> None:
    budget = BudgetTable(over_line.rows(rows.table), clock)
    line.busy = 1
    assert changes(await Allowance(budget, placed(ASKED)).counted(touching())) == 1
    line.busy = 1_000
    with pytest.raises(Fault):
        await Allowance(budget, placed("r2")).counted(touching())
    line.busy = 0
