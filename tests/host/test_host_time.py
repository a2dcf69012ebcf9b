"""Durable timers and timer triggers on the shifted clock."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from local.clock import write_offset
from tests.host.driver import KEY, Driver

_DAY = 24 * 3600


async def test_a_timer_fires_within_a_moment_of_the_clock_moving(own_host: Driver) -> None:
    instance_id = await own_host.start("sleep_until", {"seconds": 3600})
    await own_host.until(instance_id, lambda each: each["runtimeStatus"] == "Running")
    write_offset(own_host.clock, 3600.5)
    moved = time.monotonic()
    status = await own_host.ended(instance_id)
    assert time.monotonic() - moved < 0.5
    at = datetime.fromisoformat(status["output"])
    assert timedelta(minutes=59) < at - datetime.now(UTC) < timedelta(minutes=61)
    assert status["lastUpdatedTime"] > status["createdTime"]


async def test_a_timer_due_while_the_host_was_down_fires_at_the_start(own_host: Driver) -> None:
    instance_id = await own_host.start("sleep_until", {"seconds": 3600})
    await own_host.until(instance_id, lambda each: each["runtimeStatus"] == "Running")
    await own_host.down()
    write_offset(own_host.clock, 7200)
    await own_host.up()
    assert (await own_host.ended(instance_id, 2))["runtimeStatus"] == "Completed"


async def test_an_event_after_the_first_leg_of_a_long_timer_waits_for_the_next_leg(
    own_host: Driver,
) -> None:
    """Timers over six days run in legs of three, which the extension awaits one by one.

    So a wait of ten days that an event should cut short is held up, in Azure as here, until the
    leg ends that was running when the event came. A deadline of up to six days has no legs.
    """
    instance_id = await own_host.start("long_wait")
    await own_host.until(instance_id, lambda each: each["runtimeStatus"] == "Running")
    write_offset(own_host.clock, 3 * _DAY + 60)
    await asyncio.sleep(0.2)
    await own_host.raise_event(instance_id, "Approval", 1)
    await asyncio.sleep(0.2)
    assert (await own_host.status(instance_id))["runtimeStatus"] == "Running"
    write_offset(own_host.clock, 6 * _DAY + 120)
    await asyncio.sleep(0.2)
    write_offset(own_host.clock, 9 * _DAY + 180)
    await asyncio.sleep(0.2)
    write_offset(own_host.clock, 10 * _DAY + 240)
    assert (await own_host.ended(instance_id))["output"] == "event"


async def test_timer_triggers_run_at_start_on_time_and_past_due(own_host: Driver) -> None:
    await own_host.noted("at_start")
    assert own_host.lines("nightly") == []
    write_offset(own_host.clock, 25 * 3600)
    await own_host.noted("nightly past_due=True True")
    await own_host.noted("at_start")
    assert own_host.lines("nightly") == ["nightly past_due=True True"]  # once, however late


async def test_a_timer_trigger_missed_while_down_runs_at_the_start(own_host: Driver) -> None:
    await own_host.down()
    write_offset(own_host.clock, 25 * 3600)
    await own_host.up()
    await own_host.noted("nightly past_due=True True")


async def test_a_timer_trigger_can_be_fired_now_with_the_key(shared_host: Driver) -> None:
    path = "/admin/functions/nightly"
    for wrong in ({}, {"x-functions-key": "wrong"}):
        async with shared_host.http.post(path, json={}, headers=wrong) as response:
            assert response.status == 401
    async with shared_host.http.post(path, json={}, headers={"x-functions-key": KEY}) as response:
        assert response.status == 202
    await shared_host.noted("nightly past_due=False True")
    assert (await shared_host.call("POST", "/admin/functions/nobody"))[0] == 404
    assert (await shared_host.call("POST", "/admin/functions/ping"))[0] == 400


async def test_a_timer_trigger_that_fails_leaves_the_host_alone(shared_host: Driver) -> None:
    assert (await shared_host.call("POST", "/admin/functions/failing"))[0] == 202
    await shared_host.noted("failing")
    assert (await shared_host.call("GET", "/api/ping"))[0] == 200
