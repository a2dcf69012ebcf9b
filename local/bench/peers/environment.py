"""Where does a peer live? In an environment of its own, pinned, made on first use, never ours."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from local.bench.client import BenchError

_INSTALL_SECONDS = 300


def environment(home: Path, packages: Sequence[str], needed: Sequence[str]) -> str:
    """Return the interpreter of a peer's environment, made unless it is there.

    What is `needed` by our own worker comes in the versions that run here. Raises BenchError.
    """
    python, made = home / "bin" / "python", home / "made"
    pins = [*packages, *(f"{name}=={version(name)}" for name in needed)]
    if made.exists() and made.read_text(encoding="utf-8") == "\n".join(pins):
        return str(python)
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)])
    _run([*uv, "pip", "install", "--quiet", "--python", str(python), *pins])
    made.write_text("\n".join(pins), encoding="utf-8")
    return str(python)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    if done.returncode != 0:
        said = "\n".join(done.stderr.splitlines()[-5:])
        raise BenchError(f"expected `{' '.join(command[2:5])}` to work, saw\n{said}")
