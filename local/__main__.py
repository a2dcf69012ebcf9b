"""Which command of the embedded world was asked for? `python3 -m local COMMAND` answers.

Sets the machine up when needed (local/setup.py), goes on inside the project's own `.venv`, and
hands the rest of the line to the command's module. Until then it imports the standard library
only, so that it can say one clear sentence on any Python 3 and without any package.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

PYTHONS = ((3, 11), (3, 12))
COMMANDS = {
    "demo": "the seed request and its variants, told as a story",
    "test": "the test-suite",
    "up": "the whole local world, until it is stopped",
    "down": "stop a running local world",
    "check": "formatting, lints, types, import contracts, generated docs, tests",
    "bench": "how fast it is here, beside its yardsticks and peers",
}
# These run on the standard library alone: stopping the world must not wait for an installation.
NEEDS_NOTHING = ("down",)


def usage() -> str:
    """The commands and what each does, one a line."""
    lines = [f"  {name:<7}{what}" for name, what in COMMANDS.items()]
    return "usage: python3 -m local COMMAND [--help] …\n\n" + "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run one command; its exit code, 1 for a set-up that failed, 2 for a wrong command."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        print(f"expected one of {', '.join(COMMANDS)}, saw `{name}`", file=sys.stderr)
        return 2
    if name not in NEEDS_NOTHING:
        prepare(arguments)
    code: int = importlib.import_module(f"local.{name}").main(rest)
    return code


def prepare(arguments: list[str]) -> None:
    """Return inside a complete environment: set it up if needed, then start over in it."""
    from local.setup import Environment  # not before the check of the version: needs 3.11

    environment = Environment()
    inside = Path(sys.prefix).resolve() == environment.venv.resolve()
    if inside and environment.ready():
        return
    if inside:  # an environment cannot be rebuilt under the interpreter that runs in it
        base = getattr(sys, "_base_executable", sys.executable)
        os.execv(base, [base, "-m", "local", *arguments])  # noqa: S606
    environment.ensure()
    os.execv(environment.python, [str(environment.python), "-m", "local", *arguments])  # noqa: S606


def refuse_python(version: tuple[int, ...]) -> str | None:
    """Why this version of Python will not do, as one sentence; None when it will."""
    if version[:2] in PYTHONS:
        return None
    accepted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    seen = ".".join(str(part) for part in version[:3])
    return f"warrant needs Python {accepted}, this is Python {seen}: start it with another python3"


def start() -> int:
    """The whole program, with every failed set-up turned into one sentence."""
    refusal = refuse_python(tuple(sys.version_info[:3]))
    if refusal:
        print(refusal, file=sys.stderr)
        return 1
    from local.setup import SetupError

    try:
        return main(sys.argv[1:])
    except SetupError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(start())
