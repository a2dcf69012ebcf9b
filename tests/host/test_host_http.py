"""HTTP triggers: routes, keys, bodies and what a caller is shown."""

import asyncio
import base64
import json
from pathlib import Path

import aiohttp
import pytest

from tests.host.driver import KEY, Driver


async def _bare(host: Driver, method: str, path: str, **options: object) -> tuple[int, bytes]:
    async with host.http.request(method, path, **options) as response:  # type: ignore[arg-type]
        return response.status, await response.read()


async def test_an_anonymous_function_needs_no_key(shared_host: Driver) -> None:
    assert await _bare(shared_host, "GET", "/api/ping?x=1") == (200, b"pong 1")


@pytest.mark.parametrize("path", ["/api/start/fan_out", "/api/admin_only"])
async def test_a_function_with_a_level_needs_the_key(shared_host: Driver, path: str) -> None:
    for wrong in ({}, {"x-functions-key": "wrong"}):
        assert await _bare(shared_host, "POST", path, headers=wrong) == (401, b"")
    assert (await _bare(shared_host, "POST", path, params={"code": "wrong"}))[0] == 401
    assert (await _bare(shared_host, "POST", path, params={"code": KEY}))[0] in (200, 202)
    assert (await _bare(shared_host, "POST", path, headers={"x-functions-key": KEY}))[0] < 300


async def test_an_unknown_path_and_a_wrong_method_are_404_as_in_azure(shared_host: Driver) -> None:
    assert (await _bare(shared_host, "GET", "/api/nobody"))[0] == 404
    assert (await _bare(shared_host, "DELETE", "/api/ping"))[0] == 404
    assert (await _bare(shared_host, "GET", "/ping"))[0] == 404


async def test_a_function_sees_the_request_as_the_worker_shows_it(shared_host: Driver) -> None:
    headers = [("X-Many", "a"), ("X-Many", "b")]
    async with shared_host.http.put(
        "/api/ECHO/a%2Fb%20c?q=1&q=2&e=%C3%BC", headers=headers, data=b"\x00\xffraw"
    ) as response:
        seen = await response.json()
    assert seen["method"] == "PUT"
    assert seen["x-many"] == "a,b"
    assert seen["params"] == {"q": "1,2", "e": "ü"}
    assert seen["route"] == {"id": "a/b c"}
    assert base64.b64decode(seen["body"]) == b"\x00\xffraw"
    assert seen["url"].startswith(shared_host.url + "/api/ECHO/a%2Fb")
    assert seen["function"] == "echo"


async def test_routes_have_constraints_rests_and_optional_parts(shared_host: Driver) -> None:
    assert await _bare(shared_host, "GET", "/api/items/-7") == (200, b"item -7")
    assert (await _bare(shared_host, "GET", "/api/items/seven"))[0] == 404
    assert await _bare(shared_host, "GET", "/api/files/a/b%20c/d") == (200, b"a/b c/d")
    assert await _bare(shared_host, "GET", "/api/files") == (200, b"none")
    assert (await shared_host.call("POST", "/api/client/all"))[0] == 200


async def test_a_response_keeps_status_bytes_and_every_cookie(shared_host: Driver) -> None:
    async with shared_host.http.get("/api/cookies") as response:
        assert response.status == 201
        assert await response.read() == b"\x00\xff"
        assert response.headers.getall("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
        assert response.content_type == "application/octet-stream"


async def test_none_is_204_and_a_string_is_plain_text(shared_host: Driver) -> None:
    assert await _bare(shared_host, "GET", "/api/nothing") == (204, b"")
    async with shared_host.http.get("/api/ping") as response:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/api/boom", "/api/not_a_response"])
async def test_a_failure_shows_the_caller_nothing(shared_host: Driver, path: str) -> None:
    assert await _bare(shared_host, "GET", path) == (500, b"")


async def test_the_log_has_the_trace_of_a_failure(shared_host: Driver) -> None:
    await _bare(shared_host, "GET", "/api/boom")
    records = [json.loads(each) for each in shared_host.log.read_text().splitlines()]
    assert any("a secret of the inside" in each["message"] for each in records)


async def test_a_client_that_goes_away_does_not_end_the_function(shared_host: Driver) -> None:
    impatient = aiohttp.ClientTimeout(total=0.1)
    with pytest.raises(asyncio.TimeoutError):
        await shared_host.http.get("/api/slow", timeout=impatient)
    await shared_host.noted("slow ended")


async def test_a_body_over_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1000")
    host = await Driver(tmp_path).up()
    assert (await _bare(host, "POST", "/api/echo/1", data=b"x" * 1000))[0] == 200
    assert (await _bare(host, "POST", "/api/echo/1", data=b"x" * 1001))[0] == 413
    assert await host.down() == 0


async def test_it_listens_on_loopback_only(shared_host: Driver) -> None:
    assert shared_host.url.startswith("http://127.0.0.1:")
    port = int(shared_host.url.rsplit(":", 1)[1])
    listening = Path(f"/proc/{shared_host.process.pid}/net/tcp").read_text()
    assert f" 0100007F:{port:04X} 00000000:0000 0A" in listening
    assert f" 00000000:{port:04X} 00000000:0000 0A" not in listening


async def test_the_line_on_standard_output_names_every_function(shared_host: Driver) -> None:
    assert shared_host.functions["ping"] == "httpTrigger"
    assert shared_host.functions["nightly"] == "timerTrigger"
    assert shared_host.functions["fan_out"] == "orchestrationTrigger"
    assert shared_host.functions["square"] == "activityTrigger"
    assert shared_host.functions["count"] == "entityTrigger"
