"""How is a worker measured? The same way whichever engine it runs the work on.

A worker is a process of its own (`floor.py`, `peers/*.py`). It runs the three stages of `work` on
its engine and prints one line of JSON: the wall time of each run, processor time, memory. What it
does between runs (emptying groups) is not measured. `--once KEY` runs one request, `--resume KEY`
goes on with it after the process was killed: what a caller of that engine would have to do.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from local.bench.measure import rss_mib
from local.bench.work import State, Work


class Engine(Protocol):
    """What runs the three stages, durably or not."""

    async def run(self, key: str, given: State) -> State:
        """Run all stages under a key of the caller's."""

    async def resume(self, key: str) -> State:
        """Go on with a run that a killed process left."""


Open = Callable[[Work, Path], AbstractAsyncContextManager[Engine]]


def main(open_engine: Open) -> None:
    """Do what the command line asks on this engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=Path, required=True, help="file that `cast.plan_of` gave")
    parser.add_argument("--data", type=Path, required=True, help="folder for the engine's store")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--once", metavar="KEY")
    parser.add_argument("--resume", metavar="KEY")
    asyncio.run(_work(open_engine, parser.parse_args()))


async def _work(open_engine: Open, told: argparse.Namespace) -> None:
    plan: dict[str, Any] = json.loads(told.plan.read_text(encoding="utf-8"))
    work = Work(plan)
    try:
        await work.prepare()
        async with open_engine(work, told.data) as engine:
            said = await _done(engine, work, plan["askers"], told)
    finally:
        await work.close()
    print(json.dumps(said), flush=True)


async def _done(
    engine: Engine, work: Work, askers: Sequence[State], told: argparse.Namespace
) -> State:
    if told.once:
        return await engine.run(told.once, {"asker": askers[0]})
    if told.resume:
        return await engine.resume(told.resume)
    return await _measured(engine, work, askers[: told.at_once], told.rounds)


async def _measured(
    engine: Engine, work: Work, askers: Sequence[State], rounds: int
) -> dict[str, object]:
    """Run the work over and over; the first round warms up and does not count."""
    walls, cpu, spent = list[float](), 0.0, 0.0
    for number in range(rounds + 1):
        await asyncio.gather(*(work.reset(asker["group"]) for asker in askers))
        cpu_before, before = time.process_time(), time.perf_counter()
        took = await asyncio.gather(
            *(_timed(engine, f"{number}-{place}", asker) for place, asker in enumerate(askers))
        )
        if number:
            walls += took
            cpu += time.process_time() - cpu_before
            spent += time.perf_counter() - before
    runs = rounds * len(askers)
    return {
        "wall_ms": walls,
        "cpu_ms": cpu * 1000 / runs,
        "per_second": runs / spent,
        "rss_mib": rss_mib(os.getpid()),
    }


async def _timed(engine: Engine, key: str, asker: State) -> float:
    before = time.perf_counter()
    ended = await engine.run(f"{before}-{key}", {"asker": asker})
    if ended["status"] != "done":
        raise RuntimeError(f"expected a run to be done, saw {ended}")
    return (time.perf_counter() - before) * 1000
