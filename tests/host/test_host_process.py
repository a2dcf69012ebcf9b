"""The process and the class: how a host starts, refuses to, stops and fails."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from local.host.host import FunctionsHost
from tests.host.driver import ROOT, SAMPLE_APP, Driver

_APP = """
import azure.durable_functions as df

app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def hello(context):
    return (yield context.call_activity("greet", "you"))

@app.activity_trigger(input_name="name")
def greet(name: str) -> str:
    return "hello " + name
"""


@pytest.fixture(autouse=True)
def _modules_as_they_were() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in ("function_app", "sample_activities", "sample_orchestrations"):
        sys.modules.pop(name, None)
        if name in modules:
            sys.modules[name] = modules[name]


def _refused(folder: Path, *extra: str) -> str:
    command = [sys.executable, "-m", "local.host", "--db", str(folder / "state.db"), *extra]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_folder_without_an_app_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    said = _refused(tmp_path, "--app", str(tmp_path), "--key", "k")
    assert "expected a function_app.py in" in said


async def test_a_second_host_on_the_same_store_is_refused(
    own_host: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMPLE_SCHEDULE", "0 0 4 1 1 *")
    given = ("--app", str(SAMPLE_APP), "--key", "k")
    said = await asyncio.to_thread(_refused, own_host.folder, *given)
    assert "expected a store of our own at" in said
    assert "database is locked" in said
    assert (await own_host.call("GET", "/api/ping"))[0] == 200


async def test_a_fault_of_the_host_ends_it(own_host: Driver) -> None:
    own_host.clock.write_text("half past nine")
    await asyncio.to_thread(own_host.process.wait, 5)
    assert own_host.process.returncode == 1
    assert "expected a number of seconds" in own_host.log.read_text()


async def test_a_host_runs_inside_a_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_FUNCTIONS_DURABLE_STRICT_TYPING", "1")
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(_APP)
    host = FunctionsHost(tmp_path, tmp_path / "state.db", "key")
    await host.start()
    headers = {"x-functions-key": "key"}
    async with aiohttp.ClientSession(host.url, headers=headers) as http:
        base = "/runtime/webhooks/durabletask/"
        async with http.post(f"{base}orchestrators/hello/one") as response:
            assert response.status == 202
        assert await host.ended("one", 5)
        async with http.get(f"{base}instances/one") as response:
            assert (await response.json())["output"] == "hello you"
    await host.stop()
    assert host.functions == {"hello": "orchestrationTrigger", "greet": "activityTrigger"}


def test_a_host_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a key that is not empty"):
        FunctionsHost(tmp_path, tmp_path / "state.db", "")
