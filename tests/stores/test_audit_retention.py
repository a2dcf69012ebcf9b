"""The end of old records: a signed tombstone for a whole segment, unless a hold stands."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters import audit_rows
from agent.adapters.audit_holds import AuditHolds, Hold
from agent.adapters.audit_retention import AuditRetention
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Rows
from agent.audit.chain import verify_chain
from agent.errors import Permanent, StoreUnusable
from agent.trail import AuditQuery, Tombstone
from agent.values import RequestId
from tests.stores.pieces import NOW, FreshTable, person
from tests.stores.trails import Tables, asked, everything, expected, fill, trail_tables

pytestmark = pytest.mark.stack
TENANT = "11111111-1111-4111-8111-111111111111"
OLD = NOW + timedelta(minutes=45)


async def sign(message: bytes) -> tuple[str, bytes]:
    return "kid1", hashlib.sha256(b"key" + message).digest()


def root(hashes: Sequence[str]) -> str:
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


@pytest.fixture
async def tables(fresh_table: FreshTable, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 20)
    tables = await trail_tables(fresh_table)
    log = AuditTable(*tables)
    await fill(log, 90)
    await log.close()
    return tables


@pytest.fixture
async def holds(fresh_table: FreshTable) -> AuditHolds:
    return AuditHolds(await fresh_table("AuditHolds"))


@pytest.fixture
def job(tables: Tables, holds: AuditHolds) -> AuditRetention:
    return AuditRetention(TENANT, tables[0], tables[1], holds, sign=sign, root=root)


def hold(name: str, **held: Any) -> Hold:
    return Hold(id=name, held=AuditQuery(**held), by=person(1), at=NOW, why="a lawsuit")


async def test_segments_that_are_old_give_way_to_signed_tombstones(
    job: AuditRetention, tables: Tables
) -> None:
    before = await everything(AuditTable(*tables))
    done = await job.remove(OLD, NOW + timedelta(days=1))
    assert (len(done.removed), done.held) == (2, ())
    log = AuditTable(*tables)
    stones = await log.removed()
    assert list(done.removed) == stones
    last = stones[-1].last
    assert [(stones[0].first, stones[1].first)] == [(1, stones[0].last + 1)]
    assert stones[0].hash == stones[1].prev == before[stones[0].last - 1].hash
    assert stones[1].root == root([r.hash for r in before[stones[1].first - 1 : last]])
    after = await everything(log)
    assert after == before[last:]
    assert verify_chain(after, last + 1, stones[-1].hash) == []
    for stone in stones:
        bare = stone.model_copy(update={"kid": "", "signature": ""})
        assert bare.message == stone.message
        assert stone.kid == "kid1"
        assert stone.signature
        assert stone.tenant == TENANT


async def test_nothing_of_what_was_removed_is_left_in_the_index(
    job: AuditRetention, tables: Tables
) -> None:
    await job.remove(OLD, NOW)
    log = AuditTable(*tables)
    assert await log.of_request(RequestId("r1")) == []
    for query in (AuditQuery(), AuditQuery(person=person(1)), AuditQuery(rule="rule-1")):
        assert await asked(log, query) == await expected(log, query)
    segments = {
        row["RowKey"].split(".")[2]
        for bucket in range(16)
        for row in await tables[1].query(f"000000.{bucket:02d}")
    }
    assert segments == {"997", "996"}  # places of segments 2 and 3, newest first


async def test_the_chain_goes_on_from_a_tombstone(job: AuditRetention, tables: Tables) -> None:
    count = len(await everything(AuditTable(*tables)))
    done = await job.remove(NOW + timedelta(days=9), NOW)
    assert len(done.removed) == 4
    (added,) = await AuditTable(*tables).append([]) or (None,)
    assert added is None
    log = AuditTable(*tables)
    await fill(log, 30, 90)
    records = await everything(log)
    stones = await log.removed()
    assert records[-1].seq == count + 30
    assert verify_chain(records, stones[-1].last + 1, stones[-1].hash) == []
    await log.close()


async def test_a_second_run_changes_nothing(job: AuditRetention, tables: Tables) -> None:
    await job.remove(OLD, NOW)
    stones = await AuditTable(*tables).removed()
    again = await job.remove(OLD, NOW + timedelta(days=1))
    assert again.removed == ()
    assert await AuditTable(*tables).removed() == stones


@pytest.mark.parametrize(
    "held",
    [
        {"person": person(105)},
        {"request": "r5"},
        {"frm": NOW + timedelta(minutes=21), "to": NOW + timedelta(minutes=23)},
        {"request": "r6", "phase": "intent"},
    ],
    ids=str,
)
async def test_a_legal_hold_wins(
    job: AuditRetention, tables: Tables, holds: AuditHolds, held: dict[str, Any]
) -> None:
    log = AuditTable(*tables)
    kept = await expected(log, AuditQuery(**held))
    await holds.place(hold("h1", **held))
    done = await job.remove(OLD, NOW)
    assert done.held
    assert await expected(AuditTable(*tables), AuditQuery(**held)) == kept
    assert {stone.first for stone in done.removed}.isdisjoint({line.seq for line in kept})
    await holds.lift("h1", person(2), NOW, "it was settled")
    assert await holds.standing() == []
    assert len((await job.remove(OLD, NOW)).removed) == len(done.held)


async def test_a_hold_on_everything_keeps_everything(
    job: AuditRetention, holds: AuditHolds
) -> None:
    await holds.place(hold("h1"))
    with pytest.raises(Permanent, match="hold_exists"):
        await holds.place(hold("h1", request="r1"))
    with pytest.raises(Permanent, match="no_such_hold"):
        await holds.lift("h2", person(2), NOW, "")
    done = await job.remove(NOW + timedelta(days=9), NOW)
    assert (done.removed, len(done.held)) == ((), 4)


async def test_a_hold_that_cannot_be_read_keeps_everything(
    job: AuditRetention, tables: Tables, fresh_table: FreshTable, holds: AuditHolds
) -> None:
    rows: Rows = holds._rows  # type: ignore[assignment]
    await rows.insert({"PartitionKey": "hold", "RowKey": "h", "hold": '{"id": "h"}'})
    with pytest.raises(StoreUnusable, match="row_unreadable"):
        await job.remove(OLD, NOW)
    assert await AuditTable(*tables).removed() == []


async def test_evidence_of_tampering_is_not_removed(job: AuditRetention, tables: Tables) -> None:
    row = (await tables[0].query("000000001"))[1]
    text = row["text00"].replace("group.member.add", "group.member.not")
    await tables[0].put(dict(row) | {"text00": text})
    with pytest.raises(StoreUnusable, match="expected segment 1 to hold together"):
        await job.remove(OLD, NOW)
    assert len(await AuditTable(*tables).removed()) == 1
    assert await tables[0].query("000000001")


async def test_a_job_that_died_half_way_is_finished_and_a_hold_still_wins(
    job: AuditRetention, tables: Tables, holds: AuditHolds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("agent.adapters.audit_retention.remove_all", die)
        with pytest.raises(ConnectionError):
            await job.remove(OLD, NOW)
    assert len(await AuditTable(*tables).removed()) == 1
    await holds.place(hold("h1", request="r1"))
    assert 0 in (await job.remove(OLD, NOW)).held
    assert len(await AuditTable(*tables).of_request(RequestId("r1"))) == 4
    await holds.lift("h1", person(2), NOW, "")
    assert (await job.remove(OLD, NOW)).removed == ()
    assert await AuditTable(*tables).of_request(RequestId("r1")) == []


def test_a_tombstone_is_signed_over_everything_it_says() -> None:
    stone = Tombstone(
        tenant=TENANT, first=1, last=2, prev="0", hash="1", root="2", older_than=NOW, at=NOW
    )
    other: dict[str, Any] = {"tenant": "x", "first": 2, "last": 3, "prev": "9", "hash": "9"}
    other |= {"root": "9", "older_than": OLD, "at": OLD}
    assert other.keys() == Tombstone.model_fields.keys() - {"kid", "signature"}
    for name, value in other.items():
        assert stone.model_copy(update={name: value}).message != stone.message
