"""The door's patience: a repeat waits for a run that may be starting, and no longer than that."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent import admit
from agent.calls import Ref
from agent.ports import Tenant
from agent.values import RequestId, TenantId
from tests.unit.values import NOW

REF = Ref(tenant=TenantId("t"), request=RequestId("r"))


class Starting:
    """The durable runs, of which this one is known from the n-th look on."""

    def __init__(self, known_from: int | None) -> None:
        self.looks, self._known_from = 0, known_from

    async def known(self, ref: Ref) -> bool:
        assert ref == REF
        self.looks += 1
        return self._known_from is not None and self.looks >= self._known_from


async def underway(runs: Starting, age: timedelta) -> bool:
    tenant = cast(Tenant, SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW)))
    return await admit._underway(tenant, cast(Any, runs), REF, NOW - age)


async def test_a_run_that_never_started_is_taken_for_lost_at_once_when_its_time_is_over() -> None:
    runs = Starting(None)
    assert not await underway(runs, admit.GRACE)
    assert runs.looks == 1


async def test_the_first_of_two_calls_at_once_is_given_time_to_start_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admit, "GRACE_PAUSE", 0.0)
    runs = Starting(known_from=3)
    assert await underway(runs, timedelta(0))
    assert runs.looks == 3


async def test_a_clock_that_is_behind_does_not_make_anybody_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admit, "GRACE_PAUSE", 0.0)
    runs = Starting(None)
    assert not await underway(runs, timedelta(days=-1))
    assert runs.looks == admit.GRACE_LOOKS
