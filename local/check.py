"""Does this tree keep its habits? `python3 -m local check` answers, kind by kind.

Runs every kind even after one has failed, so that one run tells everything; shows what a failed
kind said and always what pytest said. Never changes a file.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

from local.setup import ROOT
from local.test import pytest_command


class Outcome(NamedTuple):
    """How one kind of check ended, and after how many seconds."""

    name: str
    ok: bool
    seconds: float


def kinds(fast: bool) -> dict[str, list[str]]:
    """Every kind of check and its command, in the order they run."""
    python = sys.executable
    ruff, lint_imports = _beside("ruff"), _beside("lint-imports")
    return {
        "format": [ruff, "format", "--check", "--quiet", "."],
        "lint": [ruff, "check", "--quiet", "."],
        "types": [python, "-m", "mypy", "--no-error-summary"],
        "imports": [lint_imports],
        "docs": [python, "-m", "local.docs", "--check"],
        "tests": pytest_command(fast),
    }


def main(arguments: Sequence[str]) -> int:
    """0 only if every kind of check held."""
    parser = argparse.ArgumentParser(prog="python3 -m local check", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="leave out tests of the whole world")
    parser.add_argument("--json", action="store_true", help="end with the facts as one line")
    options = parser.parse_args(arguments)
    return 0 if held(kinds(options.fast), as_json=options.json) else 1


def held(commands: Mapping[str, Sequence[str]], *, as_json: bool) -> bool:
    """Run every command and tell how each ended; whether all of them held."""
    # Under --json standard output carries the facts and nothing else.
    report = sys.stderr if as_json else sys.stdout
    outcomes = [_run(name, command, report) for name, command in commands.items()]
    ok = all(outcome.ok for outcome in outcomes)
    if as_json:
        facts = [outcome._asdict() for outcome in outcomes]
        print(json.dumps({"ok": ok, "checks": facts}))
    else:
        print("\n".join(_table(outcomes)))
    return ok


def _run(name: str, command: Sequence[str], report: TextIO) -> Outcome:
    """Run one kind of check, showing the tests as they go and the others if they fail."""
    print(f"{name} …", file=report, flush=True)
    started = time.monotonic()
    if name == "tests":
        ok = subprocess.run(command, cwd=ROOT, stdout=report, check=False).returncode == 0
    else:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        ok = done.returncode == 0
        if not ok:
            print(done.stdout + done.stderr, file=report, flush=True)
    return Outcome(name, ok, round(time.monotonic() - started, 1))


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [f"{o.name:<8} {'ok' if o.ok else 'FAILED':<7} {o.seconds:6.1f} s" for o in outcomes]
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    said = f"failed: {', '.join(failed)}" if failed else "all held"
    return [*lines, f"{said}, {sum(o.seconds for o in outcomes):.1f} s"]


def _beside(tool: str) -> str:
    """The tool that was installed into the environment this runs in."""
    return f"{sys.prefix}/bin/{tool}"
