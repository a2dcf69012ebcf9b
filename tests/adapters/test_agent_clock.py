"""The machine's time, and the time of a world that can be moved."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.clock import SystemClock, UnsafeShiftedClock


def near(seen: datetime, shift: float = 0) -> bool:
    return abs(seen - datetime.now(UTC) - timedelta(seconds=shift)) < timedelta(seconds=2)


def test_the_system_clock_is_aware_and_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert near(SystemClock().now())


def test_a_missing_or_empty_file_shifts_nothing(tmp_path: Path) -> None:
    assert near(UnsafeShiftedClock(tmp_path / "none").now())
    (tmp_path / "empty").write_text("", encoding="ascii")
    assert near(UnsafeShiftedClock(tmp_path / "empty").now())


def test_the_shift_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "shift"
    clock = UnsafeShiftedClock(file)
    for seconds in ("3600", "-90.5", "86400.0"):
        file.unlink(missing_ok=True)
        file.write_text(seconds + "\n", encoding="ascii")
        assert near(clock.now(), float(seconds))
    file.unlink()
    assert near(clock.now())


@pytest.mark.parametrize("text", ["soon", "1,5", "nan", "inf", "1 2"])
def test_anything_but_a_number_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "shift"
    file.write_text(text, encoding="ascii")
    with pytest.raises(ValueError, match=r"number|float"):
        UnsafeShiftedClock(file).now()
