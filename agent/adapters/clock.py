"""What time is it? The one module that may ask the machine.

Rules
- times are aware and UTC;
- `UnsafeShiftedClock` exists so that a local world can move tokens, timers and policy together; the
  composition root refuses it where `WEBSITE_INSTANCE_ID` is set (a Function App in Azure);
- its file holds one decimal number of seconds (`-12.5`, `3600`); absent or empty means 0, anything
  else is an error, never a guess; it is read again only when its mtime, size or inode has changed.

Never here: sleeping, time zones, setting the machine's clock.
"""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current time, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock port that all others must use


class UnsafeShiftedClock:
    """The machine's time plus the seconds in a text file. Only for a world on one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._shift = timedelta(0)

    def now(self) -> datetime:
        """Return the shifted time, aware UTC; ValueError when the file holds no number."""
        return SystemClock().now() + self._read_shift()

    def _read_shift(self) -> timedelta:
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            return timedelta(0)
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if stamp != self._stamp:
            self._shift = timedelta(seconds=_number(self._path.read_text(encoding="ascii").strip()))
            self._stamp = stamp
        return self._shift


def _number(text: str) -> float:
    if not text:
        return 0.0
    seconds = float(text)  # a ValueError names what it saw
    if not math.isfinite(seconds):
        raise ValueError(f"expected a finite number of seconds in the clock file, saw {text!r}")
    return seconds
