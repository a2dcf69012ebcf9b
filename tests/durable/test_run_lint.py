"""What the run may be: short, a plain generator, and blind to everything but its history."""

import ast
import inspect
from pathlib import Path

from agent import workflow
from agent.approve import LONGEST_SLEEP
from agent.assess import REPLY_WITHIN
from agent.attempt import LATER
from tests.durable.machine import scripted_app

SOURCE = Path(inspect.getsourcefile(workflow) or "")
APP = SOURCE.parents[1] / "function_app.py"
LEGAL_CALLS = {"create_timer", "wait_for_external_event", "task_any", "call_activity", "get_input"}
NOUNS = {"agent.calls", "agent.domain", "agent.receipts", "agent.values"}
LEGAL_READS = {"current_utc_datetime"}


def tree() -> ast.Module:
    return ast.parse(SOURCE.read_text("utf-8"))


def test_the_run_fits_on_one_page() -> None:
    assert len(SOURCE.read_text("utf-8").splitlines()) <= 120


def test_the_run_is_a_plain_generator_function() -> None:
    assert inspect.isgeneratorfunction(workflow.run)
    assert not inspect.iscoroutinefunction(workflow.run)
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(tree()) if isinstance(node, kinds)]


def test_every_function_that_yields_is_followed_by_yield_from() -> None:
    """A generator that is called and not followed would silently do nothing."""
    source = tree()
    generators = {
        node.name
        for node in ast.walk(source)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(node))
    }
    followed = [n.value for n in ast.walk(source) if isinstance(n, ast.YieldFrom)]
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in generators:
            assert node in followed, f"{ast.unparse(node)} is called and not followed"


def test_the_run_asks_the_context_for_what_is_replayed_and_for_nothing_else() -> None:
    for node in ast.walk(tree()):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "context":
            assert node.attr in LEGAL_CALLS | LEGAL_READS, node.attr


def test_the_run_imports_nouns_and_nothing_that_changes_from_run_to_run() -> None:
    found = set()
    for node in ast.walk(tree()):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    assert found == NOUNS | {"collections.abc", "datetime", "typing"}
    names = {n.id for n in ast.walk(tree()) if isinstance(n, ast.Name)}
    assert not names & {"open", "print", "input", "hash", "id", "set", "globals", "os", "time"}


def test_the_run_keeps_nothing_between_replays() -> None:
    for node in tree().body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            value = ast.unparse(node.value) if node.value else ""
            assert not value.startswith(("[", "{", "list", "dict", "set")), ast.unparse(node)
    assert not [n for n in ast.walk(tree()) if isinstance(n, ast.Global | ast.Nonlocal)]


def test_no_single_sleep_is_longer_than_the_sdk_takes_in_one_piece() -> None:
    """A timer of more than six days is split by the SDK, and an event is not heard in a part."""
    six_days = 6 * 24 * 3600
    assert max(p.total_seconds() for p in workflow.PAUSES) < six_days
    assert LONGEST_SLEEP.total_seconds() < six_days
    assert REPLY_WITHIN.total_seconds() < six_days
    assert max(LATER) < six_days


def test_the_app_hands_its_orchestrator_to_this_run() -> None:
    text = APP.read_text("utf-8")
    assert 'orchestration="run"' in text
    with scripted_app() as scripted:
        assert scripted.find("orchestrationTrigger", "run") is not None
