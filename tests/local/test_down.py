"""Stopping a running local world, and nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import down, pidfile

# Holds the pid file until SIGTERM, as a running world does.
WORLD = """
import signal, sys, threading
from pathlib import Path
from local import pidfile
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
held = pidfile.claim(Path(sys.argv[1]))
print("held", flush=True)
while not stop.wait(0.05):
    pass
"""


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_running_world_is_found_until_it_ends(tmp_path: Path, how: str) -> None:
    with running(tmp_path) as world:
        assert pidfile.holder(tmp_path / "up.pid") == world.pid
        world.terminate() if how == "terminated" else world.kill()
        world.wait()
        assert pidfile.holder(tmp_path / "up.pid") is None


def test_down_stops_the_world_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as world:
        assert down.main(["--data", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"pid": world.pid, "stopped": True}
        assert world.wait() == 0


def test_a_stale_number_is_never_signalled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "up.pid").write_text(f"{bystander.pid}\n")
    assert down.main(["--data", str(tmp_path)]) == 0
    assert "nothing runs" in capsys.readouterr().out
    time.sleep(0.1)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_two_worlds_cannot_share_a_data_folder(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        with pytest.raises(pidfile.AlreadyRunningError, match=f"as process {world.pid}"):
            pidfile.claim(tmp_path / "up.pid")
        world.kill()
        world.wait()
    with pidfile.claim(tmp_path / "up.pid"):
        assert (tmp_path / "up.pid").read_text() == f"{os.getpid()}\n"


def running(data: Path) -> "subprocess.Popen[str]":
    world = subprocess.Popen(
        [sys.executable, "-c", WORLD, str(data / "up.pid")], stdout=subprocess.PIPE, text=True
    )
    assert world.stdout is not None
    assert world.stdout.readline() == "held\n"
    return world
