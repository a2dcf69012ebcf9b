"""Serve an app: `python -m local.host --app DIR --db FILE --key KEY`.

Prints exactly one line of JSON on standard output once it serves, `{"url", "functions"}`; all
else, the app's own output included, goes to standard error.

Rules:
- SIGTERM and SIGINT are a clean stop, exit 0; an app or store that cannot be used is exit 2 with
  one sentence; a fault of the host is exit 1;
- threads that still run user code do not hold up the exit: their work is done again at the next
  start.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from local.clock import ShiftedClock
from local.host.app import AppError
from local.host.config import ConfigError
from local.host.host import FunctionsHost
from local.host.store import StoreError

_log = logging.getLogger("local.host")


class _JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return json.dumps({"level": record.levelname, "logger": record.name, "message": text})


def main() -> int:
    """Serve until told to stop; gives the exit status."""
    given = _arguments()
    console, sys.stdout = sys.stdout, sys.stderr
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if given.json else plain)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    try:
        host = FunctionsHost(
            given.app.resolve(),
            given.db,
            given.key,
            port=given.port,
            clock=ShiftedClock(given.clock),
        )
        return asyncio.run(_serve(host, console))
    except (AppError, ConfigError, StoreError, OSError) as fault:
        _log.error("%s", fault)
        return 2


async def _serve(host: FunctionsHost, console: TextIO) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await host.start()
    print(json.dumps({"url": host.url, "functions": host.functions}), file=console, flush=True)
    host.failed.add_done_callback(lambda _: stopping.set())
    await stopping.wait()
    await host.stop()
    if host.failed.done():
        _log.critical("stopped by a fault of the host", exc_info=host.failed.exception())
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder of function_app.py")
    parser.add_argument("--db", type=Path, required=True, help="file that keeps the state")
    parser.add_argument("--key", required=True, help="key of functions, admin and webhooks")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--clock", type=Path, help="file with seconds to add to real time")
    parser.add_argument("--json", action="store_true", help="log records as JSON lines")
    return parser.parse_args()


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # A thread in user code would keep the interpreter alive; the store is closed by now.
    os._exit(status)
