"""What a change of rules changes: every kind of it is found, shown, and nothing else is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.axioms import AXIOMS
from policy.cli import main
from policy.decide import Decision, RuleSet, decide
from policy.diff import Diff, Finding, Outcome, compare
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
from policy.pack import SHIPPED
from policy.prove import NotConfirmed, changes
from policy.prove.demands import demands
from policy.query import Known, Query
from policy.rule import Rule
from policy.snapshot import write_body
from tests.policy.company import ADD, COMPANY, OPEN, REMOVE

OLD = COMPANY
OTHERS = "others-ask-the-owner"
Edit = Callable[[dict[str, Any]], None]


def approval(**changed: Any) -> Obligation:
    said = {"kind": "approval", "by": "resource_owner", "expires_after": "PT1H", **changed}
    return Approval.model_validate(said)


def edited(name: str, edit: Edit) -> list[Rule]:
    (record,) = (json.loads(json.dumps(one.record())) for one in OLD if one.id == name)
    edit(record)
    return [*without(name), Rule.of(record)]


def without(name: str) -> list[Rule]:
    return [one for one in OLD if one.id != name]


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


def compared(old: Any, new: Any) -> Diff:
    """Compare, and ask the decision point once more whether each sample shows what it says."""
    diff = compare(old, new)
    for finding in diff.findings:
        query = Query.of(json.loads(json.dumps(finding.query)))
        assert not query.errors
        before, after = (decide(RuleSet.of(rules), query) for rules in (old, new))
        assert finding.old == Outcome.of(before)
        assert finding.new == Outcome.of(after)
        assert_shows(finding, before, after)
    return diff


def assert_shows(finding: Finding, before: Decision, after: Decision) -> None:
    effects = (before.effect, after.effect)
    match finding.change:
        case "newly_permitted":
            assert effects == ("deny", "permit")
        case "newly_denied":
            assert effects == ("permit", "deny")
        case "less_demanding":
            assert effects == ("permit", "permit")
            assert merge((*after.obligations, *before.obligations)) != after.obligations
        case "more_demanding":
            assert effects == ("permit", "permit")
            assert merge((*after.obligations, *before.obligations)) != before.obligations


EASIER, HARDER = "less_demanding", "more_demanding"


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


SMALL: list[dict[str, Any]] = [
    {"action": {"ids": ["a"]}},
    {"action": {"ids": ["a", "b"]}, "requester": {"departments": ["x"]}},
    {"target": {"same_department": False}},
    {"target": {"tags_any": ["t"]}},
    {"runtime": {"bulk_max": 1}},
    {"plan": {"before_any": ["a"]}},
    {"action": {"undo": False}},
]
PRICES = [
    {"kind": "approval", "by": "manager", "quorum": quorum, "expires_after": expiry, "when": when}
    for quorum in (1, 2)
    for expiry in ("PT1H", "P1D")
    for when in ("before", "provisional")
] + [{"kind": "justify"}, {"kind": "time_bound", "max": "P1D"}]


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    base = {"schema": 1, "reason": "because", "effect": "permit", "baseline": True}
    rules = [
        {**base, "id": f"open-{layer}", "layer": layer}
        for layer in ("global", "tenant", "target", "department", "action", "runtime")
    ]
    closed = draw(st.integers(0, 7))
    rules = [one for number, one in enumerate(rules) if number != closed]
    for number in range(draw(st.integers(0, 4))):
        effect = draw(st.sampled_from(["permit", "deny", "require", "require"]))
        record = {"schema": 1, "id": f"r{number}", "layer": "global", "effect": effect}
        record |= {"reason": "because", "when": draw(st.sampled_from(SMALL))}
        if effect == "require":
            record["obligations"] = [draw(st.sampled_from(PRICES))]
        if effect != "permit" and draw(st.booleans()):
            record["unless"] = draw(st.sampled_from(SMALL))
        rules.append(record)
    return [Rule.of(one) for one in rules]


queries = st.fixed_dictionaries(
    {},
    optional={
        "action": st.fixed_dictionaries(
            {}, optional={"id": st.sampled_from("abc"), "undo": st.booleans()}
        ),
        "requester": st.fixed_dictionaries({}, optional={"department": st.sampled_from("xyz")}),
        "target": st.fixed_dictionaries(
            {},
            optional={
                "department": st.sampled_from("xyz"),
                "tags": st.lists(st.sampled_from("tu"), max_size=2),
            },
        ),
        "runtime": st.fixed_dictionaries({}, optional={"bulk_count": st.integers(0, 2)}),
        "plan": st.fixed_dictionaries({}, optional={"before": st.lists(st.sampled_from("ac"))}),
    },
)


@settings(max_examples=250)
@given(rule_sets(), rule_sets(), st.lists(queries, min_size=20, max_size=40))
def test_what_some_request_sees_is_found(
    old: list[Rule], new: list[Rule], asked: list[dict[str, Any]]
) -> None:
    seen = {(one.change, one.action) for one in compared(old, new).findings}
    before, after = RuleSet.of(old), RuleSet.of(new)
    named = {
        word
        for rule in (*old, *new)
        for part in (rule.when, rule.unless)
        for word in (part.action.ids or () if part else ())
    }
    for raw in asked:
        query = Query.of(raw)
        assert all(axiom.holds(query) for axiom in AXIOMS)
        fact = query.facts["action.id"]
        action = fact.value if isinstance(fact, Known) and fact.value in named else None
        for change in differences(decide(before, query), decide(after, query)):
            assert (change, action) in seen, raw


def differences(before: Decision, after: Decision) -> list[str]:
    match before.effect, after.effect:
        case "permit", "deny":
            return ["newly_denied"]
        case "deny", "permit":
            return ["newly_permitted"]
        case "deny", _:
            return []
    both = merge((*before.obligations, *after.obligations))
    return [EASIER] * (both != after.obligations) + [HARDER] * (both != before.obligations)


def written(folder: Path, rules: Any) -> str:
    folder.mkdir()
    text = yaml.safe_dump([json.loads(json.dumps(one.record())) for one in rules])
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_shows_both_answers_and_the_hash(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, new = written(tmp_path / "old", OLD), written(tmp_path / "new", without(OTHERS))
    code, out, err = run(capsys, "diff", old, new)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"Rules removed: {OTHERS}"
    assert "Less demanding" in lines
    assert f"- {ADD}: approval by resource_owner, owed" in lines
    shown = {line.split()[0]: line for line in lines if line.startswith("    ")}
    assert OTHERS in shown["old"]
    assert "PT8H" in shown["old"]
    assert "owed" not in shown["new"]
    assert lines[-1] == f"diff hash {compare(OLD, without(OTHERS)).hash}"


def test_the_command_speaks_json_and_reads_rules_of_both_sides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = written(tmp_path / "both", [one for one in OLD if one.layer == "global"])
    tenant = [one for one in OLD if one.layer != "global"]
    old = written(tmp_path / "old", tenant)
    new = written(tmp_path / "new", [one for one in tenant if one.id != OTHERS])
    said = json.loads(run(capsys, "diff", old, new, "--also", both, "--json")[1])
    assert said["hash"] == compare(OLD, without(OTHERS)).hash
    assert [one["change"] for one in said["findings"]] == [EASIER]


def test_rules_that_make_no_snapshot_are_a_problem_and_not_a_diff(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    inexact = {"name": "half", "query": {"runtime": {"bulk_count": 1.5}}, "applies": True}
    new = edited(OTHERS, lambda rule: rule.update(tests=[inexact]))
    folders = written(tmp_path / "old", OLD), written(tmp_path / "new", new)
    code, out, err = run(capsys, "diff", *folders)
    assert (code, out) == (1, "")
    assert "expected whole numbers" in err


def test_the_command_says_when_no_request_is_decided_differently(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "diff", str(SHIPPED), str(SHIPPED))
    assert code == 0
    assert out.splitlines()[0] == "No request is decided differently."
