"""What `check` promises: every kind runs, one failure is enough to fail."""

import json
import sys

import pytest

from local import check
from local.test import pytest_command

PASSES = [sys.executable, "-c", ""]
FAILS = [sys.executable, "-c", "print('why'); raise SystemExit(3)"]


def test_every_kind_runs_after_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert not check.held({"types": FAILS, "tests": PASSES}, as_json=True)
    said = capfd.readouterr()
    facts = json.loads(said.out)
    assert facts["ok"] is False
    assert [(kind["name"], kind["ok"]) for kind in facts["checks"]] == [
        ("types", False),
        ("tests", True),
    ]
    assert "why" in said.err


def test_it_holds_only_if_everything_holds(capfd: pytest.CaptureFixture[str]) -> None:
    assert check.held({"types": PASSES, "tests": PASSES}, as_json=False)
    assert "all held" in capfd.readouterr().out


def test_fast_leaves_out_what_needs_the_whole_world() -> None:
    assert "not stack" in pytest_command(fast=True)
    assert "not stack" not in pytest_command(fast=False)
