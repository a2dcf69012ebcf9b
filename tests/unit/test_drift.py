"""What moved between plan and act is named: policy by its snapshot, facts by their names."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Ruling
from agent.drift import MOVES_BY_ITSELF, Drift, drift_of
from policy.decide import SnapshotRef
from policy.facts import FACTS
from tests.unit.values import planned, scene


def foreseen() -> Ruling:
    ruling = planned(scene()).steps[0].foreseen(undo=False)
    assert ruling is not None
    return ruling


def changed(name: str, value: Any) -> Ruling:
    section, _, fact = name.partition(".")
    was = foreseen()
    facts = {**was.facts, section: {**was.facts[section], fact: value}}  # type: ignore[dict-item]
    return was.model_copy(update={"facts": facts})


def republished(ruling: Ruling) -> Ruling:
    newer = ruling.decision.model_copy(update={"snapshot": SnapshotRef(id="b" * 64, seq=8)})
    return ruling.model_copy(update={"decision": newer})


def test_nothing_moved_is_none() -> None:
    assert drift_of(foreseen(), foreseen()) == Drift(moved="none")


def test_another_snapshot_is_drift_of_policy() -> None:
    assert drift_of(foreseen(), republished(foreseen())) == Drift(moved="policy")


def test_a_fact_that_moved_is_named_and_not_quoted() -> None:
    now = changed("requester.department", "Secret Projects")
    drift = drift_of(foreseen(), now)
    assert drift == Drift(moved="facts", facts=("requester.department",))
    assert drift_of(foreseen(), republished(now)).moved == "both"
    assert "Secret" not in drift.model_dump_json()


def test_a_fact_that_became_unknown_has_moved() -> None:
    assert drift_of(foreseen(), changed("target.tags", None)).facts == ("target.tags",)


def test_the_order_of_a_list_is_no_drift() -> None:
    one, other = changed("requester.groups", ["a", "b"]), changed("requester.groups", ["b", "a"])
    assert drift_of(one, other).moved == "none"


@given(st.sampled_from(sorted(MOVES_BY_ITSELF)), st.none() | st.integers() | st.text())
def test_what_moves_by_itself_is_no_drift(name: str, value: Any) -> None:
    assert drift_of(foreseen(), changed(name, value)).moved == "none"


@given(st.sampled_from(sorted(set(FACTS) - MOVES_BY_ITSELF)))
def test_every_other_fact_of_the_catalogue_that_moves_is_seen(name: str) -> None:
    assert drift_of(foreseen(), changed(name, "something else")).facts == (name,)
