"""How many records a second does one tenant's audit trail take, from how many processes?

Each line is measured on a fresh Azurite (an aged one is slower), read back and verified: as many
records as were accepted, gapless, one chain. The yardstick is bare unordered inserts of the same
size by as many processes; it is measured before and after.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import create_tables, open_account
from agent.audit.chain import verify_chain
from local import azurite
from local.azurite import StorageAccount
from local.bench.audit_worker import KEY
from local.bench.client import BenchError
from local.bench.measure import Spread, drift, spread
from local.bench.report import Goal, Section
from local.processes import Processes
from local.up import ROOT

_SHAPES = ((1, 1), (8, 1), (8, 4))


class _Seen(NamedTuple):
    per_second: float
    ms: Spread
    p99: float
    conflicts: float


def append(*, quick: bool) -> Section:
    """Measure one process, eight, and eight with four open requests each."""
    seconds = 3.0 if quick else 8.0
    before = {many: _measured(many, 1, seconds, bare=True) for many in (1, 8)}
    seen = {shape: _measured(*shape, seconds) for shape in _SHAPES}
    after = _measured(8, 1, seconds, bare=True)
    rows = tuple(
        (
            f"{many} x {at_once}",
            one.ms.n,
            one.per_second,
            one.ms.p50,
            one.ms.p95,
            one.p99,
            one.conflicts,
            one.per_second / before[many].per_second,
        )
        for (many, at_once), one in seen.items()
    )
    bare = tuple(
        (f"bare, {many} x 1", one.ms.n, one.per_second, one.ms.p50, one.ms.p95, one.p99, 0.0, 1.0)
        for many, one in before.items()
    )
    return Section(
        name="audit.append",
        about="records of 1 KB into one tenant's chain, by processes x open requests",
        columns=("writers", "records", "a second", "p50 ms", "p95", "p99", "conflicts", "of bare"),
        rows=bare + rows,
        goals=(
            Goal(what="records a second, 8 x 1", seen=seen[8, 1].per_second, at_least=150.0),
            Goal(what="records a second, 8 x 4", seen=seen[8, 4].per_second, at_least=300.0),
        ),
        notes=(
            "conflicts: lost places in the chain for each record",
            "every chain was read back: gapless, one chain, as many records as were accepted",
            "after the first two seconds, in which the processes find out who writes for whom",
        ),
        drift=drift(before[8].per_second, after.per_second),
    )


def _measured(many: int, at_once: int, seconds: float, *, bare: bool = False) -> _Seen:
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        running = azurite.start(processes, Path(folder), ["contoso"])
        account = running.accounts["contoso"]
        asyncio.run(_prepare(account))
        said = _written(account, many, at_once, seconds, bare)
        written = sum(one["written"] for one in said)
        if not bare:
            asyncio.run(_verify(account, written))
    times = sorted(ms for one in said for ms in one["ms"])
    conflicts = sum(one["conflicts"] for one in said) / max(1, written)
    p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
    return _Seen(len(times) / seconds, spread(times), p99, conflicts)


def _written(
    account: StorageAccount, many: int, at_once: int, seconds: float, bare: bool
) -> list[dict[str, Any]]:
    """Run the writing processes side by side and return what each saw."""
    command = [sys.executable, "-m", "local.bench.audit_worker", account.tables]
    workers = [
        subprocess.Popen(
            [*command, f"w{n}", str(at_once), str(seconds), *(["bare"] if bare else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, KEY: account.key},
            text=True,
        )
        for n in range(many)
    ]
    try:
        for worker in workers:
            if worker.stdout is None or worker.stdout.readline() != "ready\n":
                raise BenchError("expected a writing process to be ready, it was not")
        for worker in workers:
            if worker.stdin is not None:
                worker.stdin.write("go\n")
                worker.stdin.flush()
        return [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


async def _prepare(account: StorageAccount) -> None:
    opened = open_account(account.tables, None, account.key)
    await create_tables(opened, ("Audit", "AuditIndex", "AuditInbox", "Bare"))
    await opened.close()


async def _verify(account: StorageAccount, written: int) -> None:
    opened = open_account(account.tables, None, account.key)
    log = AuditTable(*(opened.rows(name) for name in ("Audit", "AuditIndex", "AuditInbox")))
    records = await log.read(1, 10_000_000)
    await log.close()
    await opened.close()
    flaws = verify_chain(records)
    if flaws or len(records) != written:
        raise BenchError(f"expected a chain of {written}, saw {len(records)} and {flaws[:1]}")
