"""Run the test-suite: `python3 -m local test [pytest arguments]`.

Anything that pytest understands may follow, a file or `-k` for instance. `--fast` leaves out what
needs the whole local world.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence

from local.setup import ROOT


def pytest_command(fast: bool) -> list[str]:
    """How this project runs its tests, everywhere."""
    return [sys.executable, "-m", "pytest", "-q", *(["-m", "not stack"] if fast else [])]


def main(arguments: Sequence[str]) -> int:
    """pytest's exit code: 0 only if every test held."""
    parser = argparse.ArgumentParser(
        prog="python3 -m local test", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--fast", action="store_true", help="leave out tests of the whole world")
    parser.add_argument("--json", action="store_true", help="end with the facts as one line")
    options, rest = parser.parse_known_args(arguments)
    started = time.monotonic()
    # pytest's own report goes to standard error under --json, so that one line stays on the other.
    report = sys.stderr if options.json else None
    command = [*pytest_command(options.fast), *rest]
    code = subprocess.run(command, cwd=ROOT, stdout=report, check=False).returncode
    if options.json:
        seconds = round(time.monotonic() - started, 1)
        print(json.dumps({"ok": code == 0, "exit_code": code, "seconds": seconds}))
    return code
