"""Replaying the past: made again byte for byte, and moved where other rules say so."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decide import RuleSet, SnapshotRef, decide
from policy.pack import SHIPPED, load
from policy.query import Query
from policy.rule import Rule
from policy.simulate import PastDecision, Simulation, read_past, simulate

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
REF = SnapshotRef(id="a" * 64, seq=3)
LAYERS = ("global", "tenant", "target", "department", "action", "runtime")
BASE = [
    Rule.of(
        {
            "schema": 1,
            "id": f"open-{layer}",
            "layer": layer,
            "effect": "permit",
            "baseline": True,
            "reason": "open",
        }
    )
    for layer in LAYERS
]


def more(name: str, effect: str, action: str, **said: Any) -> Rule:
    record = {
        "schema": 1,
        "id": name,
        "layer": "action",
        "effect": effect,
        "when": {"action": {"ids": [action]}},
        "reason": name,
    }
    return Rule.of(record | said)


def owing(name: str, action: str, *owed: dict[str, Any]) -> Rule:
    return more(name, "require", action, obligations=list(owed))


APPROVAL = {"kind": "approval", "by": "manager", "quorum": 1, "expires_after": "PT8H"}
TICKET = {"kind": "ticket"}


def past_of(rules: Sequence[Rule], *actions: str, ref: SnapshotRef | None = REF) -> list[Any]:
    ready = RuleSet.of(rules, ref)
    return [
        PastDecision(
            request=f"r{number}",
            step="s1",
            phase="execute",
            at=NOW + timedelta(minutes=number),
            facts={"action": {"id": action}},
            decision=decide(ready, Query.of({"action": {"id": action}})),
        )
        for number, action in enumerate(actions)
    ]


def moves(seen: Simulation) -> list[tuple[str, str]]:
    return [(move.kind, move.request) for move in seen.moves]


def test_the_rules_that_decided_decide_the_same_again_byte_for_byte() -> None:
    rules = [*BASE, more("no-b", "deny", "b"), owing("c-owes", "c", APPROVAL)]
    past = past_of(rules, "a", "b", "c")
    seen = simulate(past, RuleSet.of(rules), RuleSet.of(rules), {REF: RuleSet.of(rules, REF)})
    assert (seen.decisions, seen.reproduced, seen.differences, seen.moves) == (3, 3, (), ())


def test_what_does_not_come_out_again_is_named() -> None:
    rules = [*BASE, more("no-b", "deny", "b")]
    past = past_of(rules, "a", "b")
    tampered = past[1].decision.model_copy(update={"effect": "permit", "reason": "because"})
    past[1] = past[1].model_copy(update={"decision": tampered})
    seen = simulate(past, RuleSet.of(rules), None, {REF: RuleSet.of(rules, REF)})
    assert seen.reproduced == 1
    (found,) = seen.differences
    assert (found.request, found.differs) == ("r1", ("`effect`", "`reason`"))


def test_a_decision_of_rules_or_facts_that_are_gone_is_a_difference() -> None:
    past = past_of(BASE, "a")
    seen = simulate(past, RuleSet.of(BASE), None, {})
    assert seen.differences[0].differs == ("the rules that decided are not at hand",)
    strange = past[0].model_copy(update={"facts": {"action": {"colour": "red"}}})
    seen = simulate([strange], RuleSet.of(BASE), None, {REF: RuleSet.of(BASE, REF)})
    assert "`action.colour`" in seen.differences[0].differs[0]
    assert seen.moves == ()


def test_without_the_rules_that_decided_nothing_is_claimed_of_the_past() -> None:
    seen = simulate(past_of(BASE, "a"), RuleSet.of(BASE))
    assert (seen.decisions, seen.reproduced, seen.differences) == (1, 0, ())


def test_every_kind_of_move_is_named_with_its_request() -> None:
    old = [
        *BASE,
        more("no-a", "deny", "a"),
        owing("c-owes", "c", APPROVAL),
        owing("e-owes", "e", APPROVAL),
    ]
    new = [
        *BASE,
        more("no-b", "deny", "b"),
        owing("d-owes", "d", TICKET),
        owing("e-owes", "e", TICKET),
    ]
    past = past_of(old, "a", "b", "c", "d", "e", "f")
    seen = simulate(past, RuleSet.of(new), RuleSet.of(old), {REF: RuleSet.of(old, REF)})
    assert moves(seen) == [
        ("permitted", "r0"),
        ("less", "r2"),
        ("less", "r4"),
        ("denied", "r1"),
        ("more", "r3"),
        ("more", "r4"),
    ]
    assert seen.moves[0].before == "no-a"
    told = "\n".join(seen.sentences())
    assert "newly permitted: r0 s1 execute: was: no-a now: open" in told
    assert "6 past decisions, 6 made again byte for byte" in told


def test_moves_are_from_the_rules_that_count_now_else_from_what_was_decided() -> None:
    then, now = [*BASE, more("no-a", "deny", "a")], BASE
    past = past_of(then, "a")
    assert moves(simulate(past, RuleSet.of(now), RuleSet.of(now))) == []
    assert moves(simulate(past, RuleSet.of(now))) == [("permitted", "r0")]


def test_the_digest_is_of_what_was_found_in_whatever_order_it_was_given() -> None:
    rules = [*BASE, more("no-b", "deny", "b")]
    past = past_of(BASE, "a", "b", "b")
    one = simulate(past, RuleSet.of(rules), RuleSet.of(BASE), {REF: RuleSet.of(BASE, REF)})
    other = simulate(past[::-1], RuleSet.of(rules), RuleSet.of(BASE), {REF: RuleSet.of(BASE, REF)})
    assert one.digest == other.digest
    fewer = simulate(past[:2], RuleSet.of(rules), RuleSet.of(BASE), {REF: RuleSet.of(BASE, REF)})
    assert fewer.digest != one.digest


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.fixed_dictionaries(
            {"id": st.sampled_from(["group.member.add", "group.member.remove", "x"])},
            optional={"family": st.just("group"), "risk": st.integers(0, 4), "undo": st.booleans()},
        ),
        "requester": st.fixed_dictionaries(
            {"department": st.sampled_from(["Finance", "Sales", ""])},
            optional={"flags": st.lists(st.sampled_from(["at_risk", 3]), max_size=2)},
        ),
        "runtime": st.fixed_dictionaries({"now": st.sampled_from(["2026-03-02T09:00:00Z", 7])}),
    },
)


@given(st.lists(FACTS, max_size=5))
def test_the_shipped_policy_makes_every_decision_again_through_json(facts: list[Any]) -> None:
    ready = RuleSet.of(load(SHIPPED / "global", SHIPPED / "tenant-default"), REF)
    lines = [
        json.dumps(
            {
                "request": f"r{number}",
                "step": "s",
                "phase": "plan",
                "at": "2026-03-02T09:00:00Z",
                "facts": one,
                "decision": decide(ready, Query.of(one)).model_dump(mode="json"),
            }
        )
        for number, one in enumerate(facts)
    ]
    seen = simulate(list(read_past(iter(lines))), ready, ready, {REF: ready})
    assert (seen.reproduced, seen.moves) == (len(facts), ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: at `line`"),
        ('{"request": "r"}', "line 2: at `step`: Field required"),
        ('{"request": "r", "secret": "name@example"}', "line 2: at `step`"),
        ("[" * 300_000, "line 2: expected at most"),
    ],
)
def test_a_line_that_is_no_decision_is_named_and_not_quoted(line: str, said: str) -> None:
    good = past_of(BASE, "a")[0].model_dump_json()
    with pytest.raises(ValueError, match="line 2") as refused:
        list(read_past(iter([good, line])))
    assert str(refused.value).startswith(said)
    assert "name@example" not in str(refused.value)
