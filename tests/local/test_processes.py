"""Children of the local world: started when they say so, ended however the parent ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import ProcessError, Processes, json_line

SERVES = "import time; print('warming up'); print('{\"port\": 7}', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SERVES
# A parent that starts a child with a grandchild, says both ids and waits to be killed.
FAMILY = """
import sys, time
from pathlib import Path
from local.processes import Processes, json_line
grandchild = "import time; time.sleep(60)"
child = (
    "import subprocess, sys, time;"
    f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}]);"
    "print('{\\"grandchild\\": %d}' % p.pid, flush=True); time.sleep(60)"
)
processes = Processes()
started = processes.start([sys.executable, "-c", child], log=Path(sys.argv[1]), ready=json_line)
print(started.pid, started.ready["grandchild"], flush=True)
time.sleep(60)
"""


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_is_started_when_it_says_its_facts(processes: Processes, tmp_path: Path) -> None:
    child = processes.start(python(SERVES), log=tmp_path / "log", ready=json_line)
    assert child.ready == {"port": 7}
    assert child.exit_code is None
    assert child.terminate() == -signal.SIGTERM


def test_a_child_that_ends_early_is_an_error_with_its_last_words(
    processes: Processes, tmp_path: Path
) -> None:
    code = "import sys; sys.exit('port 80 is taken')"
    with pytest.raises(ProcessError, match=r"ended with code 1 [\s\S]*port 80 is taken"):
        processes.start(python(code), log=tmp_path / "log", ready=json_line)


def test_a_silent_child_is_an_error_and_is_ended(processes: Processes, tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); {SERVES}"
    with pytest.raises(ProcessError, match="did not say that it serves"):
        processes.start(
            python(code), log=tmp_path / "log", ready=lambda line: None, patience_seconds=0.5
        )
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_chatty_child_never_blocks_and_is_logged(processes: Processes, tmp_path: Path) -> None:
    code = "print('{}', flush=True)\nfor n in range(20000): print('line', n)\nprint('the end')"
    child = processes.start(python(code), log=tmp_path / "log", ready=json_line)
    until = time.monotonic() + 10
    while child.exit_code is None and time.monotonic() < until:
        time.sleep(0.02)
    assert child.terminate() == 0
    while "the end" not in (tmp_path / "log").read_text() and time.monotonic() < until:
        time.sleep(0.02)
    assert (tmp_path / "log").read_text().endswith("line 19999\nthe end\n")


def test_a_child_that_ignores_the_request_is_killed(processes: Processes, tmp_path: Path) -> None:
    child = processes.start(python(STUBBORN), log=tmp_path / "log", ready=json_line)
    assert child.terminate(grace_seconds=0.2) == -signal.SIGKILL


def test_a_killed_child_can_be_started_again(processes: Processes, tmp_path: Path) -> None:
    first = processes.start(python(SERVES), log=tmp_path / "log", ready=json_line)
    assert first.kill9() == -signal.SIGKILL
    again = processes.start(python(SERVES), log=tmp_path / "log", ready=json_line)
    assert again.pid != first.pid
    processes.stop()
    assert again.exit_code == -signal.SIGTERM


def test_no_child_or_grandchild_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", FAMILY, tmp_path / "log"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        family = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(family) == 2
        assert not any(gone(pid, 0) for pid in family)
        parent.kill()
        parent.wait()
    assert all(gone(pid) for pid in family)


def gone(pid: int, patience_seconds: float = 8) -> bool:
    """Whether a process has ended, or does within the time."""
    until = time.monotonic() + patience_seconds
    while lives(pid):
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and ") Z " in status.read_text())
