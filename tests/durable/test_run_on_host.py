"""The run on the local host itself: its store, its timers, its management API.

The orders of events are exhausted in test_run_orders.py; here the same traps are met once each by
the host that runs the product locally.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.values import fresh_id
from agent.workflow import PAUSES
from local.clock import ShiftedClock, write_offset
from local.host.host import FunctionsHost
from local.stage import Reply, http
from tests.durable.machine import SCRIPTED_APP, TENANT, clean_imports
from tests.durable.scripts import SCRIPTS, Part, Script

KEY = "a-key-of-this-test"
HOUR = 3_600.0
pytestmark = pytest.mark.filterwarnings("ignore:Potential duplicate Task completion:UserWarning")


class Hosted:
    """A host in this process, and the time it lives in."""

    def __init__(self, host: FunctionsHost, clock: Path) -> None:
        self._host, self._file, self.clock = host, clock, ShiftedClock(clock)

    async def call(self, method: str, path: str, body: object = None) -> Reply:
        url = f"{self._host.url}/runtime/webhooks/durabletask/{path}"
        return await asyncio.to_thread(http, method, url, body, {"x-functions-key": KEY})

    async def start(self, script: Script) -> str:
        request = fresh_id()
        script.now = self.clock.now
        SCRIPTS[request] = script
        given = {"tenant": TENANT, "request": request}
        assert (await self.call("POST", f"orchestrators/run/{request}", given)).status == 202
        return request

    async def raise_event(self, request: str, name: str) -> int:
        return (await self.call("POST", f"instances/{request}/raiseEvent/{name}", "")).status

    def advance(self, seconds: float) -> None:
        write_offset(self._file, self.clock.offset() + seconds)

    async def ends(self, request: str) -> None:
        assert await self._host.ended(request, 10.0), "it did not end"
        status = (await self.call("GET", f"instances/{request}")).body
        assert (status["runtimeStatus"], status["output"]) == ("Completed", {"status": "done"})
        assert SCRIPTS.pop(request).gave[-1][0] == "answer"

    async def until(self, script: Script, hops: int) -> None:
        """Wait until the script was asked so often."""
        limit = time.monotonic() + 5
        while len(script.asked) < hops:
            assert time.monotonic() < limit, script.asked
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)  # until the answer is taken in and the next wait begun


@pytest.fixture(scope="module")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    folder = tmp_path_factory.mktemp("scripted")
    write_offset(folder / "clock", 0.0)
    with clean_imports():
        clock = ShiftedClock(folder / "clock")
        host = FunctionsHost(SCRIPTED_APP, folder / "state.db", KEY, clock=clock)
        await host.start()
        yield Hosted(host, folder / "clock")
        await host.stop()


def executed(script: Script) -> list[str]:
    return [f"{way} {step}" for name, step, way in script.asked if name == "execute"]


async def test_an_event_that_comes_before_it_is_awaited_is_kept(hosted: Hosted) -> None:
    script = Script([Part(wait_first=True)])
    request = await hosted.start(script)
    assert await hosted.raise_event(request, "approval-s1-0") == 202
    await hosted.ends(request)
    assert executed(script) == ["do s1"]


async def test_an_event_that_comes_twice_carries_out_once(hosted: Hosted) -> None:
    script = Script([Part(wait_first=True), Part(wait_first=True)])
    request = await hosted.start(script)
    await hosted.until(script, 1)
    for _ in range(2):
        assert await hosted.raise_event(request, "approval-s1-0") == 202
    await hosted.until(script, 2)
    assert executed(script) == ["do s1"]
    await hosted.raise_event(request, "approval-s2-0")
    await hosted.ends(request)
    assert executed(script) == ["do s1", "do s2"]


async def test_the_time_comes_first_and_the_event_too_late(hosted: Hosted) -> None:
    script = Script([Part(wait_first=True, waits=1, outcome="refused")])
    request = await hosted.start(script)
    await hosted.until(script, 1)
    hosted.advance(HOUR)
    await hosted.until(script, 2)
    await hosted.raise_event(request, "approval-s1-0")
    hosted.advance(HOUR)
    await hosted.ends(request)
    assert executed(script) == ["do s1", "do s1", "undo s1"]
    assert await hosted.raise_event(request, "approval-s1-1") == 410  # it has ended


@pytest.mark.parametrize(
    ("script", "hops"),
    [
        (Script([Part()], assess_faults=1), ["assess", "answer"]),
        (Script([Part(faults=1)]), ["assess", "execute", "execute", "answer"]),
        (
            Script([Part(undo_faults=1), Part(outcome="failed", ours=False)]),
            ["assess", "execute", "execute", "execute", "execute", "answer"],
        ),
        (Script([Part()], answer_faults=2), ["assess", "execute", "answer", "answer", "answer"]),
    ],
    ids=["assess", "execute", "undo", "answer"],
)
async def test_a_fault_at_any_hop_ends_in_an_answer(
    hosted: Hosted, script: Script, hops: list[str]
) -> None:
    request = await hosted.start(script)
    for pause in PAUSES[: script.answer_faults or 1]:
        await asyncio.sleep(0.1)
        hosted.advance(pause.total_seconds())
    await hosted.ends(request)
    assert [name for name, _, _ in script.asked] == hops


async def test_without_the_key_nobody_raises_an_event(hosted: Hosted) -> None:
    script = Script([Part(wait_first=True)])
    request = await hosted.start(script)
    url = f"{hosted._host.url}/runtime/webhooks/durabletask/instances/{request}"
    for key in ("", "another-key", KEY.upper()):
        headers = {"x-functions-key": key}
        reply = await asyncio.to_thread(http, "POST", f"{url}/raiseEvent/x", "", headers)
        assert reply.status == 401
    await hosted.raise_event(request, "approval-s1-0")
    await hosted.ends(request)
