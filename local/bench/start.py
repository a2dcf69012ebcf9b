"""How soon is the app there? Its import against what nobody can avoid, and the first answers."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

from local.bench.bed import Bed, said_by
from local.bench.cast import reset
from local.bench.client import BenchError
from local.bench.measure import Measured, rss_mib, spread
from local.bench.report import Cell, Goal, Section
from local.stage import http
from local.up import ROOT

FORBIDDEN = ("msgraph", "microsoft_agents", "azure.identity", "openai", "z3")
_BASE = "import azure.functions, azure.durable_functions, pydantic"
_APP = "import function_app"
_MEASURE = """
import sys, time
sys.path.insert(0, {root!r})
before = time.process_time()
{imports}
cpu = time.process_time() - before
import json, re
kib = re.search(r"VmRSS:\\s*(\\d+)", open("/proc/self/status").read())[1]
print(json.dumps({{"cpu_ms": cpu * 1000, "rss_mib": int(kib) / 1024, "modules": len(sys.modules),
    "forbidden": [name for name in {forbidden!r} if name in sys.modules]}}))
"""
_ID = "00000000-0000-0000-0000-000000000000"
_SECONDS = 60.0
_ONLY_STATED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


def settings() -> dict[str, str]:
    """Return an environment in which the app can be imported, and nothing can be reached."""
    kept = {name: os.environ[name] for name in _ONLY_STATED if name in os.environ}
    return kept | {
        "REGISTRY_ENDPOINT": "https://nowhere.table.core.windows.net",
        "API_CLIENT_ID": _ID,
        "AZURE_CLIENT_ID": _ID,
    }


class Imported(Measured):
    """What one import in a fresh process took."""

    cpu_ms: float
    rss_mib: float
    modules: int
    forbidden: tuple[str, ...]


def imported(imports: str, more: Mapping[str, str]) -> Imported:
    """Import in a fresh process."""
    code = _MEASURE.format(root=str(ROOT), imports=imports, forbidden=FORBIDDEN)
    command = [sys.executable, "-c", code]
    said = said_by(command, seconds=_SECONDS, env={**settings(), **more})
    return Imported.model_validate(said)


def slowest(many: int = 5) -> list[str]:
    """Return the imports of the app that take most by themselves, with what they take."""
    command = [sys.executable, "-X", "importtime", "-c", _APP]
    done = subprocess.run(
        command, cwd=ROOT, env=settings(), capture_output=True, text=True, check=True
    )
    timed = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()]
    own = [(int(t[0]), t[2].strip()) for t in timed if len(t) == 3 and t[0].strip().isdigit()]
    return [f"{name} {us / 1000:.0f} ms" for us, name in sorted(own, reverse=True)[:many]]


def imports(*, quick: bool) -> Section:
    """Measure `import function_app`, compiled before and not, interleaved with the yardstick."""
    times = 3 if quick else 7
    rows: list[tuple[Cell, ...]] = []
    with_pyc = _pairs({}, times)
    with tempfile.TemporaryDirectory() as nowhere:
        uncompiled = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": nowhere}
        without = _pairs(uncompiled, 1 if quick else times)
    for how, (base, app) in (("with .pyc", with_pyc), ("without .pyc", without)):
        rows += [_row(f"yardstick, {how}", base), _row(f"function_app, {how}", app)]
    base, app = with_pyc
    ratio = spread(a.cpu_ms for a in app).p50 / spread(b.cpu_ms for b in base).p50
    loaded = {name for one in app for name in one.forbidden}
    return Section(
        name="start.import",
        about=f"`{_APP}` in fresh processes; the yardstick is `{_BASE}`",
        columns=("", "n", "CPU p50 ms", "p95", "RSS MiB", "modules"),
        rows=tuple(rows),
        goals=(
            Goal(
                what="processor time over the yardstick, with .pyc",
                seen=ratio,
                at_most=1.15,
                unit="x",
            ),
            Goal(
                what="resident memory after the import",
                seen=spread(one.rss_mib for one in app).p50,
                at_most=75.0,
                unit=" MiB",
            ),
            Goal(
                what=f"loaded although it must not be ({', '.join(FORBIDDEN)})",
                seen=len(loaded),
                at_least=0,
                at_most=0,
            ),
        ),
        notes=(f"slowest by themselves: {'; '.join(slowest())}",),
    )


def _pairs(more: Mapping[str, str], times: int) -> tuple[list[Imported], list[Imported]]:
    """Import the yardstick and the app by turns, after one of each that compiles."""
    both: tuple[list[Imported], list[Imported]] = ([], [])
    for number in range(times + (not more)):
        pair = imported(_BASE, more), imported(_APP, more)
        if number or more:
            both[0].append(pair[0])
            both[1].append(pair[1])
    return both


def _row(name: str, all_of: list[Imported]) -> tuple[Cell, ...]:
    cpu = spread(one.cpu_ms for one in all_of)
    return name, cpu.n, cpu.p50, cpu.p95, spread(o.rss_mib for o in all_of).p50, all_of[0].modules


def first(bed: Bed, *, quick: bool) -> Section:
    """Measure from the start of the host process to its first health answer and first request."""
    healthy, answered, memory = list[float](), list[float](), list[float]()
    alone = bed.askers[:1]
    bed.stage.latency(0)
    for _ in range(2 if quick else 6):
        bed.world.functions.terminate()
        reset(bed.stage, alone)
        began = time.monotonic()
        bed.world.restart_functions()
        url = f"{bed.world.facts['functions']}/api/health"
        if (status := http("GET", url).status) != 200:
            raise BenchError(f"expected 200 of the first health check, saw {status}")
        healthy.append(time.monotonic() - began)
        memory.append(rss_mib(bed.world.facts["pids"]["functions"]))
        bed.client.run(alone)
        answered.append(time.monotonic() - began)
    health, request = spread(healthy), spread(answered)
    return Section(
        name="start.first",
        about="from the start of the Functions host to its first answers, Graph at 0 ms",
        columns=("first", "n", "p50 s", "p95 s"),
        rows=(
            ("/api/health 200", health.n, health.p50, health.p95),
            ("request finished", request.n, request.p50, request.p95),
        ),
        goals=(
            Goal(what="first health answer", seen=health.p50, at_most=1.2, unit=" s"),
            Goal(what="first finished request", seen=request.p50, at_most=2.0, unit=" s"),
            Goal(what="idle process", seen=spread(memory).p50, at_most=100.0, unit=" MiB"),
        ),
    )
