"""Drives a local host from outside, as a separate process that can be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_APP = Path(__file__).parent / "sample_app"
KEY = "sample key/with signs"
ENDED = ("Completed", "Failed", "Terminated")


class Driver:
    """One host process over one folder of state, and a client for it."""

    def __init__(self, folder: Path, *, app: Path = SAMPLE_APP, strict: bool = True) -> None:
        self.folder, self.app = folder, app
        self.journal, self.clock = folder / "journal", folder / "clock"
        self.log = folder / "host.log"
        self._environment = {
            **os.environ,
            "SAMPLE_JOURNAL": str(self.journal),
            "SAMPLE_SCHEDULE": "0 0 4 1 1 *",
            "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING": "1" if strict else "0",
        }
        self.url, self.functions = "", {}
        self.journal.touch()

    async def up(self) -> "Driver":
        """Start the process and read its one line."""
        command = [
            *(sys.executable, "-m", "local.host", "--app", str(self.app), "--json"),
            *("--db", str(self.folder / "state.db"), "--key", KEY, "--clock", str(self.clock)),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=self._environment
            )
        assert self.process.stdout
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert line, self.log.read_text()
        served = json.loads(line)
        self.url, self.functions = served["url"], served["functions"]
        self.http = aiohttp.ClientSession(self.url)
        return self

    async def down(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for it; gives its exit status."""
        await self.http.close()
        self.process.send_signal(number)
        status = await asyncio.to_thread(self.process.wait, 10)
        assert self.process.stdout
        self.process.stdout.close()
        return status

    async def reborn(self) -> None:
        """Kill the process as a power cut would, and start another on the same state."""
        await self.down(signal.SIGKILL)
        await self.up()

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """One request with the key; gives status and body, parsed when it is JSON."""
        headers = {"x-functions-key": KEY, **options.pop("headers", {})}
        async with self.http.request(method, path, headers=headers, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text[
                :1
            ] in '{["0123456789' and text else text

    async def start(self, name: str, given: Any = None, instance_id: str = "") -> str:
        """Start an orchestration through the app's durable client."""
        query = {"id": instance_id} if instance_id else {}
        status, body = await self.call("POST", f"/api/start/{name}", json=given, params=query)
        assert status == 202, (status, body)
        return body["id"]

    async def api(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """One call of the public management API."""
        return await self.call(method, f"/runtime/webhooks/durabletask/{path}", **options)

    async def status(self, instance_id: str, **query: str) -> Any:
        """The status of an instance."""
        return (await self.api("GET", f"instances/{instance_id}", params=query))[1]

    async def raise_event(self, instance_id: str, name: str, value: Any) -> None:
        """Raise an event through the public API."""
        path = f"instances/{instance_id}/raiseEvent/{name}"
        assert (await self.api("POST", path, json=value))[0] == 202

    async def ended(self, instance_id: str, seconds: float = 10) -> Any:
        """Wait for the end; gives the status."""
        return await self.until(instance_id, lambda each: each["runtimeStatus"] in ENDED, seconds)

    async def until(self, instance_id: str, fits: Any, seconds: float = 10) -> Any:
        """Wait until the status fits; gives it."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            status = await self.status(instance_id)
            if fits(status):
                return status
            await asyncio.sleep(0.01)
        raise AssertionError(f"waited {seconds} s in vain: {status}")

    async def run(self, name: str, given: Any = None) -> Any:
        """Start an orchestration and give its output, once it has completed."""
        status = await self.ended(await self.start(name, given))
        assert status["runtimeStatus"] == "Completed", status
        return status["output"]

    async def failure(self, name: str, given: Any = None) -> str:
        """Start an orchestration and give the sentence with which it failed."""
        status = await self.ended(await self.start(name, given))
        assert status["runtimeStatus"] == "Failed", status
        return status["output"]

    def lines(self, about: str = "") -> list[str]:
        """The journal's lines that mention `about`."""
        return [each for each in self.journal.read_text().splitlines() if about in each]

    async def noted(self, line: str, seconds: float = 5) -> None:
        """Wait until the journal has `line`."""
        limit = time.monotonic() + seconds
        while line not in self.lines():
            assert time.monotonic() < limit, f"{line!r} is not in {self.lines()}"
            await asyncio.sleep(0.01)
