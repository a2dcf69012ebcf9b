"""Any edit, drop, swap or insertion in the chain is found, at its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.bundle import record_line
from agent.audit.chain import ZERO, body_of, link_hash, verify_chain
from agent.records import AuditRecord, Draft
from tests.unit.links import chain
from tests.unit.trails import chained
from tests.unit.values import FREYA, NADIA, NOW, OLGA

EXACT = 2**53 - 1
bodies = st.builds(
    Draft,
    phase=st.sampled_from(["request", "read", "decision", "intent", "outcome", "answer"]),
    at=st.just(NOW),
    actor=st.sampled_from([FREYA, OLGA, NADIA]),
    digest=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    before=st.none() | st.booleans(),
    detail=st.dictionaries(
        st.text('aZ_. 0"\\/\x00\n', max_size=8),
        st.integers(-EXACT, EXACT) | st.text(max_size=8) | st.booleans(),
        max_size=3,
    ),
)
trails = st.lists(bodies, min_size=1, max_size=8)
places = st.integers(0, 7)


def linked(drafts: list[Draft]) -> list[AuditRecord]:
    return list(chain(drafts, 0, ZERO))


@given(trails)
def test_an_untouched_chain_holds(drafts: list[Draft]) -> None:
    assert verify_chain(linked(drafts)) == []


@given(trails, trails)
def test_a_chain_goes_on_where_it_ended(first: list[Draft], more: list[Draft]) -> None:
    begun = linked(first)
    whole = [*begun, *chain(more, begun[-1].seq, begun[-1].hash)]
    assert verify_chain(whole) == []
    assert [r.seq for r in whole] == list(range(1, len(whole) + 1))
    assert verify_chain(whole[len(begun) :], begun[-1].seq + 1, begun[-1].hash) == []


@given(trails, places, st.sampled_from(["phase", "actor", "v", "new"]))
def test_an_edit_is_found_at_its_place(drafts: list[Draft], place: int, field: str) -> None:
    records = linked(drafts)
    at = place % len(records)
    edited = {**records[at].body, field: "something else"}
    records[at] = records[at].model_copy(update={"body": edited})
    assert [(f.seq, "changed" in f.what) for f in verify_chain(records)] == [(at + 1, True)]


@given(trails, places)
def test_an_edit_with_its_hash_made_good_is_found_at_the_next_record(
    drafts: list[Draft], place: int
) -> None:
    records = linked(drafts)
    at = place % len(records)
    body = {**records[at].body, "actor": "somebody else"}
    made_good = link_hash(records[at].seq, records[at].prev, body)
    records[at] = records[at].model_copy(update={"body": body, "hash": made_good})
    found = [f.seq for f in verify_chain(records)]
    # the last record has no next one: signed checkpoints are what holds the end
    assert found == ([at + 2] if at + 1 < len(records) else [])


@given(trails, places)
def test_a_dropped_record_is_found_at_its_place(drafts: list[Draft], place: int) -> None:
    records = linked(drafts)
    at = place % len(records)
    del records[at]
    flaws = verify_chain(records)
    assert bool(flaws) == (at < len(records))  # a shorter end is what checkpoints are for
    if flaws:
        assert flaws[0].seq == at + 1
        assert flaws[0].what == f"expected sequence {at + 1}, saw {at + 2}"


@given(trails.filter(lambda drafts: len(drafts) > 1), places)
def test_swapped_records_are_found_at_their_place(drafts: list[Draft], place: int) -> None:
    records = linked(drafts)
    at = place % (len(records) - 1)
    records[at], records[at + 1] = records[at + 1], records[at]
    assert verify_chain(records)[0].seq == at + 1


@given(trails.filter(lambda drafts: len(drafts) > 1), places)
def test_swapped_contents_are_found_in_both_places(drafts: list[Draft], place: int) -> None:
    records = linked(drafts)
    at = place % (len(records) - 1)
    one, other = records[at], records[at + 1]
    if one.body == other.body:
        return
    records[at] = one.model_copy(update={"body": other.body})
    records[at + 1] = other.model_copy(update={"body": one.body})
    assert {f.seq for f in verify_chain(records)} == {at + 1, at + 2}


@given(trails, places, bodies)
def test_an_inserted_record_is_found_at_its_place(
    drafts: list[Draft], place: int, forged: Draft
) -> None:
    records = linked(drafts)
    at = place % len(records)
    prev = records[at].prev
    body = body_of(forged)
    records.insert(
        at, AuditRecord(seq=at + 1, body=body, prev=prev, hash=link_hash(at + 1, prev, body))
    )
    flaws = verify_chain(records)
    assert flaws
    assert flaws[0].seq == at + 2 or flaws[0].what.endswith(f"saw {at + 1}")


@given(trails, places, st.integers(0, 63))
def test_a_flipped_digit_of_a_hash_is_found(drafts: list[Draft], place: int, digit: int) -> None:
    records = linked(drafts)
    at = place % len(records)
    was = records[at].hash
    flipped = was[:digit] + ("0" if was[digit] != "0" else "1") + was[digit + 1 :]
    records[at] = records[at].model_copy(update={"hash": flipped})
    found = [f.seq for f in verify_chain(records)]
    assert found == [at + 1, at + 2][: 2 if at + 1 < len(records) else 1]


def test_a_chain_that_begins_elsewhere_is_found() -> None:
    late = list(chain([Draft(phase="request", at=NOW)] * 3, 4, "1" * 64))
    assert [f.seq for f in verify_chain(late)] == [1, 5]
    assert verify_chain(late, 5, "1" * 64) == []


def test_a_hash_binds_the_body_to_its_place_and_its_past() -> None:
    body: dict[str, Any] = {"v": 1, "phase": "request"}
    here = link_hash(1, ZERO, body)
    assert here != link_hash(2, ZERO, body)
    assert here != link_hash(1, "1" * 64, body)
    assert here == link_hash(1, ZERO, {"phase": "request", "v": 1})  # one canonical form


def test_a_body_leaves_out_what_says_nothing() -> None:
    assert body_of(Draft(phase="answer", at=NOW)) == {
        "v": 1,
        "phase": "answer",
        "at": "2026-11-23T09:00:00Z",
    }


@pytest.mark.parametrize("value", [1.5, 1e300, EXACT + 1, -EXACT - 1, {"naïve": 1}, [[{"n": 0.0}]]])
def test_what_has_no_one_form_is_refused_before_it_is_written(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        body_of(Draft(phase="answer", at=NOW, detail={"n": value}))


@given(trails)
def test_a_record_read_back_has_the_bytes_it_was_hashed_over(drafts: list[Draft]) -> None:
    for record in linked(drafts):
        again = AuditRecord.model_validate_json(record_line(record))
        assert again == record
        assert again.hash == link_hash(again.seq, again.prev, again.body)


def test_the_trails_of_the_tests_are_linked_as_the_product_links() -> None:
    drafts = [Draft(phase="read", at=NOW, detail={"n": n}) for n in range(5)]
    assert chained([body_of(draft) for draft in drafts]) == linked(drafts)
