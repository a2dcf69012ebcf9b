"""Kill -9 at any moment: nothing is lost, and only unfinished activities are done again."""

import asyncio
import signal

from tests.host.driver import Driver


async def test_a_kill_during_activities_repeats_only_the_unfinished_ones(own_host: Driver) -> None:
    jobs = [{"key": f"j{n}", "seconds": 0.05 if n < 3 else 1, "say": n} for n in range(5)]
    ids = [
        await own_host.start("call_any", {"name": "work", "input": each}, each["key"])
        for each in jobs
    ]
    for each in ids[:3]:
        await own_host.ended(each)
    await own_host.noted("j4 begins")
    await own_host.reborn()
    outputs = [(await own_host.ended(each))["output"] for each in ids]
    assert outputs == [0, 1, 2, 3, 4]
    begun = sorted(own_host.lines("begins"))
    assert begun == [f"j{n} begins" for n in (0, 1, 2, 3, 3, 4, 4)]
    assert sorted(own_host.lines("ends")) == [f"j{n} ends" for n in range(5)]


async def test_a_kill_during_a_fan_out_keeps_the_finished_results(own_host: Driver) -> None:
    instance_id = await own_host.start("all_with_failure")  # one quick failure, one slow success
    await own_host.noted(f"{instance_id} begins")
    await asyncio.sleep(0.1)
    await own_host.reborn()
    assert (await own_host.ended(instance_id))["runtimeStatus"] == "Completed"
    assert own_host.lines(instance_id) == [
        f"{instance_id} begins",
        f"{instance_id} begins",
        f"{instance_id} ends",
    ]


async def test_a_kill_during_a_timer_keeps_the_timer(own_host: Driver) -> None:
    instance_id = await own_host.start("sleep_until", {"seconds": 1})
    await own_host.until(instance_id, lambda each: each["runtimeStatus"] == "Running")
    await own_host.reborn()
    assert (await own_host.ended(instance_id))["runtimeStatus"] == "Completed"


async def test_a_kill_during_a_wait_keeps_the_wait_and_an_event_that_was_taken(
    own_host: Driver,
) -> None:
    waiting = await own_host.start("approval")
    early = await own_host.start("two_waits")
    await own_host.noted(f"{early} begins")
    await own_host.raise_event(early, "Go", 1)
    await own_host.reborn()
    await own_host.raise_event(waiting, "Approval", "yes")
    assert (await own_host.ended(waiting))["output"]["decision"] == "yes"
    await own_host.until(early, lambda each: each["customStatus"] == {"first": 1, "second": 1})


async def test_a_kill_during_a_sub_orchestration_reports_to_the_parent(own_host: Driver) -> None:
    given = {"name": "long_work", "input": {"seconds": 0.8, "key": "child"}, "id": "the-child"}
    instance_id = await own_host.start("parent_of_one", given)
    await own_host.until("the-child", lambda each: each and each["runtimeStatus"] == "Running")
    await own_host.reborn()
    assert (await own_host.ended(instance_id))["output"] == "late"
    assert own_host.lines("child begins") == ["child begins"]


async def test_a_kill_around_entity_calls_never_counts_twice(own_host: Driver) -> None:
    ids = [await own_host.start("slow_entity", {"seconds": n / 50}) for n in range(20)]
    await asyncio.sleep(0.2)
    await own_host.reborn()
    outputs = [(await own_host.ended(each))["output"] for each in ids]
    assert outputs == [1] * 20


async def test_repeated_kills_lose_no_orchestration(own_host: Driver) -> None:
    ids = [await own_host.start("chain", {"n": 20}) for _ in range(20)]
    for pause in (0.02, 0.08, 0.15):
        await asyncio.sleep(pause)
        await own_host.reborn()
    outputs = {(await own_host.ended(each))["output"] for each in ids}
    assert outputs == {sum(n * n for n in range(20))}


async def test_a_clean_stop_is_quick_even_while_a_thread_works(own_host: Driver) -> None:
    given = {"name": "work_in_thread", "input": {"key": "stubborn", "seconds": 5}}
    instance_id = await own_host.start("call_any", given)
    await own_host.noted("stubborn begins")
    async with asyncio.timeout(3):
        assert await own_host.down(signal.SIGTERM) == 0
    await own_host.up()
    assert (await own_host.status(instance_id))["runtimeStatus"] == "Running"
    assert (await own_host.call("POST", f"/api/client/terminate/{instance_id}"))[0] == 200
