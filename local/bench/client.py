"""One request as a client lives it: sent, waited for, read. Many of them at once.

Rules
- a person's sign-in is kept over requests, as real clients keep it for an hour;
- the end is awaited at the host's own status of the run, which costs the app nothing; asking the
  app again and again would be measured with the work;
- the time of the API is from `created_at` to `finished_at` as it tells them; the client's own is
  from sending to holding the answer, the accepting included.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from local.bench.cast import Asker
from local.stage import Stage

_GLANCE_SECONDS = 0.02  # times how many wait: a glance costs the host half a millisecond
_LONGEST_GLANCE = 0.3
_PATIENCE_SECONDS = 60.0
_ENDED = ("Completed", "Failed", "Terminated")


class BenchError(Exception):
    """The product did not do what is to be measured; a figure would mean nothing."""


@dataclass(frozen=True)
class Ran:
    """One request that ended: its id, how, and how long it took (ms)."""

    id: str
    status: str
    accepted_ms: float
    client_ms: float
    api_ms: float
    hops: int


@dataclass(frozen=True)
class _Pace:
    """When to begin to look for the end, and how often (seconds)."""

    not_before: float
    glance: float


class Client:
    """Sends requests of many people to one Functions host."""

    def __init__(self, stage: Stage, host_key: str) -> None:
        self._tenant = stage.facts["tenants"][0]["id"]
        self._url = str(stage.facts["functions"])
        self._host_key = host_key

    def run(
        self, askers: Sequence[Asker], *, status: str = "done", not_before: float = 0.0
    ) -> list[Ran]:
        """Send one request of every asker at once and wait for the end of all.

        No end is looked for in the first `not_before` seconds. Raises BenchError when a request
        ends otherwise than as `status`.
        """
        pace = _Pace(not_before, min(_LONGEST_GLANCE, _GLANCE_SECONDS * len(askers)))
        ran = asyncio.run(self._run(askers, pace))
        for one in ran:
            if one.status != status:
                raise BenchError(f"expected request {one.id} to be {status}, saw {one.status}")
        return ran

    async def _run(self, askers: Sequence[Asker], pace: "_Pace") -> list[Ran]:
        limits = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=limits, trust_env=False) as session:
            return await asyncio.gather(*(self._one(session, asker, pace) for asker in askers))

    async def _one(self, session: aiohttp.ClientSession, asker: Asker, pace: "_Pace") -> Ran:
        api, signed_in = f"{self._url}/api/v1/requests", f"Bearer {asker.token}"
        headers = {"authorization": signed_in, "idempotency-key": uuid.uuid4().hex}
        began = time.perf_counter()
        async with session.post(api, json={"text": asker.says}, headers=headers) as answer:
            said = await answer.json()
        if answer.status != 202:
            raise BenchError(f"expected 202, saw {answer.status} {said}")
        accepted = time.perf_counter()
        await asyncio.sleep(pace.not_before)
        history = await self._ended(session, said["id"], pace.glance)
        async with session.get(f"{api}/{said['id']}", headers=headers) as answer:
            seen = await answer.json()
        held = time.perf_counter()
        return Ran(
            id=said["id"],
            status=seen["status"],
            accepted_ms=(accepted - began) * 1000,
            client_ms=(held - began) * 1000,
            api_ms=_between(seen) * 1000,
            hops=sum(1 for event in history if event["EventType"] == "TaskCompleted"),
        )

    async def _ended(
        self, session: aiohttp.ClientSession, request: str, glance: float
    ) -> list[dict[str, Any]]:
        """Wait for the end of a run and return its history."""
        url = f"{self._url}/runtime/webhooks/durabletask/instances/{self._tenant}.{request}"
        key, until = {"code": self._host_key}, time.monotonic() + _PATIENCE_SECONDS
        while True:
            async with session.get(url, params=key) as answer:
                seen = await answer.json()
            if seen["runtimeStatus"] in _ENDED:
                break
            if time.monotonic() > until:
                raise BenchError(f"expected run {request} to end, saw {seen['runtimeStatus']}")
            await asyncio.sleep(glance)
        async with session.get(url, params={**key, "showHistory": "true"}) as answer:
            history: list[dict[str, Any]] = (await answer.json())["historyEvents"]
        return history


def _between(seen: Mapping[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(seen[k]) for k in ("created_at", "finished_at"))
    return (ended - began).total_seconds()


@contextmanager
def calls_of(stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """Collect the tenant's calls during a block; the list is filled when the block ends."""
    before = max((call["seq"] for call in stage.calls()), default=0)
    found: list[dict[str, Any]] = []
    yield found
    found += stage.calls(before)
