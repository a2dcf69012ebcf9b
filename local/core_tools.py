"""Run the same app on Azure Functions Core Tools, where `func` is on PATH: `local up --host func`.

Core Tools bring the real Functions host and the real Durable extension; storage is Azurite's host
account by connection string. What differs from the embedded host: Durable state lives in Azurite,
and the clock cannot be moved for the extension's timers.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.processes import Child, Processes

ROOT = Path(__file__).resolve().parent.parent
_READY = "Host lock lease acquired"


class CoreToolsError(Exception):
    """Core Tools are not here or did not start."""


def start(
    processes: Processes, data: Path, environment: Mapping[str, str], port: int = 0
) -> Child[dict[str, Any]]:
    """Start `func` on the app; CoreToolsError when it is not on PATH."""
    func = shutil.which("func")
    if func is None:
        raise CoreToolsError("expected Azure Functions Core Tools (`func`) on PATH, found none")
    at = port or 7071
    own = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "languageWorkers__python__defaultExecutablePath": str(ROOT / ".venv" / "bin" / "python"),
    }
    return processes.start(
        [func, "start", "--port", str(at), "--verbose"],
        log=data / "logs" / "func.log",
        ready=_ready_at(f"http://127.0.0.1:{at}"),
        env={**os.environ, **environment, **own},
        cwd=ROOT,
        patience_seconds=120.0,
    )


def _ready_at(url: str) -> Callable[[str], dict[str, Any] | None]:
    return lambda line: {"url": url} if _READY in line else None
