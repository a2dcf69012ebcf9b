"""How long does the seed request take, against what it must wait for and against no engine at all?

Yardsticks, in the same run: the critical path (waves of Graph calls, from the tenant's own log,
times the latency) and the floor (the same calls and rows in one plain process), before and after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.bench.bed import Bed
from local.bench.cast import flagged, reset
from local.bench.client import Ran, calls_of
from local.bench.measure import Spread, cpu_ms, drift, spread
from local.bench.path import reads, waves, writes
from local.bench.report import Cell, Goal, Section

WAVES_AT_MS = 100
_LEAST_WAVES = 4  # no request can be done before; to look for its end sooner would only cost
_COLUMNS = (
    *("Graph", "at once", "n", "wall p50 ms", "p95", "client p50", "accepted"),
    *("wall/path", "floor p50", "over floor", "CPU ms", "floor CPU", "runs/s", "floor/s", "hops"),
)


@dataclass(frozen=True)
class Figures:
    """What was measured of one thing at one latency with so many requests at once."""

    wall: Spread
    cpu: float
    per_second: float
    client: Spread | None = None
    accepted: Spread | None = None
    hops: int = 0


Cells = dict[tuple[int, int], Figures]


def seed(bed: Bed, *, quick: bool) -> Section:
    """Measure the permitted seed request."""
    latencies, crowds = ((0, 100), (1, 8)) if quick else ((0, 20, 100), (1, 8, 32))
    wanted = [(latency, crowd) for latency in latencies for crowd in crowds]
    path = _waves(bed)
    floor = {key: _floor(bed, *key, quick=quick) for key in wanted}
    measured = {key: ours(bed, *key, quick=quick) for key in wanted}
    again = _floor(bed, 0, 1, quick=quick)
    rows = tuple(_row(key, measured[key], floor[key], path) for key in wanted)
    return Section(
        name="loop.seed",
        about="the seed request, permitted, no approval: accepted to answered",
        columns=_COLUMNS,
        rows=rows,
        goals=tuple(_goals(measured, floor, path)),
        notes=(
            f"critical path: {path} waves of Graph calls, one after the other, as the tenant "
            "logged them, times the latency",
            "wall is the API's own created_at to finished_at; client is from sending to holding "
            "the answer, looked for every 20 ms",
            "CPU is the Functions process alone, for Warrant, and the one process of the floor",
        ),
        drift=drift(floor[0, 1].wall.p50, again.wall.p50),
    )


def _waves(bed: Bed) -> int:
    """Return the waves of one request alone, after one that warms everything up."""
    alone = bed.askers[:1]
    bed.stage.latency(WAVES_AT_MS)
    reset(bed.stage, alone)
    bed.client.run(alone)
    reset(bed.stage, alone)
    with calls_of(bed.stage) as calls:
        bed.client.run(alone)
    return waves(calls, WAVES_AT_MS)


def rounds_for(at_once: int, *, quick: bool) -> int:
    """Return how often to run so many at once."""
    alone, several, many = (5, 1, 1) if quick else (30, 4, 2)
    return {1: alone, 8: several}.get(at_once, many)


def ours(bed: Bed, latency: int, at_once: int, *, quick: bool) -> Figures:
    """Measure Warrant itself at one latency with so many requests at once."""
    chosen, client = bed.askers[:at_once], bed.client
    bed.stage.latency(latency)
    reset(bed.stage, chosen)
    client.run(chosen)  # tokens exchanged, connections open
    ran, cpu, seconds = list[Ran](), 0.0, 0.0
    pid, not_before = bed.world.facts["pids"]["functions"], _LEAST_WAVES * latency / 1000
    for _ in range(rounds_for(at_once, quick=quick)):
        reset(bed.stage, chosen)
        before = cpu_ms(pid)
        batch = client.run(chosen, not_before=not_before)
        cpu += cpu_ms(pid) - before
        seconds += max(one.client_ms for one in batch) / 1000
        ran += batch
    return Figures(
        wall=spread(one.api_ms for one in ran),
        cpu=cpu / len(ran),
        per_second=len(ran) / seconds,
        client=spread(one.client_ms for one in ran),
        accepted=spread(one.accepted_ms for one in ran),
        hops=max(one.hops for one in ran),
    )


def _floor(bed: Bed, latency: int, at_once: int, *, quick: bool) -> Figures:
    bed.stage.latency(latency)
    rounds = rounds_for(at_once, quick=quick)
    return of_worker(bed.worker("local.bench.floor", rounds=rounds, at_once=at_once))


def of_worker(said: dict[str, Any]) -> Figures:
    """Return what a worker printed."""
    return Figures(spread(said["wall_ms"]), said["cpu_ms"], said["per_second"])


def _row(key: tuple[int, int], ours: Figures, floor: Figures, path: int) -> tuple[Cell, ...]:
    latency, at_once = key
    critical = path * latency
    return (
        *(f"{latency} ms", at_once, ours.wall.n, ours.wall.p50, ours.wall.p95),
        ours.client.p50 if ours.client else None,
        ours.accepted.p50 if ours.accepted else None,
        ours.wall.p50 / critical if critical else None,
        *(floor.wall.p50, ours.wall.p50 - floor.wall.p50, ours.cpu, floor.cpu),
        *(ours.per_second, floor.per_second, ours.hops),
    )


def _goals(ours: Cells, floor: Cells, path: int) -> list[Goal]:
    goals = [
        Goal(
            what="wall over the critical path, Graph at 100 ms, alone",
            seen=ours[100, 1].wall.p50 / (path * 100),
            at_most=1.15,
            unit="x",
        ),
        Goal(what="Durable hops", seen=ours[100, 1].hops, at_least=3, at_most=3, timed=False),
        Goal(
            what="processor time over the floor's, alone",
            seen=ours[0, 1].cpu / floor[0, 1].cpu,
            at_most=2.0,
            unit="x",
        ),
    ]
    for latency, most in ((0, 25.0), (20, 35.0)):
        if (latency, 1) in ours:
            over = ours[latency, 1].wall.p50 - floor[latency, 1].wall.p50
            what = f"wall over the floor, Graph at {latency} ms, alone"
            goals.append(Goal(what=what, seen=over, at_most=most, unit=" ms"))
    if (0, 32) in ours:
        what = "requests a second, 32 at once"
        goals.append(Goal(what=what, seen=ours[0, 32].per_second, at_least=20.0, unit="/s"))
    return goals


def refused(bed: Bed, *, quick: bool) -> Section:
    """Measure the same sentence from a flagged account."""
    stage, rounds = bed.stage, 5 if quick else 30
    stage.latency(WAVES_AT_MS)
    risky = [flagged(stage)]
    bed.client.run(risky, status="refused")
    no, yes = list[Ran](), list[Ran]()
    with calls_of(stage) as calls:
        for _ in range(rounds):
            no += bed.client.run(risky, status="refused")
    alone = bed.askers[:1]
    for _ in range(rounds):
        reset(stage, alone)
        yes += bed.client.run(alone)
    said, done = spread(one.api_ms for one in no), spread(one.api_ms for one in yes)
    return Section(
        name="loop.refused",
        about="the same from a flagged account: assess, refuse, say why; Graph at 100 ms",
        columns=("", "n", "wall p50 ms", "p95", "hops", "reads", "writes"),
        rows=(
            ("refused", *_short(said), _hops(no), reads(calls) / rounds, writes(calls)),
            ("granted", *_short(done), _hops(yes), None, None),
        ),
        goals=(
            Goal(what="writes to the tenant", seen=writes(calls), at_least=0, at_most=0),
            Goal(what="wall over the granted one", seen=said.p50 / done.p50, at_most=0.6, unit="x"),
        ),
    )


def _short(wall: Spread) -> tuple[int, float, float]:
    return wall.n, wall.p50, wall.p95


def _hops(ran: Sequence[Ran]) -> int:
    return max(one.hops for one in ran)
