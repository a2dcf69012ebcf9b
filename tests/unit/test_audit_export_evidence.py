"""Evidence says what the records say, in the demo's five variants, and its signature holds all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.export import telling
from agent.audit.export.evidence import (
    KIND,
    Evidence,
    Signature,
    SignedEvidence,
    evidence_of,
    signing_bytes,
    write,
)
from agent.audit.export.sections import Change
from agent.values import canonical
from policy.rule import Layer
from tests.unit.evidence_cases import MADE_AT, TENANT, VARIANTS, records_of, told
from tests.unit.export_readers import bodies, linked

FREYA = "3bada4c5-93a8-4b0d-99b6-a4464402b985"
SAM = "9421c3e1-72f2-4007-8348-6eb9345674c5"
OLGA = "b376a909-dc4a-4c74-a9bd-d9931a4cedb2"
NADIA = "855af681-d3c0-4965-ae18-55ffd5a4213f"
HELEN = "730a8660-04c5-438c-891f-e285dae092d0"
SIGNATURE = Signature(kid="audit-key-1", value="c2ln")


def became(change: Change) -> list[str | None]:
    return [one.outcome for one in change.became]


def test_granted_by_a_sponsor_it_names_the_sponsor_and_what_was_read_back() -> None:
    evidence = told("granted")
    assert evidence.asked is not None
    assert (evidence.asked.by, evidence.asked.channel) == (FREYA, "http")
    (change,) = evidence.changes
    hands: Any = change.acted_as
    assert (hands["mode"], hands["person"]) == ("sponsor", NADIA)
    assert "sponsorship" in hands["why"]
    (done,) = change.became
    assert (done.outcome, done.before, done.after) == ("done", False, True)
    assert done.verified_at is not None
    assert evidence.approvals == evidence.votes == ()
    assert evidence.ending is not None
    assert evidence.ending.status == "done"
    assert len(evidence.findings) == 8
    assert {found.read_as for found in evidence.findings} == {FREYA, NADIA}


def test_approved_by_the_owner_it_ties_the_yes_to_the_digest_that_was_done() -> None:
    evidence = told("approved")
    (asked,), (vote,), (change,) = evidence.approvals, evidence.votes, evidence.changes
    assert asked.approvers == (OLGA,)
    assert (vote.person, vote.decision, vote.was_asked) == (OLGA, "approve", True)
    assert asked.digest == vote.digest == change.digest
    hands: Any = change.acted_as
    assert (hands["mode"], hands["person"], hands["why"]) == ("approver", OLGA, "owns the target")


def test_every_permit_names_six_layers_each_with_the_rule_that_permitted() -> None:
    for variant in ("granted", "approved", "undone", "escalated"):
        for verdict in told(variant).verdicts:
            assert [said.layer for said in verdict.layers] == [layer.value for layer in Layer]
            assert all(said.result == "permit" and said.permitted_by for said in verdict.layers)
            assert verdict.snapshot is not None


def test_one_decision_that_stands_in_three_records_is_told_once() -> None:
    (verdict,) = told("approved").verdicts
    moments = [one.moment for one in verdict.occasions]
    assert moments == ["at planning", "right before the act", "with the outcome"]
    (owed,) = verdict.obligations
    assert isinstance(owed, dict)
    assert owed["by"] == "resource_owner"


def test_refused_it_names_the_layer_and_the_rules_and_no_change() -> None:
    evidence = told("refused")
    assert evidence.changes == ()
    (verdict,) = evidence.verdicts
    assert verdict.effect == "deny"
    denied = {said.layer: said.denied_by for said in verdict.layers if said.denied_by}
    assert denied == {"runtime": ("runtime-account-at-risk", "runtime-risky-sign-in")}
    assert evidence.ending is not None
    assert evidence.ending.status == "refused"


def test_undone_it_tells_the_change_and_its_undo_apart() -> None:
    do, undo = told("undone").changes
    assert (do.undo, became(do)) == (False, ["waiting", "refused"])
    assert do.became[-1].why == "the approval expired unanswered"
    assert (undo.undo, became(undo)) == (True, ["undone"])
    assert (undo.became[0].before, undo.became[0].after) == (True, False)


def test_escalated_it_names_the_failure_and_who_has_the_ticket() -> None:
    evidence = told("escalated")
    first, second, undo = evidence.changes
    assert [became(one) for one in (first, second, undo)] == [["done"], ["failed"], ["undone"]]
    assert second.became[0].code == "forbidden"
    assert evidence.ending is not None
    assert (evidence.ending.to, evidence.ending.status) == (HELEN, "escalated")
    assert evidence.ending.ticket is not None


@pytest.mark.parametrize("variant", VARIANTS)
def test_evidence_of_an_untouched_trail_has_no_flaw_and_holds_every_record(variant: str) -> None:
    evidence = told(variant)
    assert evidence.flaws == ()
    assert list(evidence.records) == records_of(variant)


def test_a_yes_to_another_digest_or_by_somebody_else_was_not_asked_for() -> None:
    records = records_of("approved")
    for field, value in (("digest", "0" * 64), ("actor", SAM)):
        forged = [
            record.model_copy(update={"body": {**record.body, field: value}})
            if record.body["phase"] == "approval"
            else record
            for record in records
        ]
        (vote,) = telling.votes(forged)
        assert vote.was_asked is False


def test_a_change_and_its_undo_are_two_even_under_one_digest() -> None:
    same = {"step": "s1", "digest": "d"}
    phases = ({"phase": "intent"}, {"phase": "compensate"})
    ends = tuple({"phase": "outcome", "detail": {"direction": way}} for way in ("do", "undo"))
    found = telling.changes(linked([same | said for said in (*phases, *ends)]))
    assert [(c.undo, c.intents, [b.seq for b in c.became]) for c in found] == [
        (False, (1,), [3]),
        (True, (2,), [4]),
    ]


def test_each_kind_of_tampering_is_named_with_its_record() -> None:
    records = records_of("granted")
    request = records[0].body["request"]

    def flaws(changed: list[Any], of: str = request) -> tuple[str, ...]:
        return evidence_of(changed, TENANT, of, MADE_AT).flaws

    edited = records[3].model_copy(update={"body": {**records[3].body, "actor": SAM}})
    seq = records[3].seq
    assert flaws([*records[:3], edited, *records[4:]]) == (f"record {seq} does not fit its hash",)
    assert flaws([*records, records[3]]) == (f"record {seq} is there twice",)
    assert f"record {seq} is not of this request" in flaws(records, "f" * 32)
    (other,) = linked([records[3].body])
    relinked = other.model_copy(update={"seq": seq})
    assert f"record {seq} does not follow record {seq - 1}" in flaws(
        [*records[:3], relinked, *records[4:]]
    )
    assert flaws(list(reversed(records))) == ()  # order of arrival does not matter


def test_evidence_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="saw none"):
        evidence_of([], TENANT, "r" * 32, MADE_AT)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_signed_document_reads_back_and_its_sections_can_be_told_again(variant: str) -> None:
    evidence = told(variant, checkpoint={"size": 40}, inclusion=[1, "a"], microsoft=({"id": "x"},))
    back = SignedEvidence.model_validate_json(write(evidence, SIGNATURE))
    assert back.evidence == evidence
    assert back.signature == SIGNATURE
    again = evidence_of(
        back.evidence.records,
        back.evidence.tenant,
        back.evidence.request,
        back.evidence.made_at,
        back.evidence.added,
    )
    assert again == evidence
    assert signing_bytes(back.evidence) == signing_bytes(evidence)


def test_what_is_signed_names_its_kind_and_covers_every_field() -> None:
    evidence = told("approved")
    said = json.loads(signing_bytes(evidence))
    assert said == {"kind": KIND, "evidence": evidence.model_dump(mode="json")}
    assert canonical(said) == signing_bytes(evidence)
    different: dict[str, Any] = {
        "tenant": "other",
        "request": "other",
        "made_at": MADE_AT.replace(year=2027),
        "flaws": ("something",),
        "records": evidence.records[1:],
        "added": evidence.added.model_copy(update={"names": {}}),
    }
    emptied = {
        name: None if name in ("asked", "ending") else ()
        for name in ("asked", "ending", "findings", "verdicts", "approvals", "votes", "changes")
    }
    cases = different | emptied
    assert set(cases) == set(Evidence.model_fields)
    for field, value in cases.items():
        changed = evidence.model_copy(update={field: value})
        assert signing_bytes(changed) != signing_bytes(evidence), field


@given(st.lists(bodies, min_size=1, max_size=5))
def test_whatever_the_bodies_hold_evidence_is_told_and_keeps_them(
    some: list[dict[str, Any]],
) -> None:
    records = linked(some)
    evidence = evidence_of(records, TENANT, "r" * 32, MADE_AT)
    back = SignedEvidence.model_validate_json(write(evidence, SIGNATURE)).evidence
    assert [record.body for record in back.records] == some
    assert back == evidence
