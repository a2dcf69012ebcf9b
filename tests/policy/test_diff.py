"""What a change of rules changes: every kind of it is found, shown, and nothing else is told."""

from typing import Any

import pytest

from policy.decide import RuleSet, decide
from policy.diff import Diff, compare
from policy.obligations import (
    Approval,
    Justify,
    Notify,
    Obligation,
    StepUp,
    Ticket,
    TimeBound,
    merge,
)
from policy.prove import NotConfirmed, changes
from policy.prove.demands import demands
from policy.query import Query
from policy.rule import Rule
from policy.snapshot import write_body
from tests.policy.changed_rules import EASIER, HARDER, OLD, OTHERS, compared, edited, without
from tests.policy.company import ADD, OPEN, REMOVE


def approval(**changed: Any) -> Obligation:
    said = {"kind": "approval", "by": "resource_owner", "expires_after": "PT1H", **changed}
    return Approval.model_validate(said)


def owes(**changed: Any) -> list[Rule]:
    return edited(OTHERS, lambda rule: rule["obligations"][0].update(changed))


def more(effect: str, when: dict[str, Any], **said: Any) -> list[Rule]:
    record = {"schema": 1, "id": "one-more", "layer": "global", "effect": effect, "when": when}
    return [*OLD, Rule.of({**record, "reason": "because", **said})]


def found(diff: Diff) -> set[tuple[str, str | None, str | None]]:
    return {
        (one.change, one.action, f"{one.topic.kind} {one.topic.aspect}" if one.topic else None)
        for one in diff.findings
    }


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (
            without("no-privileged"),
            {("newly_permitted", ADD, None), ("newly_permitted", REMOVE, None)},
        ),
        (without("leaving"), {("newly_denied", REMOVE, None)}),
        (without(OTHERS), {(EASIER, ADD, "approval owed")}),
        (owes(expires_after="P2D"), {(EASIER, ADD, "approval expires_after")}),
        (owes(expires_after="PT1H"), {(HARDER, ADD, "approval expires_after")}),
        (owes(when="provisional"), {(EASIER, ADD, "approval before")}),
        (owes(quorum=2), {(HARDER, ADD, "approval quorum")}),
        (
            owes(by="manager"),
            {(EASIER, ADD, "approval owed"), (HARDER, ADD, "approval owed")},
        ),
        (
            more("deny", {"action": {"ids": [ADD]}, "requester": {"departments": ["Legal"]}}),
            {("newly_denied", ADD, None)},
        ),
        (
            more("require", {"target": {"tags_any": ["x"]}}, obligations=[{"kind": "justify"}]),
            {(HARDER, ADD, "justify owed"), (HARDER, REMOVE, "justify owed")},
        ),
    ],
)
def test_every_kind_of_change_is_found_and_nothing_else(
    new: list[Rule], expected: set[tuple[str, str | None, str | None]]
) -> None:
    assert found(compared(OLD, new)) == expected


def test_a_looser_bound_shows_a_request_between_the_two() -> None:
    new = edited("small", lambda r: r["when"]["runtime"].update(bulk_max=5))
    diff = compared(OLD, new)
    assert found(diff) == {("newly_denied", ADD, None), ("newly_denied", REMOVE, None)}
    for finding in diff.findings:
        assert 5 < finding.query["runtime"]["bulk_count"] <= 10
        assert finding.new.silent == ("runtime",)


def test_a_sample_keeps_the_facts_that_changed_rules_look_at_and_leaves_out_the_rest() -> None:
    for finding in compared(OLD, without("no-privileged")).findings:
        assert finding.query["target"]["privileged"] is True
        assert "department" not in finding.query.get("requester", {})


def test_an_action_that_no_rule_names_stands_for_all_others() -> None:
    closed = {"schema": 1, "id": "no-wipes", "layer": "global", "effect": "deny", "reason": "no"}
    wipes = Rule.of({**closed, "when": {"action": {"ids": ["device.wipe"]}}})
    known = Rule.of({**closed, "id": "known", "when": {"action": {"risk_min": 1}}})
    diff = compared(OPEN, [*OPEN, wipes])
    # Whoever does not know what is done may be wiping: doubt counts, and is grouped with the rest.
    assert found(diff) == {
        ("newly_denied", "device.wipe", None),
        ("newly_denied", None, None),
    }
    assert "action" not in diff.findings[1].query
    diff = compared([*OPEN, wipes], [wipes, known])
    assert found(diff) == {("newly_denied", None, None)}


@pytest.mark.parametrize(
    "new",
    [
        edited(OTHERS, lambda rule: rule.update(reason="Said in other words.")),
        edited(OTHERS, lambda rule: rule.update(id="under-another-name")),
        edited("undo-tenant", lambda rule: rule["when"]["action"].update(ids=[REMOVE, ADD])),
        more("permit", {"requester": {"kinds": ["member"]}}, layer="global", mode="report_only"),
        more("permit", {"action": {"risk_max": 2}}),
        more("deny", {"action": {"risk_min": 4}}),
        owes(expires_after="PT480M"),
    ],
)
def test_a_change_that_no_request_can_see_says_so(new: list[Rule]) -> None:
    diff = compare(OLD, new)
    assert diff.findings == ()
    assert diff.added or diff.changed
    assert diff.hash != compare(OLD, OLD).hash, "it is another snapshot, and approved as such"


def test_rules_are_named_that_were_added_removed_or_changed() -> None:
    renamed = edited(OTHERS, lambda rule: rule.update(id="under-another-name"))
    diff = compare(OLD, renamed)
    assert (diff.added, diff.removed, diff.changed) == (("under-another-name",), (OTHERS,), ())
    assert compare(OLD, owes(quorum=2)).changed == (OTHERS,)
    assert (diff.old, diff.new) == (write_body(OLD).id, write_body(renamed).id)


def test_the_hash_is_of_the_change_and_not_of_the_order_or_the_samples() -> None:
    new = without(OTHERS)
    diff = compare(OLD, new)
    assert diff.hash == compare(OLD[::-1], new[::-1]).hash
    (finding,) = diff.findings
    other = finding.model_copy(update={"query": {}})
    assert diff.model_copy(update={"findings": (other,)}).hash == diff.hash
    assert diff.model_copy(update={"findings": ()}).hash != diff.hash
    assert compare(new, list(OLD)).hash != diff.hash
    assert Diff.model_validate(diff.model_dump(exclude={"hash"})) == diff


def test_a_first_policy_permits_what_nothing_permitted_before() -> None:
    assert {one.change for one in compared([], OLD).findings} == {"newly_permitted"}


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="every rule id once"):
        compare(OLD, [*OLD, OLD[0]])


def test_a_sample_the_decision_point_does_not_confirm_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    denying = decide(RuleSet.of([]), Query.of({}))
    monkeypatch.setattr(changes, "decide", lambda rules, query: denying)
    with pytest.raises(NotConfirmed, match="the decision point differs"):
        compare(OLD, without("no-privileged"))


@pytest.mark.parametrize(
    ("owed", "asked", "met"),
    [
        (approval(quorum=2), approval(quorum=2), True),
        (approval(quorum=2), approval(quorum=1), True),
        (approval(quorum=1), approval(quorum=2), False),
        (approval(expires_after="PT1H"), approval(expires_after="PT60M"), True),
        (approval(expires_after="PT2H"), approval(expires_after="PT1H"), False),
        (approval(when="provisional"), approval(), False),
        (approval(), approval(when="provisional"), True),
        (approval(by="manager"), approval(), False),
        (TimeBound(kind="time_bound", max="P1D"), TimeBound(kind="time_bound", max="P7D"), True),
        (StepUp(kind="step_up", max_age="PT9M"), StepUp(kind="step_up", max_age="PT5M"), False),
        (Notify(kind="notify", who="manager"), Notify(kind="notify", who="requester"), False),
        (Justify(kind="justify"), Ticket(kind="ticket"), False),
        (Justify(kind="justify"), Justify(kind="justify"), True),
    ],
)
def test_an_obligation_meets_what_is_no_stricter_than_it_is(
    owed: Obligation, asked: Obligation, met: bool
) -> None:
    assert all(demand.met_by(owed) for demand in demands(asked)) is met
    assert met is (merge((owed, asked)) == merge((owed,)))
