"""What a rule may say, and how several obligations become one."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from policy.decide import RuleSet, SnapshotRef, decide
from policy.obligations import Obligation, duration, merge
from policy.query import Query
from policy.rule import Rule

GUID = "0a1b2c3d-0000-0000-0000-00000000000F"
DENY = {
    "schema": 1,
    "id": "a-rule",
    "layer": "department",
    "effect": "deny",
    "when": {"requester": {"departments": ["Finance"]}},
    "reason": "because",
}
APPROVAL = {"kind": "approval", "by": "resource_owner", "expires_after": "PT8H"}
REQUIRE = DENY | {"effect": "require", "obligations": [APPROVAL]}


def owed(**said: Any) -> Obligation:
    adapter: TypeAdapter[Obligation] = TypeAdapter(Obligation)
    return adapter.validate_python(said)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"effect": "permit", "when": {}}, "baseline"),
        ({"effect": "permit", "when": {"requester": {}}}, "baseline"),
        ({"effect": "permit", "unless": {"action": {"risk_max": 1}}}, "unless"),
        ({"baseline": True}, "baseline"),
        ({"unless": {}}, "exempts everything"),
        ({"unless": {"requester": {}}}, "exempts everything"),
        ({"obligations": [APPROVAL]}, "require"),
        ({"effect": "require"}, "obligations"),
        ({"when": {"requester": {"departments": []}}}, "at least 1"),
        ({"when": {"requester": {"departments": None}}}, "saw nothing"),
        ({"when": {"requester": {"departments": "Finance"}}}, "array"),
        ({"when": {"requester": {"departments": [" "]}}}, "pattern"),
        ({"when": {"requester": {"departement": ["Finance"]}}}, "not permitted"),
        ({"when": {"requester": None}}, "object"),
        ({"when": {"action": {"risk_max": True}}}, "integer"),
        ({"when": {"action": {"risk_max": "1"}}}, "integer"),
        ({"when": {"action": {"risk_max": 1.0}}}, "integer"),
        ({"when": {"action": {"risk_min": 2, "risk_max": 1}}}, "risk_min <= risk_max"),
        ({"when": {"target": {"privileged": "no"}}}, "boolean"),
        ({"when": {"target": {"privileged": 0}}}, "boolean"),
        ({"valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "before"),
        ({"valid_from": "2026-01-02T00:00:00"}, "timezone"),
        ({"schema": 2}, "less than or equal"),
        ({"schema": True}, "integer"),
        ({"id": "Not a slug"}, "pattern"),
        ({"id": "a/b"}, "pattern"),
        ({"layer": "galaxy"}, "global"),
        ({"effect": "allow"}, "permit"),
        ({"mode": "off"}, "enforce"),
        ({"reason": ""}, "at least 1"),
        ({"priority": 7}, "not permitted"),
    ],
)
def test_a_rule_that_is_not_meant_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Rule.of(DENY | change)


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "bribe"},
        APPROVAL | {"by": "anybody"},
        APPROVAL | {"by": "group:it-admins"},
        APPROVAL | {"quorum": 0},
        APPROVAL | {"quorum": True},
        APPROVAL | {"when": "after"},
        APPROVAL | {"expires_after": "P1M"},
        {"kind": "approval", "by": "manager"},
        {"kind": "notify"},
        {"kind": "time_bound", "max": "PT0S"},
        {"kind": "justify", "why": "x"},
    ],
)
def test_an_obligation_that_is_not_understood_refuses_its_rule(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.of(REQUIRE | {"obligations": [said]})


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT8H", timedelta(hours=8)),
        ("P30D", timedelta(days=30)),
        ("P1DT1H1M1S", timedelta(days=1, hours=1, minutes=1, seconds=1)),
        ("PT90M", timedelta(minutes=90)),
    ],
)
def test_a_duration_has_a_length(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "8H", "P1Y", "P1M", "P1W", "PT-1H", "PT1.5H", "PT8H\n", "PT٨H"]
)
def test_what_has_no_certain_length_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(text)


def test_a_rule_survives_being_written_down() -> None:
    rule = Rule.of(
        REQUIRE
        | {
            "unless": {"runtime": {"window": {"tz": "UTC", "from": "08:00", "to": "18:00"}}},
            "obligations": [
                APPROVAL | {"by": f"group:{GUID}"},
                {"kind": "notify", "who": "manager"},
            ],
            "valid_until": "2027-01-01T01:00:00+01:00",
            "tests": [{"name": "x", "query": {"action": None}, "applies": True}],
        }
    )
    assert Rule.of(rule.record()) == rule
    assert rule.record()["valid_until"] == "2027-01-01T00:00:00Z"
    assert rule.record()["obligations"][0]["by"] == f"group:{GUID.lower()}"


@pytest.mark.parametrize("created_at", ["2026-11-23", "2026-11-23T09:00:00Z"])
def test_a_rule_may_be_dated_by_day_or_by_instant(created_at: str) -> None:
    rule = Rule.of(DENY | {"provenance": {"author": "ada", "created_at": created_at}})
    assert rule.record()["provenance"]["created_at"] == created_at


def test_what_is_only_a_default_is_not_written_down() -> None:
    spelled_out = DENY | {"mode": "enforce", "unless": None, "valid_from": None, "tests": []}
    assert Rule.of(spelled_out).record() == Rule.of(DENY).record() == DENY


def test_two_rules_of_one_id_are_no_policy() -> None:
    with pytest.raises(ValueError, match="`a-rule`"):
        RuleSet.of([Rule.of(DENY), Rule.of(DENY | {"layer": "action"})])


def test_a_decision_names_the_snapshot_it_was_made_under() -> None:
    rules = RuleSet.of([Rule.of(DENY)], SnapshotRef(id="abc", seq=7))
    assert decide(rules, Query.of({})).model_dump(mode="json")["snapshot"] == {
        "id": "abc",
        "seq": 7,
    }


OWED = [
    owed(**APPROVAL, quorum=2),
    owed(**(APPROVAL | {"expires_after": "PT30M"}), when="provisional"),
    owed(**(APPROVAL | {"by": "manager"})),
    owed(kind="time_bound", max="P1D"),
    owed(kind="time_bound", max="PT24H"),
    owed(kind="step_up", max_age="PT5M"),
    owed(kind="step_up", max_age="PT1H"),
]


def test_merging_keeps_each_stricter_part_whatever_the_order() -> None:
    expected = (
        owed(**(APPROVAL | {"by": "manager"})),
        owed(**(APPROVAL | {"expires_after": "PT30M"}), quorum=2, when="before"),
        owed(kind="step_up", max_age="PT5M"),
        owed(kind="time_bound", max="P1D"),
    )
    assert {merge(some) for some in permutations(OWED)} == {expected}
    assert merge(expected) == expected


def test_provisional_stays_provisional_if_all_agree() -> None:
    provisional = owed(**APPROVAL, when="provisional")
    assert merge([provisional, provisional]) == (provisional,)


def test_notices_tickets_and_justifications_are_a_union() -> None:
    some = [owed(kind="notify", who=who) for who in ("manager", "requester", "manager")]
    rest = [owed(kind="ticket"), owed(kind="justify"), owed(kind="ticket")]
    assert [o.kind for o in merge([*some, *rest])] == ["justify", "notify", "notify", "ticket"]
