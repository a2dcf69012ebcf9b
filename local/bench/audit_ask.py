"""How soon is an auditor answered, with 100,000 records in the trail?

The trail is made in one go: blocks of five records, as a busy process would write them, indexed but
for the last few hundred, which came one by one. Every question is asked by a process that has read
nothing yet, from sealing what waits to the first page of 50.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.adapters import audit_rows
from agent.adapters.audit_rows import Group
from agent.adapters.audit_table import AuditTable
from agent.adapters.columns import Row, at_most
from agent.adapters.tables import Account, create_tables, open_account
from agent.trail import AuditQuery
from local import azurite
from local.azurite import StorageAccount
from local.bench.measure import spread
from local.bench.report import Cell, Goal, Section
from local.processes import Processes

_TABLES = ("Audit", "AuditIndex", "AuditInbox")
_BLOCK, _SINGLE, _AT_ONCE = 5, 600, 32
_PERSONS, _GROUPS, _RULES = 1_000, 300, 40
_PHASES = ("request", "read", "decision", "intent", "outcome", "answer")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=78)  # 100,000 of them are a quarter
_GOAL_SECONDS = 1.0


def ask(*, quick: bool) -> Section:
    """Fill a trail and ask the seven questions."""
    many, rounds = (10_000, 3) if quick else (100_000, 7)
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        running = azurite.start(processes, Path(folder), ["contoso"])
        loaded, rows = asyncio.run(_asked(running.accounts["contoso"], many, rounds))
    worst = max(float(row[3]) for row in rows if row[3] is not None)
    return Section(
        name="audit.ask",
        about=f"questions to a trail of {many:,} records: the first page of 50, newest first",
        columns=("by", "lines", "p50 s", "p95 s", "rows read", "rows a line"),
        rows=tuple(rows),
        goals=(Goal(what="slowest p95", seen=worst, at_most=_GOAL_SECONDS, unit=" s"),),
        notes=(
            f"filling and indexing the trail took {loaded:.0f} s",
            "each question by a process that has read nothing before",
        ),
    )


async def _asked(
    storage: StorageAccount, many: int, rounds: int
) -> tuple[float, list[tuple[Cell, ...]]]:
    account = open_account(storage.tables, None, storage.key)
    await create_tables(account, _TABLES)
    began = time.monotonic()
    await _fill(account, many)
    loaded = time.monotonic() - began
    rows: list[tuple[Cell, ...]] = []
    warm = AuditTable(*(account.rows(table) for table in _TABLES))
    await warm.search(AuditQuery(request="none"))  # imports, connections
    await warm.close()
    for name, query in _questions(many):
        times: list[float] = []
        for _ in range(rounds):
            log = AuditTable(*(account.rows(table) for table in _TABLES))
            at = time.monotonic()
            page = await log.search(query)
            times.append(time.monotonic() - at)
            await log.close()
        said = spread(times)
        lines = len(page.lines)
        rows.append((name, lines, said.p50, said.p95, page.rows, page.rows / max(1, lines)))
    await account.close()
    return loaded, rows


def _questions(many: int) -> Iterator[tuple[str, AuditQuery]]:
    middle = _BEGIN + many * _STEP / 2
    yield "person", AuditQuery(person=_person(70))
    yield "request", AuditQuery(request=f"r{many // 12}")
    yield "action", AuditQuery(action="group.member.remove")
    yield "decision", AuditQuery(decision="deny")
    yield "rule", AuditQuery(rule="rule-11")
    yield "time range", AuditQuery(frm=middle, to=middle + timedelta(hours=6))
    yield "phase", AuditQuery(phase="escalate")
    yield "person, in a month", AuditQuery(person=_person(90), to=middle, phase="outcome")
    yield "two that many share", AuditQuery(action="group.member.add", decision="deny")


async def _fill(account: Account, many: int) -> None:
    rows = account.rows("Audit")
    pending: list[Row] = []
    tail, chance = audit_rows.START, random.Random(1)
    while tail.seq < many:
        size = 1 if tail.seq >= many - _SINGLE else _BLOCK
        bodies = tuple(_body(tail.seq + n, chance) for n in range(size))
        row, links = audit_rows.block_of(tail, [Group(f"g{tail.seq}", bodies)])
        pending.append(row)
        tail = audit_rows.Tail(links[-1][1].seq, links[-1][1].hash)
        if len(pending) == _AT_ONCE:
            await at_most(rows.insert(row) for row in pending)
            pending = []
    await at_most(rows.insert(row) for row in pending)
    log = AuditTable(*(account.rows(table) for table in _TABLES))
    await log.index_all()
    await log.close()


def _person(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


def _body(n: int, chance: random.Random) -> dict[str, Any]:
    request, phase = n // len(_PHASES), _PHASES[n % len(_PHASES)]
    who = request * 7_919 % _PERSONS
    body: dict[str, Any] = {
        "v": 1,
        "phase": "escalate" if phase == "answer" and request % 50 == 0 else phase,
        "at": (_BEGIN + n * _STEP).isoformat(),
        "request": f"r{request}",
        "actor": _person(who),
        "digest": f"{chance.getrandbits(256):064x}",
    }
    if phase in ("decision", "intent", "outcome"):
        group = _person(1_000_000 + request % _GROUPS)
        verb = "remove" if request % 20 == 0 else "add"
        body |= {
            "action": {
                "name": f"group.member.{verb}",
                "arguments": {"group": group, "user": _person(who)},
            },
            "target": {"type": "group", "id": group},
            "acted_as": {"mode": "sponsor", "person": _person(1 + request % 3)},
            "decision": _decision(request),
        }
    return body


def _decision(request: int) -> dict[str, Any]:
    layers = ("global", "tenant", "target", "department", "action", "runtime")
    return {
        "effect": "deny" if request % 25 == 0 else "permit",
        "layers": [
            {"layer": layer, "permitted_by": [f"rule-{(request + n) % _RULES}"]}
            for n, layer in enumerate(layers)
        ],
        "snapshot": {"id": "s1", "seq": 1},
    }
