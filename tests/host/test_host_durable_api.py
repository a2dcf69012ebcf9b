"""The management API: who may call it, its status codes, queries and purges."""

import asyncio

import pytest

from tests.host.driver import KEY, Driver

_WEBHOOK = "/runtime/webhooks/durabletask/"


async def _code(host: Driver, method: str, path: str, **headers: str) -> int:
    async with host.http.request(method, path, headers=headers) as response:
        return response.status


async def test_the_public_webhook_needs_the_system_key(shared_host: Driver) -> None:
    path = f"{_WEBHOOK}instances/"
    assert await _code(shared_host, "GET", path) == 401
    assert await _code(shared_host, "GET", path, **{"x-functions-key": "wrong"}) == 401
    assert await _code(shared_host, "GET", f"{path}?code=wrong") == 401
    assert await _code(shared_host, "GET", path, **{"x-functions-key": KEY}) == 200


@pytest.mark.parametrize("path", ["instances/", "guess/instances/", "", "guess"])
async def test_an_outsider_cannot_use_the_apps_own_way(shared_host: Driver, path: str) -> None:
    headers = {"x-functions-key": KEY}  # not even with the key: the secret is the app's alone
    assert await _code(shared_host, "GET", f"/durabletask/{path}", **headers) == 401


async def test_a_check_status_payload_carries_the_system_key(shared_host: Driver) -> None:
    """Why a product must not hand it out: it opens every instance."""
    status, urls = await shared_host.call("POST", "/api/start/fan_out")
    assert status == 202
    assert all("code=" in url for name, url in urls.items() if name != "id")
    async with shared_host.http.get(urls["statusQueryGetUri"]) as response:
        assert response.status in (200, 202)


async def test_an_instance_is_202_while_it_lives_and_200_when_it_has_ended(
    shared_host: Driver,
) -> None:
    instance_id = await shared_host.start("approval")
    path = f"{_WEBHOOK}instances/{instance_id}"
    async with shared_host.http.get(path, params={"code": KEY}) as response:
        assert response.status == 202
        assert response.headers["Retry-After"] == "5"
        assert response.headers["Location"].endswith(f"{instance_id}?code=sample+key/with+signs")
    await shared_host.api("POST", f"instances/{instance_id}/terminate")
    await shared_host.ended(instance_id)
    assert (await shared_host.api("GET", f"instances/{instance_id}"))[0] == 200


async def test_a_failed_instance_is_200_unless_500_is_asked_for(shared_host: Driver) -> None:
    instance_id = await shared_host.start("fails")
    await shared_host.ended(instance_id)
    path = f"instances/{instance_id}"
    assert (await shared_host.api("GET", path))[0] == 200
    query = {"returnInternalServerErrorOnFailure": "true"}
    assert (await shared_host.api("GET", path, params=query))[0] == 500


async def test_what_is_unknown_is_404(shared_host: Driver) -> None:
    for method, path in (
        ("GET", "instances/nobody"),
        ("DELETE", "instances/nobody"),
        ("POST", "instances/nobody/terminate"),
        ("POST", "instances/nobody/raiseEvent/Go"),
        ("POST", "instances/nobody/dance"),
        ("PUT", "instances/nobody"),
        ("GET", "nothing"),
    ):
        assert (await shared_host.api(method, path))[0] == 404, path
    assert (await shared_host.call("POST", "/api/client/status/nobody"))[1] == {"found": False}


async def test_an_unknown_orchestrator_is_400_with_a_sentence(shared_host: Driver) -> None:
    status, body = await shared_host.api("POST", "orchestrators/nobody")
    assert status == 400
    assert body["ExceptionMessage"] == (
        "The function 'nobody' doesn't exist, is disabled, or is not an orchestrator function."
    )


@pytest.mark.parametrize("instance_id", ["@odd", "a%23b", "a%3Fb", "x" * 257])
async def test_an_unusable_id_is_400(shared_host: Driver, instance_id: str) -> None:
    assert (await shared_host.api("POST", f"orchestrators/fan_out/{instance_id}"))[0] == 400


async def test_the_id_of_an_ended_instance_is_replaced_in_silence(shared_host: Driver) -> None:
    await shared_host.ended(await shared_host.start("fan_out", {"n": 2}, "again"))
    await shared_host.start("fan_out", {"n": 3}, "again")
    assert (await shared_host.ended("again"))["output"]["sum"] == 5


async def test_the_id_of_a_running_instance_is_an_error(shared_host: Driver) -> None:
    await shared_host.start("approval", None, "taken")
    status, body = await shared_host.api("POST", "orchestrators/fan_out/taken")
    assert (status, body) == (409, {"Message": "an instance with the id 'taken' is still running"})
    query = {"id": "taken"}
    assert (await shared_host.call("POST", "/api/start/fan_out", params=query))[0] == 500
    assert (await shared_host.status("taken"))["name"] == "approval"


async def test_a_start_may_wait_for_the_output(shared_host: Driver) -> None:
    query = {"timeout": "5", "pollingInterval": "1"}
    answer = await shared_host.api("POST", "orchestrators/chain", json={"n": 3}, params=query)
    assert answer == (200, 5)
    query["timeout"] = "0.05"
    status, urls = await shared_host.api("POST", "orchestrators/approval", params=query)
    assert status == 202
    assert "statusQueryGetUri" in urls


async def test_a_raised_event_must_be_json(shared_host: Driver) -> None:
    instance_id = await shared_host.start("approval")
    path = f"instances/{instance_id}/raiseEvent/Approval"
    assert (await shared_host.api("POST", path, data="text"))[0] == 400
    headers = {"Content-Type": "application/json"}
    assert (await shared_host.api("POST", path, data="{", headers=headers))[0] == 400


async def test_the_history_joins_what_was_scheduled_to_how_it_ended(shared_host: Driver) -> None:
    instance_id = await shared_host.start("chain", {"n": 2})
    await shared_host.ended(instance_id)
    query = {"showHistory": "true", "showHistoryOutput": "true"}
    events = (await shared_host.status(instance_id, **query))["historyEvents"]
    names = [each["EventType"] for each in events]
    assert names == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert events[0]["FunctionName"] == "chain"
    assert (events[2]["FunctionName"], events[2]["Result"]) == ("square", 1)
    assert events[2]["ScheduledTime"] <= events[2]["Timestamp"]


async def test_results_and_inputs_are_shown_only_when_asked(shared_host: Driver) -> None:
    instance_id = await shared_host.start("chain", {"n": 1})
    await shared_host.ended(instance_id)
    shown = await shared_host.status(instance_id, showHistory="true", showInput="false")
    assert shown["input"] is None
    assert all("Result" not in each and "Input" not in each for each in shown["historyEvents"])


async def test_the_clients_history_is_empty_because_the_sdk_reads_another_name(
    shared_host: Driver,
) -> None:
    instance_id = await shared_host.start("chain", {"n": 1})
    await shared_host.ended(instance_id)
    _, seen = await shared_host.call("POST", f"/api/client/status/{instance_id}")
    assert (seen["found"], seen["history"]) == (True, None)


async def test_lists_are_filtered_and_paged_in_the_order_of_ids(shared_host: Driver) -> None:
    for number in range(5):
        await shared_host.start("chain", {"n": 1}, f"page-{number}")
    for number in range(5):
        await shared_host.ended(f"page-{number}")
    query = {"instanceIdPrefix": "page-", "top": "2", "runtimeStatus": "completed,Failed"}
    seen: list[list[str]] = []
    headers = {"x-functions-key": KEY}
    while True:
        path = f"{_WEBHOOK}instances/"
        async with shared_host.http.get(path, params=query, headers=headers) as response:
            seen.append([each["instanceId"] for each in await response.json()])
            token = response.headers.get("x-ms-continuation-token")
        if not token:
            break
        headers["x-ms-continuation-token"] = token
    assert seen == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]
    query["runtimeStatus"] = "Terminated"
    assert (await shared_host.api("GET", "instances/", params=query))[1] == []


async def test_lists_are_filtered_by_creation(shared_host: Driver) -> None:
    await shared_host.ended(await shared_host.start("chain", {"n": 1}, "dated"))
    query = {"instanceIdPrefix": "dated", "createdTimeFrom": "2020-01-01T00:00:00.000000Z"}
    assert len((await shared_host.api("GET", "instances", params=query))[1]) == 1
    query["createdTimeTo"] = "2020-01-02"
    assert (await shared_host.api("GET", "instances", params=query))[1] == []
    query["createdTimeTo"] = "yesterday"
    assert (await shared_host.api("GET", "instances", params=query))[0] == 400


async def test_only_ended_instances_are_purged(shared_host: Driver) -> None:
    await shared_host.start("approval", None, "purge-me")
    assert (await shared_host.api("DELETE", "instances/purge-me"))[0] == 412
    await shared_host.api("POST", "instances/purge-me/terminate")
    await shared_host.ended("purge-me")
    answer = await shared_host.api("DELETE", "instances/purge-me")
    assert answer == (200, {"instancesDeleted": 1})
    assert (await shared_host.api("GET", "instances/purge-me"))[0] == 404
    assert (await shared_host.call("POST", "/api/client/purge/purge-me"))[1] == 0


async def test_a_restart_runs_the_same_input_again(shared_host: Driver) -> None:
    instance_id = await shared_host.start("chain", {"n": 3})
    await shared_host.ended(instance_id)
    status, started = await shared_host.api("POST", f"instances/{instance_id}/restart")
    assert status == 202
    assert started["id"] != instance_id
    assert (await shared_host.ended(started["id"]))["output"] == 5
    query = {"restartWithNewInstanceId": "false"}
    path = f"instances/{instance_id}/restart"
    assert (await shared_host.api("POST", path, params=query))[1]["id"] == instance_id


async def test_the_clients_restart_gives_urls_with_the_key_not_an_id(shared_host: Driver) -> None:
    instance_id = await shared_host.start("chain", {"n": 1})
    await shared_host.ended(instance_id)
    _, given = await shared_host.call("POST", f"/api/client/restart/{instance_id}")
    assert "code=" in given["terminatePostUri"]


async def test_rewind_is_not_served(shared_host: Driver) -> None:
    instance_id = await shared_host.start("fails")
    await shared_host.ended(instance_id)
    assert (await shared_host.api("POST", f"instances/{instance_id}/rewind"))[0] == 501
    instance_id = await shared_host.start("chain", {"n": 1})
    await shared_host.ended(instance_id)
    assert (await shared_host.api("POST", f"instances/{instance_id}/rewind"))[0] == 412


async def test_a_filtered_purge_takes_ended_instances_and_needs_a_time(own_host: Driver) -> None:
    await own_host.ended(await own_host.start("chain", {"n": 1}))
    await own_host.ended(await own_host.start("fails"))
    await own_host.start("approval", None, "stays")
    assert (await own_host.api("DELETE", "instances/"))[0] == 400
    query = {"createdTimeFrom": "2020-01-01T00:00:00Z", "runtimeStatus": "Failed"}
    answer = await own_host.api("DELETE", "instances/", params=query)
    assert answer == (200, {"instancesDeleted": 1})
    del query["runtimeStatus"]
    assert (await own_host.api("DELETE", "instances/", params=query))[1] == {"instancesDeleted": 1}
    assert (await own_host.api("DELETE", "instances/", params=query))[0] == 404
    assert len((await own_host.api("GET", "instances/"))[1]) == 1


async def test_the_client_sees_the_first_page_of_a_hundred_only(own_host: Driver) -> None:
    await asyncio.gather(*(own_host.start("signals_only", {"key": "k"}) for _ in range(101)))
    assert len((await own_host.call("POST", "/api/client/all"))[1]) == 100
