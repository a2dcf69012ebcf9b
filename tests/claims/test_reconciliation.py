"""Is the trail what really happened? Every hour it is set against Microsoft's own log.

A world of its own, because its clock is moved by days and its log is tampered with. The timer is
never called: it comes by itself when the hour has passed.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent.records import AuditRecord
from local import up
from local.demo.archive import Archive
from local.stage import Stage, http
from local.up import World

pytestmark = pytest.mark.stack
AF = "@alderfinch.example"
HOUR = 3600
SEED = "I can't get into the Finance SharePoint"
NONE = {"ours_not_seen": 0, "theirs_not_ours": 0, "pending_ours": 0, "pending_theirs": 0}


class Reconciled:
    """A world whose trail is set against its Microsoft's log, hour by hour."""

    def __init__(self, world: World) -> None:
        self.stage = Stage(world.facts)
        self.archive = Archive(world.facts, world.environment)
        self.graph = str(world.facts["graph"])

    def trail(self, *phases: str) -> list[AuditRecord]:
        records = self.archive.trail(self.archive.first)
        return [r for r in records if not phases or r.body["phase"] in phases]

    def pass_hours(self, hours: int = 1) -> dict[str, Any]:
        """Let time pass; what the first run after it has recorded."""
        known = len(self.trail("reconcile"))
        self.stage.advance(hours * HOUR)
        end = time.monotonic() + 30
        while len(found := self.trail("reconcile")) == known:
            assert time.monotonic() < end, "expected a run after the hour, saw none"
            time.sleep(0.2)
        return found[-1].body

    def granted(self, nick: str) -> int:
        """Somebody of Finance is let in; the sequence of the outcome that claims it."""
        group = self.stage.group("Finance")
        left = [m for m in group["members"] if m != self.stage.oid(nick + AF)]
        self.stage.set_object("groups", group["id"], {"members": left})
        person = self.stage.person(nick + AF)
        seen = person.follow(person.ask(SEED))
        assert seen["status"] == "done"
        return max(r.seq for r in self.trail("outcome"))

    def newest_entry(self) -> str:
        entries = self.stage.objects("audits")
        return str(max(entries, key=lambda e: str(e["activityDateTime"]))["id"])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reconciled]:
    with up.world(tmp_path_factory.mktemp("reconciled")) as running:
        yield Reconciled(running)


def test_what_was_done_is_found_in_microsofts_log_and_nothing_else(told: Reconciled) -> None:
    outcome = told.granted("freya.holm")
    entry = told.newest_entry()
    body = told.pass_hours()
    assert body["outcome"] == "agreed", body
    assert body["detail"]["counts"] == {"matched": 1, **NONE}
    assert body["detail"]["matched"] == [[outcome, entry]]
    assert body["acted_as"]["mode"] == "sponsor"
    assert body["acted_as"]["person"] == told.stage.oid("nadia.petrov" + AF)
    again = told.pass_hours()
    assert again["detail"]["counts"] == {"matched": 1, **NONE}
    assert "matched" not in again["detail"], "what was told once is not told again"


def test_the_log_is_read_with_the_sponsors_token_and_never_as_the_application(
    told: Reconciled,
) -> None:
    sponsors = {told.stage.oid("nadia.petrov" + AF), told.stage.oid("tuva.berg@borealis.example")}
    last = max(call["seq"] for call in told.stage.calls())
    told.pass_hours()
    end, calls = time.monotonic() + 30, list[dict[str, Any]]()
    while {c["oid"] for c in calls} < sponsors and time.monotonic() < end:
        time.sleep(0.2)  # the organisations are reconciled side by side
        calls = [c for c in told.stage.calls(last) if c["service"] == "graph"]
    assert {c["oid"] for c in calls} == sponsors
    assert {c["path"] for c in calls} == {"/auditLogs/directoryAudits"}
    assert all(c["delegated"] for c in calls)


def test_a_change_through_our_application_that_is_not_in_the_trail_is_an_alarm(
    told: Reconciled,
) -> None:
    """Somebody holds a token of our application and uses it past the agent."""
    group = told.stage.group("Finance")["id"]
    stolen = told.stage.token("nadia.petrov" + AF, "graph")
    edge = f"{told.graph}/groups/{group}/members/{told.stage.oid('freya.holm' + AF)}/$ref"
    assert http("DELETE", edge, headers={"authorization": f"Bearer {stolen}"}).status == 204
    ghost = told.newest_entry()
    body = told.pass_hours()
    assert body["outcome"] == "alarm"
    assert body["detail"]["theirs_not_ours"] == [ghost]
    assert body["detail"]["counts"] == {"matched": 1, **NONE, "theirs_not_ours": 1}
    again = told.pass_hours()
    assert again["outcome"] == "agreed"
    assert again["detail"]["counts"]["theirs_not_ours"] == 1, "counted on, told once"


def test_a_change_that_microsoft_lost_is_pending_for_72_hours_and_then_an_alarm(
    told: Reconciled,
) -> None:
    outcome = told.granted("jonas.weber")
    told.stage.remove("audits", told.newest_entry())
    early = told.pass_hours()
    assert early["outcome"] == "agreed"
    assert early["detail"]["counts"]["pending_ours"] == 1
    still = told.pass_hours(70)
    assert still["outcome"] == "agreed"
    assert still["detail"]["counts"]["pending_ours"] == 1
    final = told.pass_hours(2)
    assert final["outcome"] == "alarm"
    assert final["detail"]["ours_not_seen"] == [outcome]
    assert final["detail"]["counts"]["pending_ours"] == 0
    assert "ours_not_seen" not in told.pass_hours()["detail"]


def test_no_name_is_in_any_of_these_records_and_the_chain_holds(told: Reconciled) -> None:
    text = " ".join(str(r.body) for r in told.trail("reconcile"))
    for person in told.stage.people(told.archive.first):
        assert person["upn"] not in text
        assert person["name"] not in text
    assert "Finance" not in text
    assert told.archive.flaws(told.archive.first)[1] == []
