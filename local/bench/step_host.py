"""Runs the chain of instant activities on the embedded host and times it from inside.

A process of its own, started by `engine`: prints one line of JSON. The SDK's share is the time
spent in the orchestrator's code between taking a history and giving its actions, which is the
SDK's replay: the orchestrator itself does nothing.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import aiohttp

from local.host import host as host_module
from local.host.app import Function
from local.host.host import FunctionsHost
from local.host.invoke import Invoker

_APP = Path(__file__).resolve().parent / "step_app"
_KEY = "bench"
_PATIENCE_SECONDS = 60.0
_BASE = "/runtime/webhooks/durabletask"


class TimedInvoker(Invoker):
    """An Invoker that knows how long orchestrators took."""

    seconds = 0.0

    def run_inline(self, function: Function, payload: str) -> str:
        """Call an orchestrator and count its time."""
        began = time.perf_counter()
        try:
            return super().run_inline(function, payload)
        finally:
            TimedInvoker.seconds += time.perf_counter() - began


async def main(many: int, rounds: int) -> None:
    """Run the chain and print wall, processor and replay time of one run, in ms."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(host_module, "Invoker", TimedInvoker),
    ):
        host = FunctionsHost(_APP, Path(folder) / "durable.db", _KEY)
        await host.start()
        try:
            async with aiohttp.ClientSession() as session:
                await _run(host, session, many)
                walls, cpu, before = list[float](), time.process_time(), TimedInvoker.seconds
                for _ in range(rounds):
                    began = time.perf_counter()
                    await _run(host, session, many)
                    walls.append((time.perf_counter() - began) * 1000)
                cpu = time.process_time() - cpu
                replay = TimedInvoker.seconds - before
        finally:
            await host.stop()
    said = {"wall_ms": walls, "cpu_ms": cpu * 1000 / rounds, "replay_ms": replay * 1000 / rounds}
    print(json.dumps(said))


async def _run(host: FunctionsHost, session: aiohttp.ClientSession, many: int) -> None:
    url = f"{host.url}{_BASE}/orchestrators/chain?code={_KEY}"
    async with session.post(url, json=json.dumps(many)) as answer:  # as the SDK starts a run
        links = await answer.json()
    ended = await host.ended(links["id"], _PATIENCE_SECONDS)
    async with session.get(links["statusQueryGetUri"]) as answer:
        seen = await answer.json()
    if not ended or seen["output"] != many:
        raise RuntimeError(f"expected a chain of {many} to end with {many}, saw {seen}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
