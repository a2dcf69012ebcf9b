"""Stop the local world that runs on a data folder: `python3 -m local down`.

Sends SIGTERM and waits until the world has let go of its pid file, so that what it kept is on disk
when this returns. Never kills with force and never signals a process that is not that world.
"""

import argparse
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from local.pidfile import holder

_PATIENCE_SECONDS = 30.0


def main(arguments: Sequence[str]) -> int:
    """0 when nothing runs any more, 1 when it still does."""
    parser = argparse.ArgumentParser(prog="python3 -m local down", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".local"), metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the facts as one line")
    options = parser.parse_args(arguments)
    pid = holder(options.data / "up.pid")
    if pid is None:
        _tell(options.json, None, True, f"nothing runs on {options.data}")
        return 0
    os.kill(pid, signal.SIGTERM)
    stopped = _released(options.data / "up.pid")
    said = "stopped" if stopped else f"still running after {_PATIENCE_SECONDS:.0f} s"
    _tell(options.json, pid, stopped, f"process {pid} {said}")
    return 0 if stopped else 1


def _released(path: Path) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if holder(path) is None:
            return True
        time.sleep(0.05)
    return False


def _tell(as_json: bool, pid: int | None, stopped: bool, sentence: str) -> None:
    print(json.dumps({"pid": pid, "stopped": stopped}) if as_json else sentence)
