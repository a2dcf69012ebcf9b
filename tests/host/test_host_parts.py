"""The pure parts: schedules, the clock, dates, histories."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dateutil.parser import parse as dateutil_parse
from hypothesis import given
from hypothesis import strategies as st

from local.clock import ShiftedClock, write_offset
from local.host.cron import parse_schedule
from local.host.history import EventType, event, outstanding, stamp
from local.host.replay import Replay
from local.host.status import shown

_NOW = datetime(2026, 2, 27, 12, 30, 15, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "coming"),
    [
        ("* * * * * *", "2026-02-27T12:30:16"),
        ("*/5 * * * *", "2026-02-27T12:35:00"),
        ("0 */5 * * * *", "2026-02-27T12:35:00"),
        ("30 5/20 13,15 * * *", "2026-02-27T13:05:30"),
        ("0 0 3 1 Mar *", "2026-03-01T03:00:00"),
        ("0 0 9 * * Mon-Fri", "2026-03-02T09:00:00"),
        ("0 0 0 13 * 5", "2026-03-13T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("01:30:00", "2026-02-27T14:00:15"),
        ("2.00:00:00", "2026-03-01T12:30:15"),
    ],
)
def test_a_schedule_comes_round(text: str, coming: str) -> None:
    found = parse_schedule(text).next_after(_NOW)
    assert found.replace(microsecond=0) == datetime.fromisoformat(coming + "+00:00")


def test_a_schedule_that_never_comes_round_says_so() -> None:
    with pytest.raises(ValueError, match="never does"):
        parse_schedule("0 0 0 30 2 *").next_after(_NOW)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001
def test_fast_dates_are_the_dates_dateutil_reads(moment: datetime) -> None:
    text = stamp(moment)
    assert datetime.fromisoformat(text) == dateutil_parse(text) == moment
    form = "%Y-%m-%dT%H:%M:%S.%fZ"
    assert datetime.fromisoformat(text).strftime(form) == dateutil_parse(text).strftime(form)


def test_the_clock_follows_its_file(tmp_path: Path) -> None:
    clock = ShiftedClock(tmp_path / "clock")
    assert clock.offset() == 0.0
    for seconds in (3600.0, -12.5, 0.25):
        write_offset(tmp_path / "clock", seconds)
        assert clock.offset() == seconds
        assert abs(clock.now() - datetime.now(UTC) - timedelta(seconds=seconds)).seconds < 1
    (tmp_path / "clock").unlink()
    assert clock.offset() == 0.0
    assert not ShiftedClock(None).can_move


def test_a_clock_that_holds_no_number_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("noon")
    with pytest.raises(ValueError, match="expected a number of seconds"):
        ShiftedClock(tmp_path / "clock").now()


def test_what_is_outstanding_is_what_was_scheduled_and_not_answered() -> None:
    history = [
        event(EventType.TASK_SCHEDULED, _NOW, 0),
        event(EventType.TIMER_CREATED, _NOW, 1),
        event(EventType.TASK_SCHEDULED, _NOW, 2),
        event(EventType.CHILD_CREATED, _NOW, 3),
        event(EventType.TASK_FAILED, _NOW, TaskScheduledId=0),
        event(EventType.TASK_SCHEDULED, _NOW, 4),
        event(EventType.CHILD_COMPLETED, _NOW, TaskScheduledId=3),
        event(EventType.TIMER_FIRED, _NOW, TimerId=1),
    ]
    assert [each["EventId"] for each in outstanding(history)] == [2, 4]


def test_a_cancelled_timer_takes_a_number_and_is_created() -> None:
    timer = {"actionType": 5, "fireAt": stamp(_NOW), "isCanceled": True}
    activity = {"actionType": 0, "functionName": "square", "input": "1"}
    begun = [event(EventType.ORCHESTRATOR_STARTED, _NOW), event(EventType.EXECUTION_STARTED, _NOW)]
    replayed = Replay("one", "run", [timer, activity]).run(begun)
    kinds = [(each.number, each.kind) for each in replayed.new]
    assert kinds == [(0, EventType.TIMER_CREATED), (1, EventType.TASK_SCHEDULED)]


def test_only_what_the_replay_reaches_is_scheduled() -> None:
    actions = [
        {"actionType": 6, "externalEventName": "Go"},
        {"actionType": 0, "functionName": "square", "input": "1"},
    ]
    begun = [event(EventType.ORCHESTRATOR_STARTED, _NOW), event(EventType.EXECUTION_STARTED, _NOW)]
    assert Replay("one", "run", actions).run(begun).new == ()
    raised = event(EventType.EVENT_RAISED, _NOW, Name="GO", Input="1")
    assert len(Replay("one", "run", actions).run([*begun, raised]).new) == 1


def test_texts_that_are_not_json_are_shown_as_they_are() -> None:
    assert [shown(each) for each in (None, "{}", "12", "a sentence")] == [
        None,
        {},
        12,
        "a sentence",
    ]
