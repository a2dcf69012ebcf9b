"""Over random rules: whatever change some request sees is found by the comparison."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.axioms import AXIOMS
from policy.decide import Decision, RuleSet, decide
from policy.obligations import merge
from policy.query import Known, Query
from policy.rule import Rule
from tests.policy.changed_rules import EASIER, HARDER, compared

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
