"""What time is it in the local world?

Answers the one question every local stand-in must agree on: real UTC time plus an offset that the
stage manager keeps in a small text file. Never sleeps, never sets the machine's clock.

Rules:
- the file holds one decimal number of seconds (`-12.5`, `3600`); absent or empty means 0;
- it is replaced atomically, so a reader sees the old number or the new one, never half of one;
- it is read again only when its mtime, size or inode has changed: one `stat` for each `now()`;
- anything else in the file is an error, never a guess.
"""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

_Stamp = tuple[int, int, int]


class ShiftedClock:
    """UTC time shifted by the seconds in `path` (unshifted without a path)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._offset = 0.0

    @property
    def can_move(self) -> bool:
        """Whether the offset may change while the process runs."""
        return self._path is not None

    def now(self) -> datetime:
        """The shifted time, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset())

    def offset(self) -> float:
        """Seconds to add to real time; ValueError when the file holds anything but a number."""
        if self._path is None:
            return 0.0
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._offset = None, 0.0
            return 0.0
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if stamp != self._stamp:
            self._offset = _parse(self._path)
            self._stamp = stamp
        return self._offset


def write_offset(path: Path, seconds: float) -> None:
    """Replace the offset in `path` atomically by `seconds`."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(repr(float(seconds)))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _parse(path: Path) -> float:
    text = path.read_text(encoding="ascii").strip()
    try:
        return float(text or 0)
    except ValueError as fault:
        raise ValueError(f"expected a number of seconds in {path}, saw {text[:40]!r}") from fault
