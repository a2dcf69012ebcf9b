"""A child process of the local world: is it serving, and does it end when it must?

Rules:
- a child runs in a session of its own: Ctrl-C reaches the parent alone, which then stops its
  children in the order it wants;
- it counts as started when a line of its standard output says so; before that, its end or its
  silence is an error that shows the tail of its log;
- everything it prints goes to its log file for as long as it lives, so it never blocks on a pipe;
- no child outlives its parent, however the parent ends (even `kill -9`): one small watchdog
  process reads a pipe that only the parent holds open, and at its end stops what is left.
  Linux's parent-death signal was not taken: it fires when the *thread* that forked ends, reaches
  no grandchildren, and does not exist on macOS.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

GRACE_SECONDS = 5.0
_TAIL_LINES = 12

Ready = TypeVar("Ready")


class ProcessError(Exception):
    """A child did not start; the message carries the tail of its log."""


def json_line(line: str) -> dict[str, Any] | None:
    """The facts that a stand-in prints when it serves: one line, a JSON object; else None."""
    if not line.startswith("{"):
        return None
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


class Child(Generic[Ready]):
    """One running process and what it said when it was ready."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        ready: Ready,
        log: Path,
        ended: Callable[[int], None],
    ) -> None:
        self._process = process
        self._ended = ended
        self.ready = ready
        self.log = log

    @property
    def pid(self) -> int:
        """The id of the process, which is also the id of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def terminate(self, grace_seconds: float = GRACE_SECONDS) -> int:
        """Ask it to stop (SIGTERM), kill its whole group if it does not; its exit code."""
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            return self.kill9()
        self._ended(self.pid)
        return self._process.returncode

    def kill9(self) -> int:
        """End it and its whole group at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):  # it may just have ended by itself
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._ended(self.pid)
        return self._process.returncode


class Processes:
    """The children of this process, stopped in reverse order at the end of the `with`."""

    def __init__(self) -> None:
        self._children: list[Child[Any]] = []
        self._watchdog = subprocess.Popen(
            # -S -E: it needs nothing but the standard library and starts in a few milliseconds.
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.stop()

    def start(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[str], Ready | None],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        patience_seconds: float = 30.0,
    ) -> Child[Ready]:
        """Start `command` and wait for the line that `ready` understands; ProcessError if none."""
        if self._watchdog.poll() is not None:
            raise ProcessError("the watchdog has ended: no child would be safe")
        process = _spawn(command, log, env, cwd)
        self._tell_watchdog(f"+{process.pid}\n")
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_drain, args=(process, log, lines), daemon=True).start()
        try:
            said = _await_ready(process, lines, ready, patience_seconds, log)
        except BaseException:
            Child(process, None, log, self._forget).kill9()
            raise
        started = Child(process, said, log, self._forget)
        self._children.append(started)
        return started

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop every child, the youngest first, then the watchdog."""
        while self._children:
            self._children.pop().terminate(grace_seconds)
        if self._watchdog.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.close()
        self._watchdog.wait()

    def _forget(self, pid: int) -> None:
        # Its number may soon be somebody else's. A watchdog that is gone watches nobody.
        with contextlib.suppress(BrokenPipeError):
            self._tell_watchdog(f"-{pid}\n")

    def _tell_watchdog(self, order: str) -> None:
        if self._watchdog.stdin and not self._watchdog.stdin.closed:
            self._watchdog.stdin.write(order)
            self._watchdog.stdin.flush()


def _spawn(
    command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None, cwd: Path | None
) -> subprocess.Popen[str]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            cwd=cwd,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )


def _drain(process: subprocess.Popen[str], log: Path, lines: "queue.Queue[str | None]") -> None:
    """Copy what the child prints to its log until it closes its output; then None."""
    with log.open("a", encoding="utf-8") as copy:
        for line in process.stdout or ():
            copy.write(line)
            copy.flush()
            lines.put(line)
    lines.put(None)
    if process.stdout:
        process.stdout.close()


def _await_ready(
    process: subprocess.Popen[str],
    lines: "queue.Queue[str | None]",
    ready: Callable[[str], Ready | None],
    patience_seconds: float,
    log: Path,
) -> Ready:
    until = time.monotonic() + patience_seconds
    name = Path(str(process.args[0] if isinstance(process.args, list) else process.args)).name
    while True:
        try:
            line = lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise ProcessError(
                f"{name} did not say that it serves within {patience_seconds:g} s\n{tail(log)}"
            ) from None
        if line is None:
            code = process.wait()
            raise ProcessError(f"{name} ended with code {code} before it served\n{tail(log)}")
        said = ready(line)
        if said is not None:
            return said


def tail(log: Path) -> str:
    """The last lines of a log, as a person would ask for them."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])


def _watch(orders: Iterable[str]) -> None:
    """Follow which groups live; when the parent is gone, stop them: politely, then not."""
    groups: set[int] = set()
    for order in orders:
        change = groups.add if order.startswith("+") else groups.discard
        change(int(order[1:]))
    _signal_all(groups, signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < until and _signal_all(groups, 0):
        time.sleep(0.05)
    _signal_all(groups, signal.SIGKILL)


def _signal_all(groups: Iterable[int], number: int) -> int:
    """Signal every group; how many of them still exist."""
    reached = 0
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            continue
        reached += 1
    return reached


if __name__ == "__main__":
    _watch(sys.stdin)
