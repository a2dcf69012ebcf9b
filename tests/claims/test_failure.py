"""What does failure look like: it stops, undoes what was verified as its own, and tells the truth.

Faults are planted in the simulated Microsoft 365; what is believed is its state and its own log.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.stage import FINAL, Person, Stage

pytestmark = pytest.mark.stack
AF = "@alderfinch.example"
BOTH = "I need access to the Finance SharePoint and the Budget 2027 site"


def members(stage: Stage, group: str, without: str = "", also: str = "") -> None:
    """Set the stage: who is a member before the story begins."""
    found = stage.group(group)
    left = [m for m in found["members"] if m != (stage.oid(without + AF) if without else "")]
    left += [stage.oid(also + AF)] if also else []
    stage.set_object("groups", found["id"], {"members": list(dict.fromkeys(left))})


def edge(stage: Stage, group: str) -> str:
    return f"/groups/{stage.group(group)['id']}/members/\\$ref"


def told(stage: Stage, who: str, text: str, seconds: float = 60) -> dict[str, Any]:
    person = stage.person(who + AF)
    return person.follow(person.ask(text), seconds=seconds)


def writes(stage: Stage, mark: int) -> list[tuple[str, bool]]:
    return [(c["method"], c["changed"]) for c in stage.changes(mark)]


def test_an_answer_lost_after_the_change_is_neither_repeated_nor_guessed(stage: Stage) -> None:
    members(stage, "Finance", without="jonas.weber")
    mark = stage.mark()
    stage.fault("500_after_commit", method="POST", path=edge(stage, "Finance"))
    seen = told(stage, "jonas.weber", "I can't get into the Finance SharePoint")
    assert seen["status"] == "done"
    assert writes(stage, mark) == [("POST", True)]
    assert seen["steps"][0]["receipt"]["verified"] is True


def test_a_change_that_microsoft_only_pretends_to_make_is_not_called_done(stage: Stage) -> None:
    """204 and nothing changed: it keeps looking, then says that it cannot see the effect."""
    members(stage, "Finance", without="jonas.weber")
    stage.fault("silent_204", times=50, method="POST", path=edge(stage, "Finance"))
    person = stage.person("jonas.weber" + AF)
    request = person.ask("I can't get into the Finance SharePoint")
    seen = person.see(request)
    for _ in range(100):
        if seen["status"] in FINAL:
            break
        time.sleep(0.3)
        stage.advance(300)
        seen = person.see(request)
    stage.heal()
    assert seen["status"] == "partly_done"
    assert "cannot see whether it took effect" in seen["answer"]
    assert not stage.is_member("jonas.weber" + AF, "Finance")
    account = next(t for t in stage.person("helen.cho" + AF).tickets() if t["request"] == request)
    assert any("cannot see" in line for line in account["account"])


def test_what_was_there_before_is_not_undone(stage: Stage) -> None:
    """The first step finds that it was so already; when the second fails, the first is not ours."""
    members(stage, "Finance", also="jonas.weber")
    members(stage, "Budget 2027", without="jonas.weber")
    mark = stage.mark()
    stage.fault("403", times=5, method="POST", path=edge(stage, "Budget 2027"))
    seen = told(stage, "jonas.weber", BOTH)
    assert seen["status"] == "escalated"
    assert stage.is_member("jonas.weber" + AF, "Finance")
    assert [m for m, changed in writes(stage, mark) if changed] == []


def test_what_somebody_else_did_in_the_meantime_is_not_undone(stage: Stage) -> None:
    """The owner added them by hand while the request waited; when the rest fails, that stays."""
    members(stage, "Finance", without="amira.haddad")
    members(stage, "Budget 2027", without="amira.haddad")
    person, olga = stage.person("amira.haddad" + AF), stage.person("olga.brandt" + AF)
    request = person.ask(BOTH)
    person.follow(request, until=("waiting_for_approval",))
    asked = [p for p in olga.waiting() if p["request"] == request]
    members(stage, "Finance", also="amira.haddad")
    stage.fault("403", times=9, method="POST", path=edge(stage, "Budget 2027"))
    mark = stage.mark()
    for pending in asked:
        assert olga.decide(pending, "approve").status == 200
    seen = person.follow(request)
    assert [step["status"] for step in seen["steps"]] == ["found", "failed"]
    assert seen["status"] == "escalated"
    assert [m for m, changed in writes(stage, mark) if changed] == []
    assert stage.is_member("amira.haddad" + AF, "Finance")


def test_a_throttled_graph_is_waited_for(stage: Stage) -> None:
    members(stage, "Finance", without="jonas.weber")
    mark = stage.mark()
    stage.fault("429", seconds=1, method="POST", path=edge(stage, "Finance"))
    seen = told(stage, "jonas.weber", "I can't get into the Finance SharePoint")
    assert seen["status"] == "done"
    assert [changed for _, changed in writes(stage, mark) if changed] == [True]


def test_when_it_cannot_be_taken_back_a_person_is_told_exactly_what_remains(stage: Stage) -> None:
    """Both the second step and the undo of the first are refused by Microsoft."""
    members(stage, "Finance", without="mira.kovac")
    members(stage, "Budget 2027", without="mira.kovac")
    stage.fault("403", times=9, method="POST", path=edge(stage, "Budget 2027"))
    finance = stage.group("Finance")["id"]
    stage.fault("403", times=9, method="DELETE", path=f"/groups/{finance}/members/")
    seen = told(stage, "mira.kovac", BOTH)
    stage.heal()
    assert seen["status"] == "partly_done"
    assert "undoing it did not succeed" in seen["answer"]
    assert stage.is_member("mira.kovac" + AF, "Finance")
    tickets = stage.person("helen.cho" + AF).tickets()
    account = next(t["account"] for t in tickets if t["request"] == seen["id"])
    assert any("undoing it did not succeed" in line for line in account)


def waiting_for_olga(stage: Stage, who: str) -> tuple[Person, Person, dict[str, Any]]:
    """Somebody outside asks for Finance: they, its owner, and what the owner is shown."""
    members(stage, "Finance", without=who)
    person, olga = stage.person(who + AF), stage.person("olga.brandt" + AF)
    request = person.ask("I need access to the Finance SharePoint")
    person.follow(request, until=("waiting_for_approval",))
    return person, olga, olga.pending(request)


def test_of_eight_presses_at_once_one_decides(stage: Stage) -> None:
    person, olga, pending = waiting_for_olga(stage, "lena.fischer")
    with ThreadPoolExecutor(8) as crowd:
        verdicts = ["approve", "reject"] * 4
        answers = list(crowd.map(lambda v: (v, olga.decide(pending, v).status), verdicts))
    seen = person.follow(pending["request"])
    stood = {v for v, status in answers if status == 200}
    assert len(stood) == 1, "both a yes and a no were taken"
    assert {status for _, status in answers} <= {200, 409}
    assert seen["status"] == ("done" if stood == {"approve"} else "refused")
    assert stage.is_member("lena.fischer" + AF, "Finance") == (stood == {"approve"})


def test_a_press_after_the_deadline_is_told_so_and_changes_nothing(stage: Stage) -> None:
    person, olga, pending = waiting_for_olga(stage, "raj.patel")
    stage.advance(8 * 3600 + 60)
    assert person.follow(pending["request"])["status"] == "refused"
    assert olga.decide(pending, "approve").status == 410
    assert not stage.is_member("raj.patel" + AF, "Finance")
