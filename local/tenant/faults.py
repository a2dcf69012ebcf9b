"""What goes wrong on purpose?

Answers which planted fault meets a request, and makes it wait, fail or vanish. Never changes the
tenant and never knows how a service words its refusals: services do that.

Rules:
- a fault matches by method, path (a pattern sought in the decoded path without query and, for
  Graph, without /v1.0) and actor (object id or user principal name); what is absent matches all;
- `nth` counts matching requests from one; from there on it fires `times` times;
- `hold_*` waits until the faults are deleted; whoever hangs up meanwhile is let go, and a request
  that was held before its commit is then never carried out;
- `timeout_*` waits `seconds` or until the caller hangs up, then ends the connection unanswered.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

Gone = Callable[[], bool]
Kind = Literal[
    "429",
    "503",
    "403",
    "claims",
    "timeout_before",
    "hold_before",
    "stale_read",
    "silent_204",
    "500_after_commit",
    "timeout_after_commit",
    "hold_after_commit",
    "disconnect_after_commit",
]
Said = TypeVar("Said")
_REFUSING = frozenset({"429", "503", "403", "claims"})
_DEFAULT_SECONDS = 30.0
_GLANCE = 0.02  # seconds between two looks at a held connection


class FaultMatch(BaseModel):
    """Which requests a fault meets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str | None = None
    path: str | None = None
    actor: str | None = None
    nth: int = Field(default=1, ge=1)

    @field_validator("path")
    @classmethod
    def _is_pattern(cls, path: str | None) -> str | None:
        try:
            re.compile(path or "")
        except re.error as fault:
            raise ValueError(f"expected a pattern, saw {path!r}") from fault
        return path


class FaultSpec(BaseModel):
    """A fault as the stage manager plants it; `seconds` is Retry-After or how long to hang."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: FaultMatch = FaultMatch()
    fault: Kind
    times: int = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, ge=0)


class InjectedError(Exception):
    """A refusal that was planted; the service puts it into its own words."""

    def __init__(self, kind: str, seconds: float | None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.seconds = seconds


class DroppedError(Exception):
    """The connection ends without an answer."""


class Fault:
    """One planted fault and how often it has been met."""

    def __init__(self, number: int, spec: FaultSpec) -> None:
        self.id = f"fault-{number}"
        self.spec = spec
        self.seen = self.fired = self.holding = 0
        self._released = False
        self._path = re.compile(spec.match.path) if spec.match.path else None

    def meets(self, method: str, path: str, actor: frozenset[str]) -> bool:
        """Whether this request is one of those the fault is for."""
        match = self.spec.match
        return (
            (match.method is None or match.method.upper() == method)
            and (self._path is None or self._path.search(path) is not None)
            and (match.actor is None or match.actor.lower() in actor)
        )

    def due(self) -> bool:
        """Count one more matching request; whether the fault fires on it."""
        self.seen += 1
        return self.seen >= self.spec.match.nth and self.fired < self.spec.times

    async def before(self, gone: Gone) -> None:
        """What happens before the request is carried out."""
        kind = self.spec.fault
        if kind in _REFUSING:
            raise InjectedError(kind, self.spec.seconds)
        if kind == "timeout_before":
            await self._hang(gone)
        if kind == "hold_before":
            await self._hold(gone)

    async def after(self, gone: Gone) -> None:
        """What happens between the commit and the answer."""
        kind = self.spec.fault
        if kind == "500_after_commit":
            raise InjectedError("500", self.spec.seconds)
        if kind == "disconnect_after_commit":
            raise DroppedError
        if kind == "timeout_after_commit":
            await self._hang(gone)
        if kind == "hold_after_commit":
            await self._hold(gone)

    def release(self) -> None:
        """Let every held request go on."""
        self._released = True

    def view(self) -> dict[str, Any]:
        """The fault as the stage manager shows it."""
        counts = {"id": self.id, "seen": self.seen, "fired": self.fired, "holding": self.holding}
        return self.spec.model_dump() | counts

    async def _hang(self, gone: Gone) -> None:
        seconds = _DEFAULT_SECONDS if self.spec.seconds is None else self.spec.seconds
        end = asyncio.get_running_loop().time() + seconds
        await self._watch(lambda: gone() or asyncio.get_running_loop().time() >= end)
        raise DroppedError

    async def _hold(self, gone: Gone) -> None:
        await self._watch(gone)
        if gone():
            raise DroppedError

    async def _watch(self, over: Callable[[], bool]) -> None:
        self.holding += 1
        try:
            # A connection that breaks sets no event: it can only be looked at.
            while not (self._released or over()):  # noqa: ASYNC110
                await asyncio.sleep(_GLANCE)
        finally:
            self.holding -= 1


class Faults:
    """All planted faults, in the order of planting."""

    def __init__(self) -> None:
        self._planted: list[Fault] = []
        self._number = 0

    def plant(self, specs: list[FaultSpec]) -> list[Fault]:
        """Add faults behind those already there."""
        fresh: list[Fault] = []
        for spec in specs:
            self._number += 1
            fresh.append(Fault(self._number, spec))
        self._planted.extend(fresh)
        return fresh

    def pick(self, method: str, path: str, actor: frozenset[str]) -> Fault | None:
        """The first fault that fires on this request; all that match count it."""
        met = [fault for fault in self._planted if fault.meets(method, path, actor)]
        due = [fault for fault in met if fault.due()]
        if not due:
            return None
        due[0].fired += 1
        return due[0]

    def clear(self) -> None:
        """Remove every fault and release what is held."""
        for fault in self._planted:
            fault.release()
        self._planted = []

    def view(self) -> list[dict[str, Any]]:
        """Every planted fault with its counts."""
        return [fault.view() for fault in self._planted]


async def met_by(fault: Fault | None, gone: Gone, carry_out: Callable[[], Awaitable[Said]]) -> Said:
    """Carry a request out, with the fault, if any, around it."""
    if fault is None:
        return await carry_out()
    await fault.before(gone)
    answer = await carry_out()
    await fault.after(gone)
    return answer
