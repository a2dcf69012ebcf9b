"""Nothing in the product changes or removes what is in the trail, save the retention job.

Held twice: by reading the product's source for every call that could, and by watching what a
working trail sends.
"""

import ast
from pathlib import Path

import pytest

from agent.adapters import audit_rows
from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import Account
from agent.trail import AuditQuery
from agent.values import RequestId
from tests.stores.pieces import FreshTable, Line
from tests.stores.trails import fill, trail_tables

AGENT = Path(__file__).resolve().parents[2] / "agent"
CHANGING = {"merge", "upsert", "put", "delete", "remove", "remove_all", "transaction"}
CHANGING |= {"until_answered", "submit_transaction"}
CHANGING |= {"delete_entity", "update_entity", "upsert_entity"}
# module: what it may call, on which table
ALLOWED = {
    "audit_inbox": {"merge", "remove_all"},  # the lease and the inbox, both of AuditInbox
    "audit_index": {"transaction"},  # rows added many at a time
    "audit_retention": {"remove_all"},
}


def calls(module: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            found.add(
                called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            )
    return found


def names_a_table(module: Path) -> bool:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return bool(said & set(audit_rows.AUDIT_TABLES))


def imports(module: Path, name: str) -> bool:
    return any(
        name in ([alias.name for alias in node.names] + [getattr(node, "module", "") or ""])
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def test_no_module_of_the_trail_changes_or_removes_but_those_that_are_named() -> None:
    modules = sorted(AGENT.glob("adapters/audit_*.py"))
    assert len(modules) >= 12
    for module in modules:
        # `put` of the inbox, of witnesses and of the queue are our own words, for adding
        seen = calls(module) & (CHANGING - {"put"})
        assert seen <= ALLOWED.get(module.stem, set()), module.name


def test_only_the_root_of_composition_opens_the_tables_of_the_trail() -> None:
    opening = {path.stem for path in AGENT.rglob("*.py") if names_a_table(path)}
    assert opening == {"wiring", "audit_rows"}


def test_rows_are_removed_many_at_a_time_for_the_inbox_and_for_retention_only() -> None:
    using = {
        path.stem
        for path in AGENT.rglob("*.py")
        if imports(path, "agent.adapters.table_removal") or imports(path, "remove_all")
    }
    assert using == {"audit_inbox", "audit_retention"}


def test_the_trail_is_given_tables_that_can_only_be_added_to() -> None:
    added = {name for name in vars(audit_rows.AddOnly) if not name.startswith("_")}
    assert added == {"get", "query", "insert", "transaction"}
    hints = AuditTable.__init__.__annotations__
    assert hints["audit"] is hints["index"] is audit_rows.AddOnly


@pytest.mark.stack
async def test_a_working_trail_sends_nothing_that_changes_or_removes(
    over_line: Account, line: Line, fresh_table: FreshTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_rows, "SEGMENT_ROWS", 20)
    tables = await trail_tables(fresh_table)
    log = AuditTable(*(over_line.rows(rows.table) for rows in tables))
    await fill(log, 90)
    await log.of_request(RequestId("r1"))
    await log.search(AuditQuery(phase="intent"))
    await log.read(1, 100)
    await log.close()
    assert set(line.seen) == {"GET", "POST"}
