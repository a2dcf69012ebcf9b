"""Eight processes and one trail: gapless, no fork, nothing lost, nothing twice, in order.

`WARRANT_AUDIT_RECORDS` is how many records each of the eight writes (2,000 in a full run).
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Rows
from agent.audit.chain import verify_chain
from local.azurite import StorageAccount
from tests.stores.pieces import FreshTable, Line, Trouble

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1_800)]
MANY = int(os.environ.get("WARRANT_AUDIT_RECORDS", "100"))
ROOT = Path(__file__).resolve().parents[2]
Tables = tuple[Rows, Rows, Rows]


@pytest.fixture
async def tables(fresh_table: FreshTable) -> Tables:
    return (
        await fresh_table("Audit"),
        await fresh_table("AuditIndex"),
        await fresh_table("AuditInbox"),
    )


@dataclass
class Writer:
    """A writing process, and the file it says everything to."""

    name: str
    process: "subprocess.Popen[str]"
    told: Path

    def said(self) -> list[dict[str, Any]]:
        lines = self.told.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


@dataclass
class Crew:
    """Starts writing processes and sees to their end."""

    folder: Path
    key: str
    tables: str
    writers: list[Writer]

    def start(self, endpoint: str, many: int, at_once: int = 2) -> Writer:
        name = f"w{len(self.writers)}"
        told = self.folder / name
        command = [sys.executable, "-m", "tests.stores.audit_process", endpoint, self.tables]
        with told.open("w") as out, (self.folder / f"{name}.err").open("w") as err:
            process = subprocess.Popen(
                [*command, name, str(many), str(at_once)],
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env={**os.environ, "STORAGE_KEY": self.key},
                text=True,
            )
        self.writers.append(Writer(name, process, told))
        return self.writers[-1]

    async def ended(self, writers: Sequence[Writer]) -> None:
        for writer in writers:
            code = await asyncio.to_thread(writer.process.wait)
            assert code == 0, (self.folder / f"{writer.name}.err").read_text()


@pytest.fixture
def crew(tmp_path: Path, storage: StorageAccount, tables: Tables) -> Iterator[Crew]:
    crew = Crew(tmp_path, storage.key, ",".join(rows.table for rows in tables), [])
    yield crew
    for writer in crew.writers:
        writer.process.kill()
        writer.process.wait()


async def rows_of(audit: Rows) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    segment = 0
    while rows := await audit.query(f"{segment:09d}"):
        found += rows
        segment += 1
    return found


async def holds(crew: Crew, tables: Tables) -> int:
    """Hold everything that must hold of the trail; return how many appends were refused."""
    log = AuditTable(*tables)
    records = await log.read(1, 1_000_000)
    assert verify_chain(records) == []
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    places = {(r.body["request"], r.body["detail"]["n"]): place for place, r in enumerate(records)}
    assert len(places) == len(records), "something was written twice"
    said = [(writer.name, line) for writer in crew.writers for line in writer.said()]
    accepted = {(name, line["n"]): line for name, line in said if "ended" in line}
    assert accepted.keys() <= places.keys(), "something was lost"
    order = sorted(accepted, key=lambda one: -places[one])
    first_end = float("inf")
    for one in order:
        assert accepted[one]["began"] <= first_end, "something came before what it came after"
        first_end = min(first_end, accepted[one]["ended"])
    sealed = {key for row in await rows_of(tables[0]) for key, _ in json.loads(row["groups"])}
    left = {row["RowKey"] for row in await tables[2].query("inbox")}
    assert left <= sealed, "something was durable and is not in the trail"
    await log.close()
    return Counter("refused" in line for _, line in said)[True]


async def test_eight_processes_write_one_trail(
    crew: Crew, tables: Tables, storage: StorageAccount
) -> None:
    await crew.ended([crew.start(storage.tables, MANY) for _ in range(8)])
    assert await holds(crew, tables) == 0
    assert sum("ended" in line for writer in crew.writers for line in writer.said()) == 8 * MANY


async def test_eight_processes_write_one_trail_to_a_store_in_trouble(
    crew: Crew, tables: Tables, line: Line
) -> None:
    line.trouble = Trouble(random.Random(4), refuse=0.03, deny=0.02, lose=0.03)
    await crew.ended([crew.start(line.url, MANY) for _ in range(8)])
    line.trouble = None
    refused = await holds(crew, tables)
    assert line.troubled > MANY / 2, "there was no trouble"
    assert refused <= 8 * MANY * 0.02


async def test_whoever_seals_may_be_killed_at_any_moment(
    crew: Crew, tables: Tables, storage: StorageAccount
) -> None:
    at, kills = random.Random(9), 0
    running = [crew.start(storage.tables, 1_000_000) for _ in range(4)]
    while kills < max(3, MANY // 40):
        await asyncio.sleep(at.uniform(0.5, 1.5))
        lease = await tables[2].get("lease", "lease") or {}
        for writer in running:
            head = writer.said()[:1]
            if head and head[0]["owner"] == lease.get("owner"):
                writer.process.kill()
                kills += 1
                running.remove(writer)
                running.append(crew.start(storage.tables, 1_000_000))
                break
    for writer in running:
        writer.process.kill()
        writer.process.wait()
    assert await holds_after_kills(crew, tables) > 50


async def holds_after_kills(crew: Crew, tables: Tables) -> int:
    """What was left by the dead is sealed by whoever reads; return how many were accepted."""
    assert await holds(crew, tables) == 0
    return sum("ended" in line for writer in crew.writers for line in writer.said())
