"""How do other engines do the same work, here and now?

Installs each peer, pinned, into an environment of its own under the data folder (the only part of
the bench that needs the network), measures it interleaved with Warrant, and kills it once at the
point where it hurts: the change is made, and nobody has heard of it yet.
"""

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local.bench.bed import Bed, said_by
from local.bench.cast import reset
from local.bench.client import calls_of
from local.bench.kill import hold_in_graph, kill_at, kill_bed, point
from local.bench.loop import Cells, Figures, of_worker, ours, rounds_for
from local.bench.path import writes
from local.bench.peers.environment import environment
from local.bench.report import Cell, Goal, Section

_WARRANT = "Warrant"
_WORST = "write carried out, not answered"
_NEEDED = ("aiohttp", "azure-data-tables", "pydantic", "pyyaml", "tzdata")
_RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Peer:
    """An engine, the packages it comes in, and the worker that drives it."""

    name: str
    packages: tuple[str, ...]
    module: str


PEERS = (
    Peer(
        "LangGraph, SQLite",
        ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
        "local.bench.peers.langgraph_worker",
    ),
    Peer(
        "Agent Framework, files",
        ("agent-framework-core==1.23.0",),
        "local.bench.peers.agent_framework_worker",
    ),
    Peer("DBOS, SQLite", ("dbos==3.4.0",), "local.bench.peers.dbos_worker"),
)


def peers(bed: Bed, *, quick: bool) -> tuple[Section, Section]:
    """Measure every peer and Warrant by turns, then kill each once."""
    folder = bed.world.data.parent / "peers"
    pythons = {
        peer: environment(folder / peer.module.rpartition(".")[2], peer.packages, _NEEDED)
        for peer in PEERS
    }
    wanted = [(latency, crowd) for latency in (0, 100) for crowd in ((1,) if quick else (1, 32))]
    whole: dict[str, Cells] = {name: {} for name in (*(p.name for p in PEERS), _WARRANT)}
    for key in wanted:
        for peer, python in pythons.items():
            whole[peer.name][key] = _measured(bed, peer, python, *key, quick=quick)
        whole[_WARRANT][key] = ours(bed, *key, quick=quick)
    bed.stage.latency(0)
    killed = {peer.name: _killed(bed, peer, python) for peer, python in pythons.items()}
    killed[_WARRANT] = _killed_warrant(bed.world.data.parent / "killed")
    return _speed(whole, wanted), _kills(killed)


def _speed(whole: dict[str, Cells], wanted: list[tuple[int, int]]) -> Section:
    return Section(
        name="loop.peers",
        about="the same calls, decisions and rows on other durable engines, in the same run",
        columns=(
            *("engine", "Graph", "at once", "n", "wall p50 ms", "p95", "CPU ms", "runs/s"),
            *("Warrant's wall over it", "CPU over it"),
        ),
        rows=tuple(
            _row(name, key, figures[key], whole[_WARRANT][key])
            for key in wanted
            for name, figures in whole.items()
        ),
        goals=_goals(whole),
        notes=(
            "a peer does the bare work of the floor: no sign-in, no sealing, no claims, no chain; "
            "Warrant does all of that and is asked through its HTTP trigger",
            "packages: " + ", ".join(package for peer in PEERS for package in peer.packages),
        ),
    )


def _row(name: str, key: tuple[int, int], one: Figures, warrant: Figures) -> tuple[Cell, ...]:
    latency, at_once = key
    over = (warrant.wall.p50 / one.wall.p50, warrant.cpu / one.cpu)
    measured = (one.wall.n, one.wall.p50, one.wall.p95, one.cpu, one.per_second)
    return name, f"{latency} ms", at_once, *measured, *over


def _goals(whole: dict[str, Cells]) -> tuple[Goal, ...]:
    warrant, first = whole[_WARRANT], whole[PEERS[0].name]
    fastest = min(whole[peer.name][100, 1].wall.p50 for peer in PEERS)
    return (
        Goal(
            what="wall over the fastest peer's, Graph at 100 ms, alone",
            seen=warrant[100, 1].wall.p50 / fastest,
            at_most=1.0,
            unit="x",
        ),
        Goal(
            what=f"processor time over that of {PEERS[0].name}, Graph at 0 ms, alone",
            seen=warrant[0, 1].cpu / first[0, 1].cpu,
            at_most=1.0,
            unit="x",
        ),
    )


def _kills(killed: dict[str, tuple[Cell, ...]]) -> Section:
    return Section(
        name="loop.peers.kill",
        about="kill -9 when the change is made and its answer not yet received, then a restart",
        columns=("engine", "writes sent", "ended", "restart to end s"),
        rows=tuple((name, *cells) for name, cells in killed.items()),
        goals=(Goal(what="writes Warrant sent", seen=int(killed[_WARRANT][0] or 0), at_most=1),),
        notes=(
            "the bench tells LangGraph and Agent Framework which run to go on with; DBOS and "
            "Warrant find it themselves",
        ),
    )


def _measured(
    bed: Bed, peer: Peer, python: str, latency: int, at_once: int, *, quick: bool
) -> Figures:
    bed.stage.latency(latency)
    rounds = rounds_for(at_once, quick=quick)
    return of_worker(bed.worker(peer.module, rounds=rounds, at_once=at_once, python=python))


def _killed(bed: Bed, peer: Peer, python: str) -> tuple[Cell, ...]:
    """Kill a peer after its write, resume it, and return writes sent and how it ended."""
    command, alone = bed.worker_command(peer.module, python), bed.askers[:1]
    reset(bed.stage, alone)
    with calls_of(bed.stage) as calls:
        reached = hold_in_graph(bed.stage, point(_WORST))
        process = subprocess.Popen([*command, "--once", "killed"], stdout=subprocess.DEVNULL)
        try:
            reached()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            bed.stage.heal()
        began = time.monotonic()
        said = said_by([*command, "--resume", "killed"], seconds=_RUN_SECONDS)
        seconds = time.monotonic() - began
    return writes(calls), str(said["status"]), seconds


def _killed_warrant(data: Path) -> tuple[Cell, ...]:
    with kill_bed(data) as (bed, proxy):
        survived = kill_at(bed, proxy, point(_WORST))
    return survived.writes, survived.status, survived.seconds
