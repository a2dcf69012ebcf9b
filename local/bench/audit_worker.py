"""One writing process of the bench: says `ready`, waits for a line, writes for a while, reports.

    python -m local.bench.audit_worker ENDPOINT NAME OPEN SECONDS [bare]

`bare` writes unordered rows without a chain: the yardstick. The key is in the environment.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account, open_account
from agent.records import Draft
from agent.values import PersonId, RequestId

KEY = "WARRANT_BENCH_STORAGE_KEY"
WARM_SECONDS = 2.0  # imports, and who writes for whom; not measured
_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_TEXT = "x" * 800  # about 1 KB a record
_PER_REQUEST = 6

Write = Callable[[int], Awaitable[object]]


def _draft(name: str, n: int) -> Draft:
    return Draft(
        phase="read",
        at=_AT,
        request=RequestId(f"{name}-{n // _PER_REQUEST}"),
        actor=PersonId("00000000-0000-4000-8000-000000000001"),
        detail={"n": n, "text": _TEXT},
    )


def _bare(account: Account, name: str) -> Write:
    rows = account.rows("Bare")

    async def write(n: int) -> object:
        row = {"PartitionKey": f"{name}-{n // 1_000}", "RowKey": f"{n:09d}", "text": _TEXT}
        return await rows.insert(row | {"more": "y" * 200})

    return write


async def main(endpoint: str, name: str, at_once: int, seconds: float, bare: bool) -> None:
    """Write with `at_once` open requests, and print what was seen as JSON."""
    account = open_account(endpoint, None, os.environ[KEY])
    log = AuditTable(*(account.rows(table) for table in ("Audit", "AuditIndex", "AuditInbox")))
    write = _bare(account, name) if bare else None
    numbers, times = itertools.count(), list[float]()
    await account.rows("Bare").insert({"PartitionKey": "warm", "RowKey": name})
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    begin = time.monotonic() + WARM_SECONDS

    async def one() -> None:
        while (at := time.monotonic()) < begin + seconds:
            n = next(numbers)
            await (write(n) if write else log.append([_draft(name, n)]))
            if at >= begin:
                times.append((time.monotonic() - at) * 1_000)

    await asyncio.gather(*(one() for _ in range(at_once)))
    conflicts = log.conflicts
    await log.close()
    await account.close()
    print(json.dumps({"ms": times, "written": next(numbers), "conflicts": conflicts}))


if __name__ == "__main__":
    where, who, at_once, seconds, *kind = sys.argv[1:]
    asyncio.run(main(where, who, int(at_once), float(seconds), kind == ["bare"]))
