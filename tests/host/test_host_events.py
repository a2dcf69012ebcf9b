"""External events, suspension and termination, with the traps of the SDK as they are."""

import asyncio

from tests.host.driver import Driver


async def test_an_event_from_the_webhook_is_an_object(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    await shared_host.raise_event(instance_id, "Approval", {"ok": True, "by": "ü"})
    output = (await shared_host.ended(instance_id))["output"]
    assert output == {"decision": {"ok": True, "by": "ü"}, "type": "dict"}


async def test_an_event_from_the_client_is_a_string(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    status, _ = await shared_host.call(
        "POST", f"/api/raise/{instance_id}/Approval", json={"ok": True}
    )
    assert status == 202
    output = (await shared_host.ended(instance_id))["output"]
    assert output == {"decision": '{"ok": true}', "type": "str"}


async def test_the_sdk_does_not_match_an_event_in_another_case(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval", {"seconds": 0.5})
    await shared_host.raise_event(instance_id, "approval", 1)
    assert (await shared_host.ended(instance_id))["output"] == {"decision": "timeout"}


async def test_silence_until_the_deadline_is_a_timeout(shared_host: Driver) -> None:
    assert await shared_host.run("approval", {"seconds": 0.1}) == {"decision": "timeout"}


async def test_an_early_event_satisfies_every_later_wait_of_that_name(shared_host: Driver) -> None:
    """The SDK never removes a deferred event: the code runs on, the host waits for a second one."""
    instance_id = await shared_host.start("two_waits")
    await shared_host.raise_event(instance_id, "Go", 1)
    twice = {"first": 1, "second": 1}
    await shared_host.until(instance_id, lambda each: each["customStatus"] == twice)
    assert (await shared_host.status(instance_id))["runtimeStatus"] == "Running"
    await shared_host.raise_event(instance_id, "Go", 2)
    assert (await shared_host.ended(instance_id))["output"] == [1, 1]  # the second one is lost


async def test_an_early_event_passes_two_gates_that_have_deadlines(shared_host: Driver) -> None:
    """One event, two approvals: why every event needs a name of its own."""
    instance_id = await shared_host.start("two_waits_with_deadlines")
    await shared_host.raise_event(instance_id, "Go", "yes")
    assert (await shared_host.ended(instance_id))["output"] == ["yes", "yes"]


async def test_a_suspended_orchestration_does_not_run(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    await shared_host.call("POST", f"/api/client/suspend/{instance_id}")
    await shared_host.until(instance_id, lambda each: each["runtimeStatus"] == "Suspended")
    await shared_host.raise_event(instance_id, "Approval", 1)
    await asyncio.sleep(0.1)
    assert (await shared_host.status(instance_id))["runtimeStatus"] == "Suspended"
    await shared_host.call("POST", f"/api/client/resume/{instance_id}")
    assert (await shared_host.ended(instance_id))["output"]["decision"] == 1


async def test_a_result_that_comes_during_suspension_is_kept(shared_host: Driver) -> None:
    given = {"name": "work", "input": {"key": "suspended", "seconds": 0.2, "say": "kept"}}
    instance_id = await shared_host.start("call_any", given)
    await shared_host.noted("suspended begins")
    await shared_host.api("POST", f"instances/{instance_id}/suspend")
    await shared_host.noted("suspended ends")
    await asyncio.sleep(0.05)
    assert (await shared_host.status(instance_id))["runtimeStatus"] == "Suspended"
    await shared_host.api("POST", f"instances/{instance_id}/resume")
    assert (await shared_host.ended(instance_id))["output"] == "kept"
    assert shared_host.lines("suspended") == ["suspended begins", "suspended ends"]


async def test_termination_ends_it_with_the_reason(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    await shared_host.call("POST", f"/api/client/terminate/{instance_id}")
    status = await shared_host.ended(instance_id)
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "because")


async def test_a_suspended_orchestration_can_be_terminated(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    await shared_host.api("POST", f"instances/{instance_id}/suspend")
    await shared_host.api("POST", f"instances/{instance_id}/terminate", params={"reason": "no"})
    assert (await shared_host.ended(instance_id))["runtimeStatus"] == "Terminated"


async def test_an_ended_orchestration_takes_no_event(shared_host: Driver) -> None:
    instance_id = await shared_host.start("signals_only", {"key": "ended"})
    await shared_host.ended(instance_id)
    for operation in ("raiseEvent/Go", "terminate", "suspend", "resume"):
        path = f"instances/{instance_id}/{operation}"
        assert (await shared_host.api("POST", path, json=1))[0] == 410
