"""Recorded histories of real runs, replayed against today's `agent/workflow.py`.

A run may live for days, so a deployment meets histories that an earlier version wrote. At every
prefix of every history the orchestrator must ask for the same next thing, or the run would fail for
a person who waits. A failure here means: version the run, or undo the change; never record again
just to be green.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.host.app import App
from local.host.history import Event, EventType
from tests.durable.machine import Listening, replayed, scripted_app
from tests.histories.stories import STORIES

FOLDER = Path(__file__).parent / "recorded"
HISTORIES = {
    file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))
}

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PLAIN = re.compile(
    rf"{GUID}|[0-9a-f]{{32}}|{GUID}\.[0-9a-f]{{32}}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"
    r"|s\d{1,3}|do|undo|run|assess|execute|answer|Completed|ExternalEvent|"
    r"|done|found|undone|waiting|refused|failed|unknown|escalated|partly_done|cancelled"
    r"|(reply-\d+|approval-s\d+)-[0-9a-f]{16}(-\d+)?"
)


@pytest.fixture(scope="module")
def scripted() -> Iterator[App]:
    with scripted_app() as app:
        yield app


def strangers(value: Any) -> list[str]:
    """Every text in a history that is no id, outcome, time or name of ours."""
    if isinstance(value, dict):
        return [s for inner in value.values() for s in strangers(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in strangers(inner)]
    if not isinstance(value, str) or PLAIN.fullmatch(value):
        return []
    try:
        inner = json.loads(value)
    except ValueError:
        return [value]
    return strangers(inner) if inner != value else [value]


def shape(events: list[Event]) -> list[dict[str, Any]]:
    """Events without what differs between writing and replaying them."""
    return [{k: v for k, v in each.items() if k != "IsPlayed"} for each in events]


def test_every_story_has_its_history() -> None:
    assert set(HISTORIES) == {story.__name__ for story in STORIES}


@pytest.mark.parametrize("name", HISTORIES)
def test_every_prefix_of_a_history_asks_for_what_it_asked_for_then(
    scripted: App, name: str
) -> None:
    recorded, sdk = HISTORIES[name], Listening()
    outcome = None
    for then, outcome in replayed(scripted, recorded, sdk):
        assert shape(list(outcome.events)) == shape(then)
    assert outcome is not None
    assert (outcome.status, outcome.output) == (recorded["status"], recorded["output"])
    assert sdk.actions == recorded["actions"]


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_holds_ids_outcomes_and_times_and_nothing_personal(name: str) -> None:
    """INVARIANT 9, of what Durable Functions keeps in the clear."""
    assert strangers(HISTORIES[name]) == []


@pytest.mark.parametrize("name", HISTORIES)
def test_a_changed_run_is_found_by_its_history(scripted: App, name: str) -> None:
    """The check can fail: a history in which another activity was asked for is refused."""
    changed = json.loads(json.dumps(HISTORIES[name]))
    for step in changed["steps"]:
        for each in step:
            if each["EventType"] == EventType.TASK_SCHEDULED and each["Name"] == "answer":
                each["Name"] = "assess"
    replays = list(replayed(scripted, changed))
    assert any(outcome.status == "Failed" for _, outcome in replays) or any(
        shape(list(outcome.events)) != shape(then) for then, outcome in replays
    )


def test_what_is_no_id_outcome_or_time_is_found() -> None:
    for personal in ("freya.holm@alderfinch.example", "Finance", "Freya Holm", "eyJhbGciOi.a.b"):
        assert strangers({"steps": [[{"Input": json.dumps([{"x": personal}])}]]}) == [personal]


def test_the_stories_are_of_all_kinds() -> None:
    kinds = set()
    for recorded in HISTORIES.values():
        for step in recorded["steps"]:
            kinds |= {EventType(each["EventType"]) for each in step}
    assert {EventType.EVENT_RAISED, EventType.TIMER_FIRED, EventType.TIMER_CREATED} <= kinds
    assert {json.loads(r["output"])["status"] for r in HISTORIES.values()} == {
        "done",
        "refused",
        "escalated",
        "undone",
    }
