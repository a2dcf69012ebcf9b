"""What our records and Microsoft's entries are read as, before they are compared."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.audit.effects import effects_of
from agent.audit.events import of_directory_audit
from agent.records import AuditRecord

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NADIA, ANN, GROUP = "nadia-id", "ann-id", "group-id"
APP = "1c99c70c-55f5-4ea3-a199-b971bce16d7b"
OTHER = "2c99c70c-55f5-4ea3-a199-b971bce16d7b"


def record(seq: int, phase: str, minute: int = 0, **changes: Any) -> AuditRecord:
    body = {
        "phase": phase,
        "at": (NOON + minute * MINUTE).isoformat(),
        "request": "r1",
        "step": "s1",
        "actor": ANN,
        "acted_as": {"mode": "sponsor", "person": NADIA},
        "action": {"name": "group.member.add", "arguments": {"user": ANN, "group": GROUP}},
    }
    return AuditRecord(seq=seq, body=body | changes, prev="0", hash="1")


def ended(
    seq: int, outcome: str, ours: bool = True, direction: str = "do", **changes: Any
) -> AuditRecord:
    detail = {"direction": direction, "ours": ours}
    return record(seq, "outcome", 1, outcome=outcome, detail=detail, **changes)


def test_an_intent_and_its_outcome_are_one_claimed_effect() -> None:
    graph = {"request_id": "REQ", "client_request_id": "cli"}
    (effect,) = effects_of([record(4, "intent"), ended(5, "done", graph=graph)])
    assert (effect.seq, effect.action, effect.claimed) == (5, "group.member.add", True)
    assert (effect.initiator, effect.targets) == (NADIA, {ANN, GROUP})
    assert (effect.sent, effect.calls) == ((NOON,), {"req", "cli"})


@pytest.mark.parametrize(("outcome", "ours"), [("unknown", False), ("failed", False)])
def test_a_change_of_which_we_do_not_say_that_it_is_ours_is_not_claimed(
    outcome: str, ours: bool
) -> None:
    (effect,) = effects_of([record(4, "intent"), ended(5, outcome, ours)])
    assert (effect.seq, effect.claimed) == (4, False)


def test_an_intent_after_which_nothing_came_may_have_had_an_effect() -> None:
    (effect,) = effects_of([record(4, "intent")])
    assert effect.claimed is False


def test_what_was_found_refused_or_read_is_no_effect() -> None:
    assert effects_of([ended(1, "found", False), ended(2, "refused", False)]) == ()
    assert effects_of([record(3, "decision"), record(4, "request"), record(5, "reconcile")]) == ()


def test_an_undo_is_an_effect_of_its_own() -> None:
    back = {"name": "group.member.remove", "arguments": {"user": ANN, "group": GROUP}}
    told = [
        record(1, "intent"),
        ended(2, "waiting"),
        record(3, "compensate", 9, action=back),
        ended(4, "undone", direction="undo", action=back),
    ]
    do, undo = effects_of(told)
    assert (do.seq, do.action, do.claimed) == (2, "group.member.add", True)
    assert (undo.seq, undo.action, undo.claimed) == (4, "group.member.remove", True)
    assert undo.at == NOON + 9 * MINUTE


def test_an_undo_that_failed_claims_nothing() -> None:
    told = [record(1, "compensate"), ended(2, "failed", ours=False, direction="undo")]
    (undo,) = effects_of(told)
    assert undo.claimed is False


def test_a_provisional_change_is_ours_also_where_its_approval_never_came() -> None:
    (effect,) = effects_of([record(1, "intent"), ended(2, "refused")])
    assert (effect.seq, effect.claimed) == (2, True)


def test_every_attempt_counts_and_a_record_given_twice_counts_once() -> None:
    told = [record(1, "intent"), record(2, "intent", 5), ended(3, "done")]
    (effect,) = effects_of([*reversed(told), *told])
    assert effect.sent == (NOON, NOON + 5 * MINUTE)


def test_a_change_that_cannot_be_read_is_not_skipped() -> None:
    with pytest.raises(ValueError, match="record 1"):
        effects_of([record(1, "intent", action=None)])


def entry(**changes: Any) -> dict[str, Any]:
    said = {
        "id": "Directory_1",
        "activityDateTime": "2026-03-02T12:00:00.1234567Z",
        "activityDisplayName": "Add member to group",
        "result": "success",
        "correlationId": "C-1",
        "initiatedBy": {
            "user": {"id": NADIA.upper(), "displayName": "Nadia"},
            "app": {"appId": APP.upper(), "displayName": "Warrant"},
        },
        "targetResources": [
            {
                "id": ANN,
                "displayName": "Ann",
                "modifiedProperties": [
                    {"displayName": "Group.ObjectID", "oldValue": None, "newValue": f'"{GROUP}"'},
                    {"displayName": "Group.DisplayName", "newValue": '"Finance"'},
                ],
            }
        ],
    }
    return said | changes


def test_an_entry_is_read_by_ids_and_without_names() -> None:
    event = of_directory_audit(entry(), APP)
    assert (event.initiator, event.targets) == (NADIA, {ANN, GROUP})
    assert (event.through_us, event.through_other, event.failed) == (True, False, False)
    assert event.correlation == "c-1"
    for name in ("Nadia", "Ann", "Finance", "Warrant"):
        assert f'"{name}"' not in event.model_dump_json()


def test_whose_application_it_was() -> None:
    by = {"user": {"id": NADIA}, "app": {"appId": OTHER}}
    other = of_directory_audit(entry(initiatedBy=by), APP)
    assert (other.through_us, other.through_other) == (False, True)
    unnamed = of_directory_audit(entry(initiatedBy={"user": {"id": NADIA}, "app": None}), APP)
    assert (unnamed.through_us, unnamed.through_other) == (False, False)
    alone = of_directory_audit(entry(initiatedBy={"user": None, "app": {"appId": APP}}), APP)
    assert (alone.initiator, alone.through_us) == (None, True)


def test_only_what_microsoft_calls_a_failure_is_one() -> None:
    assert of_directory_audit(entry(result="failure"), APP).failed
    assert not of_directory_audit(entry(result="timeout"), APP).failed


def test_an_id_that_is_no_plain_word_becomes_its_digest() -> None:
    assert of_directory_audit(entry(id="x\n" * 500), APP).id.isalnum()
    assert len(of_directory_audit(entry(id="x\n" * 500), APP).id) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"activityDateTime": "yesterday"},
        {"activityDateTime": "2026-03-02T12:00:00"},
        {"activityDisplayName": None},
        {"targetResources": ["ann"]},
        {"initiatedBy": "nadia"},
    ],
)
def test_an_entry_of_another_shape_is_not_skipped(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected an entry"):
        of_directory_audit(entry(**changes), APP)


def test_a_property_that_is_no_json_names_nothing() -> None:
    target = {"id": ANN, "modifiedProperties": [{"displayName": "Group.ObjectID", "newValue": "{"}]}
    assert of_directory_audit(entry(targetResources=[target]), APP).targets == {ANN}
