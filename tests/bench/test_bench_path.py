"""The critical path is read from the tenant's log, and nothing else is believed."""

from datetime import UTC, datetime, timedelta

import pytest

from local.bench.path import graph_calls, reads, waves, writes

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def call(ms: float, method: str = "GET", service: str = "graph") -> dict[str, object]:
    at = (START + timedelta(milliseconds=ms)).isoformat()
    return {"at": at, "method": method, "service": service, "path": "/users/x"}


def test_calls_that_overlap_are_one_wave() -> None:
    assert waves([call(100), call(103), call(131), call(160)], 100) == 1


def test_a_call_sent_after_an_answer_begins_a_wave() -> None:
    log = [call(100), call(104), call(209), call(214), call(330, "POST"), call(433)]
    assert waves(log, 100) == 4


def test_one_call_after_the_other_is_as_many_waves_as_calls() -> None:
    assert waves([call(100.0 * n + 2 * n) for n in range(1, 8)], 100) == 7


def test_the_order_of_the_log_does_not_matter() -> None:
    assert waves([call(433), call(100), call(214), call(330)], 100) == 4


def test_an_empty_log_has_no_path() -> None:
    assert waves([], 100) == 0


def test_calls_to_entra_are_not_on_the_path() -> None:
    log = [call(100), call(205, "POST", "entra"), call(210)]
    assert waves(log, 100) == 2
    assert len(graph_calls(log)) == 2


def test_without_a_latency_waves_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="latency above zero"):
        waves([call(100)], 0)


def test_reads_and_writes_are_counted_apart() -> None:
    log = [call(1), call(2, "POST"), call(3, "DELETE"), call(4, "POST", "entra"), call(5)]
    assert (reads(log), writes(log)) == (2, 2)
