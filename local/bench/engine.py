"""What does one durable step cost by itself? Chains of instant activities on the embedded host."""

import sys

from local.bench.bed import said_by
from local.bench.measure import linear, spread
from local.bench.report import Cell, Goal, Section

_LENGTHS = (3, 10, 30, 50)
_SECONDS = 120.0
_REPLAYS = "of it SDK replay"


def step(*, quick: bool) -> Section:
    """Measure chains of 3 to 50 activities, each length in a fresh process."""
    rounds = 5 if quick else 30
    rows: list[tuple[Cell, ...]] = []
    each: dict[int, float] = {}
    share = 0.0
    for many in (_LENGTHS[0], _LENGTHS[-1]) if quick else _LENGTHS:
        command = [sys.executable, "-m", "local.bench.step_host", str(many), str(rounds)]
        said = said_by(command, seconds=_SECONDS)
        wall = spread(said["wall_ms"])
        each[many] = wall.p50 / many
        share = said["replay_ms"] / said["cpu_ms"]
        rows.append((many, wall.n, wall.p50, wall.p95, each[many], said["cpu_ms"], share))
    growth = linear([(many, each[many] * many) for many in each])
    return Section(
        name="engine.step",
        about="an orchestrator that calls n instant activities in sequence, on the embedded host",
        columns=("n", "runs", "wall p50 ms", "p95", "ms an activity", "CPU ms", _REPLAYS),
        rows=tuple(rows),
        goals=(
            Goal(what="ms an activity, 3 of them", seen=each[3], at_most=4.0, unit=" ms"),
            Goal(what="ms an activity, 50 of them", seen=each[50], at_most=8.0, unit=" ms"),
            Goal(what="SDK replay as a part of the processor time, 50", seen=share, at_most=0.6),
            Goal(what="growth of an activity's cost, 3 to 50", seen=growth, at_most=2.5, unit="x"),
        ),
        notes=("each step is a transaction that is synced to the disk",),
    )
