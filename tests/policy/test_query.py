"""Reading facts: doubt is never a value, and no content of a fact raises."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.facts import FACTS, fold
from policy.query import Known, Query, Unknown, UnknownFact

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def one(name: str, raw: object) -> Query:
    section, leaf = name.split(".")
    return Query.of({section: {leaf: raw}})


@given(st.sampled_from([n for n in FACTS if n != "target.same_department"]), ANYTHING)
def test_no_content_of_a_fact_raises(name: str, raw: object) -> None:
    fact = one(name, raw).facts[name]
    assert isinstance(fact, Known | Unknown)


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("requester.department", "\uff26inance", "finance"),
        ("requester.department", "STRASSE", fold("straße")),
        ("requester.id", "ABC", "abc"),
        ("requester.flags", [], frozenset()),
        ("requester.groups", ["A", "a"], frozenset({"a"})),
        ("action.risk", 0, 0),
        ("target.privileged", False, False),
        ("runtime.now", "2026-11-23T10:00:00+01:00", datetime(2026, 11, 23, 9, tzinfo=UTC)),
    ],
)
def test_a_well_formed_fact_is_known_in_its_compared_form(
    name: str, raw: object, value: object
) -> None:
    query = one(name, raw)
    assert query.facts[name] == Known(value)  # type: ignore[arg-type]
    assert query.errors == ()


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("requester.department", ""),
        ("requester.department", "  "),
        ("requester.department", 3),
        ("requester.flags", "at_risk"),
        ("requester.flags", ["at_risk", None]),
        ("requester.flags", {"at_risk": True}),
        ("requester.groups", [["a"]]),
        ("action.risk", True),
        ("action.risk", "1"),
        ("action.risk", 1.0),
        ("runtime.sign_in_age_minutes", -1),
        ("target.privileged", 0),
        ("target.privileged", "false"),
        ("runtime.now", "2026-11-23T09:00:00"),
        ("runtime.now", "2026-11-23"),
        ("runtime.now", 1),
        ("runtime.now", "yesterday"),
        ("runtime.now", "0001-01-01T00:00:00+14:00"),
        ("runtime.now", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_mistyped_fact_is_unknown_and_its_value_is_not_told(name: str, raw: object) -> None:
    query = one(name, raw)
    assert isinstance(query.facts[name], Unknown)
    assert len(query.errors) == 1
    assert name in query.errors[0]
    assert "at_risk" not in query.errors[0]


def test_a_missing_fact_and_a_null_are_unknown_without_an_error() -> None:
    query = one("requester.flags", None)
    assert query.facts["requester.flags"] == query.facts["requester.roles"] == Unknown("not given")
    assert query.errors == ()


def test_a_section_of_the_wrong_type_makes_all_its_facts_unknown() -> None:
    query = Query.of({"requester": ["Finance"]})
    assert isinstance(query.facts["requester.department"], Unknown)
    assert query.errors == ("`requester` must hold named facts, not `list`",)


@pytest.mark.parametrize(
    "facts",
    [
        {"requestor": {}},
        {"requester": {"departement": "Finance"}},
        {"target": {"same_department": True}},
        {"requester": {3: "Finance"}},
        {"": {}},
    ],
)
def test_a_name_outside_the_catalogue_is_a_fault_of_the_caller(facts: dict[str, Any]) -> None:
    with pytest.raises(UnknownFact, match="expected one of"):
        Query.of(facts)


def test_what_is_known_keeps_where_it_came_from() -> None:
    read_at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    query = one("requester.department", Known("Finance", "Graph", read_at))
    assert query.facts["requester.department"] == Known("finance", "Graph", read_at)
    assert one("action.risk", Unknown("no sponsor")).facts["action.risk"] == Unknown("no sponsor")
    assert isinstance(one("action.risk", Known("high")).facts["action.risk"], Unknown)


@pytest.mark.parametrize(
    ("theirs", "its", "same"),
    [("Finance", "FINANCE", Known(True, "derived")), ("Finance", "Sales", Known(False, "derived"))],
)
def test_same_department_is_derived_from_both(theirs: str, its: str, same: Known) -> None:
    query = Query.of({"requester": {"department": theirs}, "target": {"department": its}})
    assert query.facts["target.same_department"] == same


def test_same_department_is_unknown_if_either_is() -> None:
    for facts in ({"requester": {"department": "a"}}, {"target": {"department": "a"}}, {}):
        assert isinstance(Query.of(facts).facts["target.same_department"], Unknown)


def test_two_blank_departments_are_not_the_same_department() -> None:
    query = Query.of({"requester": {"department": ""}, "target": {"department": ""}})
    assert isinstance(query.facts["target.same_department"], Unknown)
