"""Is a local world running on this data folder, and as which process?

The answer is a lock, not a number: the running world holds an exclusive lock on its pid file, and
the system lets go of it however the process ends. So a number left behind by a killed world, which
may meanwhile be somebody else's, is never taken for ours.
"""

import fcntl
import os
from pathlib import Path
from typing import TextIO


class AlreadyRunningError(Exception):
    """Another process holds this pid file; the message names it."""


def claim(path: Path) -> TextIO:
    """Hold `path` while the answer stays open; AlreadyRunningError if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise AlreadyRunningError(f"a local world already runs here as process {pid}") from None
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def holder(path: Path) -> int | None:
    """The process that holds `path`; None when nobody does, whatever number the file shows."""
    try:
        file = path.open(encoding="ascii")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
    return None
