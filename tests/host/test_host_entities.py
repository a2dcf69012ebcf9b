"""Entities: calls, signals, state, errors, and how they are addressed."""

import asyncio
from typing import Any

from tests.host.driver import Driver


async def _state(host: Driver, key: str, value: Any) -> None:
    for _ in range(300):
        seen = (await host.call("GET", f"/api/counter/{key}"))[1]
        if seen == value:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"expected {value}, saw {seen}")


async def test_an_orchestration_calls_signals_and_catches(shared_host: Driver) -> None:
    assert await shared_host.run("use_entity") == {
        "added": 7,
        "seen": 7,
        "error": "unknown operation bad",
        "again": 0,
    }


async def test_an_orchestration_may_end_with_a_signal(shared_host: Driver) -> None:
    assert await shared_host.run("signals_only", {"key": "last"}) == "signalled"
    await _state(shared_host, "last", {"exists": True, "state": 7})


async def test_a_client_signals_and_reads(shared_host: Driver) -> None:
    for number in (5, 7):
        await shared_host.call("POST", "/api/counter/k1", json={"n": number})
    await _state(shared_host, "k1", {"exists": True, "state": 12})
    await _state(shared_host, "nobody", {"exists": False, "state": None})


async def test_an_entitys_name_is_lower_cased_its_key_is_not(shared_host: Driver) -> None:
    await shared_host.call("POST", "/api/counter/MixedKey", json={"n": 1})
    await _state(shared_host, "MixedKey", {"exists": True, "state": 1})
    assert await shared_host.api("GET", "entities/COUNTER/MixedKey") == (200, 1)
    assert (await shared_host.api("GET", "entities/counter/mixedkey"))[0] == 404
    listed = (await shared_host.api("GET", "entities/Counter"))[1]
    assert {"name": "counter", "key": "MixedKey"} in [each["entityId"] for each in listed]


async def test_the_sdks_client_sends_no_input_for_nought(shared_host: Driver) -> None:
    """`if operation_input`: a 0 is dropped, and the entity that reads its input fails."""
    await shared_host.call("POST", "/api/counter/nought", json={"n": 0})
    await shared_host.call("POST", "/api/counter/nought", json={"n": 2})
    await _state(shared_host, "nought", {"exists": True, "state": 2})


async def test_an_entity_that_is_destructed_is_gone(shared_host: Driver) -> None:
    await shared_host.call("POST", "/api/counter/gone", json={"n": 1})
    await _state(shared_host, "gone", {"exists": True, "state": 1})
    status, _ = await shared_host.api("POST", "entities/Counter/gone", params={"op": "reset"})
    assert status == 202
    await _state(shared_host, "gone", {"exists": False, "state": None})


async def test_a_missing_entity_is_400_with_a_sentence(shared_host: Driver) -> None:
    status, body = await shared_host.api("POST", "entities/Nobody/k", params={"op": "add"})
    assert status == 400
    assert body["Message"] == (
        "The function 'Nobody' doesn't exist, is disabled, or is not an entity function."
    )
