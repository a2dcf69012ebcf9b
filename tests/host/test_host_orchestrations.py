"""What orchestrations may rely on, and the shapes that surprise them."""

import asyncio

from tests.host.driver import Driver


async def test_a_fan_out_sums_up(shared_host: Driver) -> None:
    instance_id = await shared_host.start("fan_out", {"n": 5})
    status = await shared_host.ended(instance_id)
    assert status["output"] == {"sum": 30, "echoed": {"a": [1, None, "ü"]}}
    assert status["customStatus"] == {"sum": 30}


async def test_a_hundred_at_once_all_finish(shared_host: Driver) -> None:
    ids = await asyncio.gather(*(shared_host.start("chain", {"n": 3}) for _ in range(100)))
    ended = [await shared_host.ended(each) for each in ids]
    assert {each["output"] for each in ended} == {5}


async def test_no_more_activities_run_at_once_than_host_json_allows(shared_host: Driver) -> None:
    jobs = [{"key": f"k{number}", "seconds": 0.5} for number in range(40)]
    starts = [shared_host.start("call_any", {"name": "work", "input": each}) for each in jobs]
    for each in await asyncio.gather(*starts):
        await shared_host.ended(each)
    words = [line.split()[1] for line in shared_host.lines() if line.startswith("k")]
    running = [words[:n].count("begins") - words[:n].count("ends") for n in range(len(words))]
    assert max(running) == 32


async def test_replaying_is_over_where_new_events_begin(shared_host: Driver) -> None:
    assert await shared_host.run("when_replaying") == [True, True, True, False]


async def test_an_input_from_the_client_is_a_string_of_json_in_the_status(
    shared_host: Driver,
) -> None:
    status = await shared_host.ended(await shared_host.start("give_back", {"n": 1}))
    assert status["input"] == '{"n": 1}'
    assert status["output"]["input"] == {"n": 1}


async def test_an_input_from_the_webhook_is_an_object_in_the_status(shared_host: Driver) -> None:
    _, started = await shared_host.api("POST", "orchestrators/give_back", json={"n": 1})
    status = await shared_host.ended(started["id"])
    assert status["input"] == {"n": 1}
    assert status["output"]["input"] == {"n": 1}


async def test_a_list_from_the_webhook_is_more_than_the_sdk_can_read(shared_host: Driver) -> None:
    _, started = await shared_host.api("POST", "orchestrators/give_back", json=[1, 2])
    status = await shared_host.ended(started["id"])
    assert status["runtimeStatus"] == "Failed"
    assert "the JSON object must be str" in status["output"]


async def test_no_input_and_null_are_the_same(shared_host: Driver) -> None:
    assert (await shared_host.run("give_back"))["input"] is None
    assert (await shared_host.run("give_back", None))["type"] == "NoneType"


async def test_the_version_asked_for_reaches_the_code(shared_host: Driver) -> None:
    query = {"version": "2.1"}
    _, started = await shared_host.call("POST", "/api/start/give_back", params=query)
    assert (await shared_host.ended(started["id"]))["output"]["version"] == "2.1"


async def test_a_payload_that_names_a_class_is_refused_under_strict_typing(
    shared_host: Driver,
) -> None:
    payload = {"__class__": "Path", "__module__": "pathlib", "__data__": "/"}
    sentence = await shared_host.failure("give_back", payload)
    assert "strict mode requires expected_type" in sentence


async def test_an_activity_refuses_a_payload_that_names_a_class(shared_host: Driver) -> None:
    payload = {"__class__": "Path", "__module__": "pathlib", "__data__": "/"}
    caught = await shared_host.run("call_any", {"name": "echo_value", "input": payload})
    assert "activity trigger input must be a string or a valid json" in caught["caught"]


async def test_an_activity_may_have_a_name_of_its_own(shared_host: Driver) -> None:
    given = {"name": "Renamed_Activity", "input": 1}
    assert await shared_host.run("call_any", given) == "renamed 1"


async def test_an_activity_that_cancels_itself_has_failed(shared_host: Driver) -> None:
    caught = await shared_host.run("call_any", {"name": "cancels_itself"})
    assert caught["caught"].startswith(
        "Activity function 'cancels_itself' failed:  CancelledError: the inner call was cancelled"
    )


async def test_a_result_that_is_not_json_is_a_failed_activity(shared_host: Driver) -> None:
    caught = await shared_host.run("call_any", {"name": "not_json"})
    assert "activity trigger output must be json serializable" in caught["caught"]


async def test_the_failure_of_an_activity_carries_its_stack(shared_host: Driver) -> None:
    caught = await shared_host.run(
        "call_any", {"name": "flaky", "input": {"key": "stack", "fails": 1}}
    )
    assert caught["caught"].startswith("Activity function 'flaky' failed:  ValueError: boom 1 \n ")
    assert "Traceback" in caught["caught"]


async def test_a_missing_activity_fails_the_orchestration(shared_host: Driver) -> None:
    assert await shared_host.failure("call_any", {"name": "nobody"}) == (
        "Orchestrator function 'call_any' failed: The function 'nobody' doesn't exist,"
        " is disabled, or is not an activity function."
    )


async def test_retries_stop_at_the_first_success(shared_host: Driver) -> None:
    given = {"fails": 2, "pause": 50, "attempts": 3}
    assert (await shared_host.run("retry", given))["result"] == "ok after 3"


async def test_retries_wait_one_more_timer_after_the_last_failure(shared_host: Driver) -> None:
    instance_id = await shared_host.start("retry", {"fails": 99, "pause": 200, "attempts": 2})
    outcome = (await shared_host.ended(instance_id))["output"]
    assert "boom 2" in outcome["result"]["caught"]
    assert outcome["seconds"] >= 0.4  # two pauses for two attempts
    events = (await shared_host.status(instance_id, showHistory="true"))["historyEvents"]
    assert [each["EventType"] for each in events].count("TaskFailed") == 2


async def test_retries_that_race_each_other_keep_their_numbers(shared_host: Driver) -> None:
    assert await shared_host.run("racing_retries") == ["ok after 2", "ok after 3", 81]


async def test_all_waits_for_the_slowest_even_after_a_failure(shared_host: Driver) -> None:
    assert await shared_host.run("all_with_failure") >= 0.4


async def test_a_sub_orchestration_knows_its_parent(shared_host: Driver) -> None:
    instance_id = await shared_host.start("parent")
    output = (await shared_host.ended(instance_id))["output"]
    assert output["named"]["sum"] == 5
    assert output["known"]["parent"] == instance_id
    assert output["known"]["input"] == {"x": 1}
    assert output["error"].startswith("Orchestrator function 'fails' failed: orchestrator blew up")
    assert (await shared_host.status(f"{instance_id}:c"))["runtimeStatus"] == "Completed"


async def test_a_sub_orchestration_is_retried_under_its_own_id(shared_host: Driver) -> None:
    assert await shared_host.run("parent_with_retry") == "ok after 2"


async def test_a_sub_orchestration_never_replaces_a_running_instance(shared_host: Driver) -> None:
    running = await shared_host.start("approval")
    given = {"name": "fan_out", "id": running}
    caught = await shared_host.run("parent_of_one", given)
    assert caught["caught"] == f"an instance with the id '{running}' is still running "
    assert (await shared_host.status(running))["name"] == "approval"


async def test_terminating_a_child_fails_it_for_its_parent(shared_host: Driver) -> None:
    given = {"name": "approval", "id": "child-to-end"}
    parent = await shared_host.start("parent_of_one", given)
    await shared_host.until("child-to-end", lambda each: each["runtimeStatus"] == "Running")
    await shared_host.api("POST", "instances/child-to-end/terminate", params={"reason": "enough"})
    assert (await shared_host.ended(parent))["output"] == {"caught": "enough "}


async def test_continue_as_new_counts_up(shared_host: Driver) -> None:
    assert await shared_host.run("count_up") == 3


async def test_a_timer_of_the_old_generation_never_reaches_the_new_one(
    shared_host: Driver,
) -> None:
    instance_id = await shared_host.start("renew_timer")
    await shared_host.raise_event(instance_id, "go", 1)
    assert (await shared_host.ended(instance_id))["output"] >= 0.6


async def test_a_late_result_of_the_old_generation_never_reaches_the_new_one(
    shared_host: Driver,
) -> None:
    instance_id = await shared_host.start("renew_result")
    await shared_host.noted(f"{instance_id}-old begins")
    await shared_host.raise_event(instance_id, "go", 1)
    assert (await shared_host.ended(instance_id))["output"] == "new"
    assert f"{instance_id}-old ends" in shared_host.lines()


async def test_an_async_orchestrator_fails_with_a_sentence(shared_host: Driver) -> None:
    assert await shared_host.failure("is_async") == (
        "Orchestrator function 'is_async' failed: orchestrator 'is_async' is 'async def':"
        " it must be a plain generator function"
    )


async def test_code_that_changes_its_mind_fails_with_a_sentence(shared_host: Driver) -> None:
    assert await shared_host.failure("changes_its_mind") == (
        "Orchestrator function 'changes_its_mind' failed: non-deterministic orchestrator:"
        " number 0 of the history is activity 'square',"
        " but the code now asks for activity 'echo_value'"
    )


async def test_call_http_fails_with_a_sentence(shared_host: Driver) -> None:
    assert await shared_host.failure("calls_http") == (
        "Orchestrator function 'calls_http' failed:"
        " call_http is not served by the local host: use an activity"
    )


async def test_an_output_that_is_not_json_fails_the_orchestration(shared_host: Driver) -> None:
    assert "not JSON serializable" in await shared_host.failure("returns_what_is_not_json")
