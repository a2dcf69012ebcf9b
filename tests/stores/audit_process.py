"""One process that writes to a trail, as one instance of the app would; run by the tests.

It says of every append when it began and ended (the machine's monotonic clock, the same for all
processes) and whether it was accepted, a line each, so that a kill loses nothing that was said.
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import open_account
from agent.errors import StoreUnusable
from agent.records import Draft
from agent.values import RequestId

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def said(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def write(log: AuditTable, name: str, numbers: "count[int]", many: int) -> None:
    while (n := next(numbers)) < many:
        began = time.monotonic()
        try:
            await log.append([Draft(phase="read", at=AT, request=RequestId(name), detail={"n": n})])
        except StoreUnusable as fault:
            said(n=n, began=began, refused=fault.code)
        else:
            said(n=n, began=began, ended=time.monotonic())


async def main(endpoint: str, tables: str, name: str, many: int, at_once: int) -> None:
    account = open_account(endpoint, None, os.environ["STORAGE_KEY"])
    log = AuditTable(*(account.rows(table) for table in tables.split(",")))
    said(owner=log._writer._lease._me)
    numbers = count()
    await asyncio.gather(*(write(log, name, numbers, many) for _ in range(at_once)))
    await log.close()
    await account.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])))
