"""Making the environment: all of it or nothing, once, by one process at a time."""

import hashlib
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import setup
from local.__main__ import refuse_python, usage
from local.setup import Environment, SetupError, find_node

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return pinned_lists(tmp_path)


def pinned_lists(project: Path) -> Path:
    """A project with the real pinned lists and nothing installed."""
    (project / "local").mkdir()
    for name in setup.PINNED:
        (project / name).write_bytes((ROOT / name).read_bytes())
    return project


def cut_off(environment: pytest.MonkeyPatch) -> None:
    """No registry answers, and pip asks once."""
    for name, value in {"INDEX_URL": NOWHERE, "RETRIES": "0", "CONFIG_FILE": "/dev/null"}.items():
        environment.setenv(f"PIP_{name}", value)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        environment.delenv(name, raising=False)


class Tools:
    """The installers that set-up calls, cut down to notes of who was called: no network."""

    def __init__(self, project: Path, environment: pytest.MonkeyPatch) -> None:
        self.project = project
        self._programs = project / "bin"
        self._programs.mkdir()
        self._notes = project / "calls"
        self._script("node", "echo v20.0.0")
        self._script("npm", f"echo npm >> {self._notes}")
        cut_off(environment)
        environment.setenv("PIP_FIND_LINKS", str(self._programs))
        environment.setenv("PATH", f"{self._programs}:/usr/bin:/bin")

    def uv_does(self, command: str) -> None:
        """Make the package `uv`, whose one program does `command`, the only pinned package."""
        wheel = self._programs / "uv-1.0-py3-none-any.whl"
        program = zipfile.ZipInfo("uv-1.0.data/scripts/uv")
        program.external_attr = 0o100755 << 16
        with zipfile.ZipFile(wheel, "w") as made:
            info = "Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n"
            made.writestr("uv-1.0.dist-info/METADATA", info)
            made.writestr("uv-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            made.writestr("uv-1.0.dist-info/RECORD", "")
            made.writestr(program, f"#!/bin/sh\necho uv >> {self._notes}\n{command}\n")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        pinned = f"uv==1.0 \\\n    --hash=sha256:{digest}\n"
        (self.project / "requirements-dev.txt").write_text(pinned)

    def calls(self) -> list[str]:
        """Who was called, in order."""
        return self._notes.read_text().split() if self._notes.exists() else []

    def _script(self, name: str, command: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)


@pytest.fixture(scope="module")
def made_at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """Two set-ups at once, over what a killed one left, where uv fails."""
    project = pinned_lists(tmp_path_factory.mktemp("project"))
    (project / ".venv").mkdir()
    (project / ".venv" / "warrant-setup").write_text("unfinished")
    (project / ".venv" / "half-installed").touch()
    with pytest.MonkeyPatch.context() as environment:
        tools = Tools(project, environment)
        tools.uv_does("exit 2")
        assert not Environment(project).ready()
        threads = [threading.Thread(target=Environment(project).ensure) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield tools


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13), (3, 13, 0), (4, 0, 0)])
def test_another_python_is_refused_in_one_sentence(version: tuple[int, ...]) -> None:
    said = refuse_python(version)
    assert said is not None
    assert said.startswith("warrant needs Python 3.11 or 3.12, this is Python ")
    assert "\n" not in said


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9)])
def test_a_supported_python_is_accepted(version: tuple[int, ...]) -> None:
    assert refuse_python(version) is None


def test_without_network_nothing_is_left_behind(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(monkeypatch)
    environment = Environment(project)
    with pytest.raises(SetupError, match="needs the network") as fault:
        environment.ensure()
    assert "\n" not in str(fault.value)
    assert str(environment.log) in str(fault.value)
    assert "No matching distribution" in environment.log.read_text()
    assert not environment.venv.exists()
    assert not environment.node_modules.exists()
    assert not environment.ready()


def test_an_interrupted_set_up_leaves_nothing_behind(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = Tools(project, monkeypatch)
    tools.uv_does("exec sleep 60")
    code = "import sys, pathlib as p, local.setup as s; s.Environment(p.Path(sys.argv[1])).ensure()"
    command = [sys.executable, "-c", code, str(project)]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while not tools.calls():
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait() != 0
    assert not (project / ".venv").exists()


def test_two_set_ups_at_once_install_once(made_at_once: Tools) -> None:
    assert Environment(made_at_once.project).ready()
    assert made_at_once.calls() == ["uv", "npm"]


def test_what_a_killed_set_up_left_is_removed(made_at_once: Tools) -> None:
    assert not (made_at_once.project / ".venv" / "half-installed").exists()


def test_where_uv_fails_pip_installs(made_at_once: Tools) -> None:
    log = Environment(made_at_once.project).log.read_text()
    assert "-m pip install" in log.partition("bin/uv pip install")[2]


@pytest.mark.parametrize("name", setup.PINNED)
def test_it_is_ready_until_a_pinned_list_changes(made_at_once: Tools, name: str) -> None:
    environment, pinned = Environment(made_at_once.project), made_at_once.project / name
    before = pinned.read_bytes()
    pinned.write_bytes(before + b" ")
    assert not environment.ready()
    pinned.write_bytes(before)
    assert environment.ready()


def test_an_environment_of_somebody_else_is_left_alone(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "theirs").touch()
    with pytest.raises(SetupError, match="was not made by this set-up"):
        Environment(project).ensure()
    assert (project / ".venv" / "theirs").exists()


def test_a_node_that_is_too_old_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v16.20.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert find_node(tmp_path / ".venv") is None
    (tmp_path / "node").write_text("#!/bin/sh\necho v18.0.0\n")
    found = find_node(tmp_path / ".venv")
    assert found is not None
    assert found.binary == str(tmp_path / "node")


@pytest.mark.parametrize("asked", [["--help"], []])
def test_the_commands_are_listed_without_any_installation(asked: list[str]) -> None:
    code = 0 if asked else 2
    done = run(*asked)
    assert (done.returncode, done.stdout.strip()) == (code, usage())


def test_an_unknown_command_is_one_sentence() -> None:
    done = run("dance")
    assert done.returncode == 2
    assert done.stderr.startswith("expected one of demo, test, up, down, check, bench, saw `dance`")


def test_every_pinned_package_has_hashes_and_names_no_host() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "local/requirements-node.txt"):
        text = (ROOT / name).read_text()
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
        assert pins
        assert all(line.endswith("\\") for line in pins)
        assert "://" not in text
    lock = (ROOT / "local/package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def test_the_deployed_list_is_part_of_the_developers_list() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and line[0] not in "# "}

    assert pins("requirements.txt") < pins("requirements-dev.txt")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The interpreter without site-packages: nothing but the standard library may be needed.
    command = [sys.executable, "-S", "-m", "local", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
