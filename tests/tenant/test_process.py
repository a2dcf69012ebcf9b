"""The tenant as a process: one line when it is ready, a clean stop, and the same tenant again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from local import certificates

ROOT = Path(__file__).parents[2]
Start = Callable[[], tuple["subprocess.Popen[str]", dict[str, Any]]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Start]:
    """Starts the process on one data folder; whatever is left is ended afterwards."""
    files = certificates.ensure(tmp_path)
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple["subprocess.Popen[str]", dict[str, Any]]:
        options = ["--data", tmp_path / "data", "--clock", tmp_path / "clock"]
        options += ["--cert", files.cert, "--key", files.key]
        command = [sys.executable, "-m", "local.tenant", *map(str, options)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_clean_stop_is_resumed_with_keys_objects_and_logs(begin: Start) -> None:
    process, facts = begin()
    assert {"graph", "entra", "world", "tenants", "api", "bot"} <= facts.keys()
    assert [tenant["domain"] for tenant in facts["tenants"]] == [
        "alderfinch.example",
        "borealis.example",
    ]
    olga = {"upn": "olga.brandt@alderfinch.example", "audience": "graph"}
    token = _ask(f"{facts['world']}/token", "POST", olga)["token"]
    freya = next(p for p in _ask(f"{facts['world']}/people") if p["upn"].startswith("freya"))
    groups = _ask(f"{facts['world']}/objects/groups")
    finance = next(group for group in groups if group["displayName"] == "Finance")
    path = f"{facts['graph']}/groups/{finance['id']}/members/$ref"
    reference = {"@odata.id": f"https://x/v1.0/users/{freya['oid']}"}
    _ask(path, "POST", reference, token)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0

    again, resumed = begin()
    assert (resumed["graph"], resumed["entra"]) == (facts["graph"], facts["entra"])
    shown = _ask(f"{resumed['world']}/objects/groups/{finance['id']}")
    assert freya["oid"] in shown["members"]
    assert _ask(f"{resumed['graph']}/me", token=token)["displayName"] == "Olga Brandt"
    assert [entry["changed"] for entry in _ask(f"{resumed['world']}/changes")] == [True]
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=10) == 0


def test_the_kept_state_is_for_its_owner_only(begin: Start, tmp_path: Path) -> None:
    process, _ = begin()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    assert os.stat(tmp_path / "data" / "tenant.json").st_mode & 0o077 == 0


def test_the_targets_file_names_groups_and_people_that_exist() -> None:
    folder = ROOT / "local" / "tenant"
    seed = yaml.safe_load((folder / "seed.yaml").read_text(encoding="utf-8"))
    targets = yaml.safe_load((folder / "targets.yaml").read_text(encoding="utf-8"))
    tenants = {tenant["id"]: tenant for tenant in seed["tenants"].values()}
    assert targets.keys() == tenants.keys()
    for tenant, entries in targets.items():
        for kind, known in (("group", "groups"), ("person", "people")):
            named = {entry[kind] for entry in entries if kind in entry}
            assert named <= {item["id"] for item in tenants[tenant][known]}
        assert all(("group" in entry) != ("person" in entry) for entry in entries)


def _ask(url: str, method: str = "GET", body: Any = None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method), timeout=10) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else None
