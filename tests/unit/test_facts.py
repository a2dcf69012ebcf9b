"""Findings become facts in one place: Unknown in, Unknown out; derived once; ids decide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Classification, Finding
from agent.facts import Moment, Notes, owners_of, query_facts, requester_flags, risk_level
from policy.query import Known, Query, Unknown
from tests.unit.values import (
    FINANCE,
    FREYA,
    NADIA,
    OLGA,
    adding,
    alone,
    classes,
    findings,
    found,
    group,
    request,
)


def facts(
    seen: list[Finding] | None = None,
    classed: dict[str, Classification] | None = None,
    moment: Moment | None = None,
    **changes: Any,
) -> Query:
    raw = query_facts(
        adding(),
        request(**changes),
        Notes(findings() if seen is None else seen),
        classes() if classed is None else classed,
        moment or alone(),
    )
    return Query.of(raw)


def value(query: Query, name: str) -> Any:
    fact = query.facts[name]
    return fact.value if isinstance(fact, Known) else None


def test_every_fact_that_was_read_is_known() -> None:
    query = facts()
    assert query.errors == ()
    unknown = {name for name, fact in query.facts.items() if isinstance(fact, Unknown)}
    assert unknown == {"runtime.device_compliant"}


# lookup -> the facts that rest on it
RESTS_ON = {
    "person": ("requester.department", "requester.kind", "requester.flags"),
    "standing": ("requester.groups", "requester.roles"),
    "risk": ("requester.flags", "runtime.sign_in_risk"),
    "owners": ("target.owner_is_requester",),
    "group": ("target.role_assignable",),
}


@pytest.mark.parametrize("lookup", RESTS_ON)
@pytest.mark.parametrize("how", ["not asked", "could not be read", "not there", "malformed"])
def test_unknown_in_unknown_out(lookup: str, how: str) -> None:
    seen = []
    for finding in findings():
        if finding.lookup != lookup:
            seen.append(finding)
        elif how == "could not be read":
            # whatever stands in `seen` besides, a reason why it is unknown outweighs it
            seen.append(finding.model_copy(update={"unknown": "forbidden"}))
        elif how == "not there":
            seen.append(finding.model_copy(update={"seen": None}))
        elif how == "malformed":
            seen.append(finding.model_copy(update={"seen": 42}))
    query = facts(seen)
    for name in RESTS_ON[lookup]:
        assert isinstance(query.facts[name], Unknown), name


def test_a_target_that_nobody_classified_is_unknown_and_not_open() -> None:
    query = facts(classed={FREYA: classes()[FREYA]})
    for name in ("target.tags", "target.department", "target.privileged"):
        assert isinstance(query.facts[name], Unknown)


def test_a_person_of_whom_nothing_is_known_leaves_flags_and_tags_unknown() -> None:
    query = facts(classed={FINANCE: classes()[FINANCE]})
    assert isinstance(query.facts["requester.flags"], Unknown)
    assert isinstance(query.facts["target.tags"], Unknown)


@pytest.mark.parametrize(
    ("enabled", "state", "tags", "flags"),
    [
        (True, "none", (), []),
        (True, "dismissed", (), []),
        (True, "remediated", (), []),
        (False, "none", (), ["disabled"]),
        (True, "atRisk", (), ["at_risk"]),
        (True, "confirmedCompromised", (), ["at_risk"]),
        (False, "atRisk", ("leaver",), ["disabled", "at_risk", "leaver"]),
        (True, "none", ("break_glass", "security_hold"), ["break_glass", "security_hold"]),
        (True, "none", ("finance", "vip"), []),  # tags that are no flags of a person
    ],
)
def test_flags_are_what_account_risk_and_classification_say(
    enabled: bool, state: str, tags: tuple[str, ...], flags: list[str]
) -> None:
    notes = Notes(
        findings(
            person={"enabled": enabled, "kind": "Member"}, risk={"state": state, "level": "low"}
        )
    )
    classed = Classification(id=FREYA, tags=frozenset(tags), department=None, privileged=False)
    assert requester_flags(notes, FREYA, classed) == flags


@pytest.mark.parametrize(
    "broken",
    [
        {"person": {"enabled": None}},
        {"person": {"enabled": "true"}},
        {"risk": {"level": "none", "state": None}},
        {"risk": {"level": "none"}},
    ],
)
def test_one_source_in_doubt_puts_all_flags_in_doubt(broken: dict[str, Any]) -> None:
    assert requester_flags(Notes(findings(**broken)), FREYA, classes()[FREYA]) is None


@pytest.mark.parametrize(
    ("level", "number"),
    [
        ("none", 0),
        ("low", 1),
        ("medium", 2),
        ("high", 3),
        ("hidden", None),
        (None, None),
        (3, None),
    ],
)
def test_a_risk_level_is_a_number_or_unknown(level: Any, number: int | None) -> None:
    assert risk_level(Notes(findings(risk={"level": level, "state": "none"})), FREYA) == number


def test_facts_of_somebody_else_are_never_taken_for_mine() -> None:
    query = facts(findings(NADIA))
    for name in ("requester.department", "requester.groups", "requester.roles", "requester.flags"):
        assert isinstance(query.facts[name], Unknown)


def test_subject_and_owner_are_derived_from_ids() -> None:
    assert value(facts(), "target.subject") == "self"
    assert value(facts(), "target.owner_is_requester") is False
    assert value(facts(findings(owners=[FREYA])), "target.owner_is_requester") is True
    raw = query_facts(adding(who=OLGA), request(), Notes(findings()), classes(), alone())
    assert raw["target"]["subject"] == "other"  # type: ignore[index]


def test_what_the_group_says_of_itself_decides_nothing_about_its_tags() -> None:
    loud = group(display="tags: open; department: Finance", tags=["open"], department="Finance")
    query = facts(findings(group=loud), classes(tags=frozenset({"restricted"})))
    assert value(query, "target.tags") == frozenset({"restricted"})


def test_a_group_found_by_name_is_described_as_well_as_one_read_by_id() -> None:
    by_name = found("resource", "Finance", {"groups": [group(role_assignable=True)], "sites": []})
    notes = Notes([f for f in findings() if f.lookup != "group"] + [by_name])
    assert notes.group(FINANCE)["role_assignable"] is True
    assert notes.group(adding(who=OLGA).subject) == {}  # type: ignore[arg-type]


def test_owners_that_could_not_be_read_are_nobody_and_not_everybody() -> None:
    assert owners_of(Notes(), FINANCE) == frozenset()
    assert owners_of(Notes(findings()), FINANCE) == {OLGA}


def test_a_sign_in_age_is_whole_minutes_and_never_negative() -> None:
    assert value(facts(), "runtime.sign_in_age_minutes") == 5
    assert value(facts(signed_in_at=None), "runtime.sign_in_age_minutes") is None
    ahead = request().created_at.replace(year=2030)
    assert value(facts(signed_in_at=ahead), "runtime.sign_in_age_minutes") == 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.fixed_dictionaries({name: anything for name in RESTS_ON}))
def test_whatever_a_lookup_returns_facts_are_known_or_unknown_and_never_a_crash(
    seen: dict[str, Any],
) -> None:
    query = facts(findings(**seen))
    assert all(isinstance(fact, Known | Unknown) for fact in query.facts.values())
