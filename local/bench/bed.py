"""Where are the figures taken? A running world with a planted cast, and how workers are started."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.bench.cast import Asker, plan_of, plant
from local.bench.client import BenchError, Client
from local.stage import Stage
from local.up import ROOT, World, world

MOST_AT_ONCE = 32
_WORKER_SECONDS = 180


@dataclass
class Bed:
    """A running world, its stage, its cast, and a client of its API."""

    world: World
    stage: Stage
    askers: list[Asker]

    @property
    def client(self) -> Client:
        """A client of the Functions host as it runs now."""
        key = (self.world.data / "host.key").read_text("ascii")
        return Client(self.stage, key)

    def worker(
        self, module: str, *, rounds: int, at_once: int, python: str = sys.executable
    ) -> dict[str, Any]:
        """Measure the bare work on an engine, in a fresh process with a fresh store."""
        command = self.worker_command(module, python)
        command += ["--rounds", str(rounds), "--at-once", str(at_once)]
        return said_by(command, seconds=_WORKER_SECONDS)

    def worker_command(self, module: str, python: str = sys.executable) -> list[str]:
        """Empty a worker's store and return how it is started."""
        data = self.world.data / "workers" / module.rpartition(".")[2]
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        plan = data / "plan.json"
        plan.touch(mode=0o600)  # it holds tokens, if only the simulated tenant's
        plan.write_text(plan_of(self.stage, self.askers), encoding="utf-8")
        return [python, "-m", module, "--plan", str(plan), "--data", str(data)]


def said_by(command: Sequence[str], *, seconds: float, **more: Any) -> dict[str, Any]:
    """Run a process and return the JSON of its last line. Raises BenchError when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False, **more
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-8:])
        raise BenchError(f"expected {command[2]} to end well, saw {done.returncode}\n{tail}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@contextmanager
def bed(data: Path, many: int = MOST_AT_ONCE) -> Iterator[Bed]:
    """Start a world and plant `many` people with their groups."""
    with world(data) as running:
        stage = Stage(running.facts)
        yield Bed(running, stage, plant(stage, many))
