"""Trails for the tests of reading: drafts with everything a question may name."""

from datetime import datetime, timedelta
from typing import Any

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Rows
from agent.records import AuditRecord, Draft
from agent.trail import AuditLine, AuditQuery, answers, line_of
from tests.stores.pieces import NOW, FreshTable, person

Tables = tuple[Rows, Rows, Rows]
PHASES = ("request", "decision", "intent", "outcome")


async def trail_tables(fresh: FreshTable) -> Tables:
    return await fresh("Audit"), await fresh("AuditIndex"), await fresh("AuditInbox")


def draft_of(n: int, at: datetime = NOW, **changes: Any) -> Draft:
    """The n-th of many: four phases a request, three persons, two actions, some denied."""
    request = n // 4
    decided = {
        "effect": "deny" if request % 5 == 0 else "permit",
        "layers": [{"layer": "global", "permitted_by": [f"rule-{request % 7}"], "denied_by": []}],
    }
    said: dict[str, Any] = {
        "phase": PHASES[n % 4],
        "at": at + timedelta(minutes=n),
        "request": f"r{request}",
        "actor": person(request % 3),
        "acted_as": {"mode": "sponsor", "person": person(9)} if n % 4 > 1 else None,
        "action": {
            "name": f"group.member.{'add' if request % 2 else 'remove'}",
            "arguments": {"user": person(100 + request % 10), "group": person(200)},
        },
        "target": {"type": "group", "id": person(200)},
        "decision": decided if n % 4 == 1 else None,
        "outcome": "done" if n % 4 == 3 else None,
    }
    return Draft.model_validate(said | changes)


async def fill(log: AuditTable, many: int, first: int = 0) -> None:
    for at in range(first, first + many, 7):
        await log.append([draft_of(n) for n in range(at, min(at + 7, first + many))])


async def everything(log: AuditTable) -> list[AuditRecord]:
    return await log.read(1, 1_000_000)


async def asked(log: AuditTable, query: AuditQuery, limit: int = 7) -> list[AuditLine]:
    """All pages of an answer."""
    lines: list[AuditLine] = []
    continuation = None
    while True:
        page = await log.search(query, continuation, limit)
        assert len(page.lines) <= limit
        lines += page.lines
        continuation = page.continuation
        if continuation is None:
            return lines


async def expected(log: AuditTable, query: AuditQuery) -> list[AuditLine]:
    """The same from the whole trail."""
    lines = [line_of(record) for record in await everything(log)]
    return [line for line in reversed(lines) if answers(query, line)]
