"""The checker that tells the end from the beginning and the trail: it must be able to say no."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.records import AuditRecord
from local.demo.rederive import Move, moves_of, rederived

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EDGE = ("finance", "ann")


def outcome(minute: int, name: str, after: bool, **detail: Any) -> AuditRecord:
    at = (NOON + minute * MINUTE).isoformat()
    body = {
        "phase": "outcome",
        "action": {"name": name, "arguments": {"group": "finance", "user": "ann"}},
        "detail": {"ours": True, "verified_at": at} | detail,
    }
    return AuditRecord(seq=1, body=body | ({"after": True} if after else {}), prev="0", hash="1")


ADDED = outcome(1, "group.member.add", after=True)
REMOVED = outcome(5, "group.member.remove", after=False)


def test_a_verified_change_of_ours_moves_an_edge_and_its_undo_moves_it_back() -> None:
    assert moves_of([ADDED], NOON) == [Move(NOON + MINUTE, EDGE, member=True)]
    assert rederived(frozenset(), moves_of([ADDED], NOON)) == {EDGE}
    assert rederived(frozenset(), moves_of([REMOVED, ADDED], NOON)) == frozenset()


def test_what_is_not_ours_not_verified_or_earlier_moves_nothing() -> None:
    found = outcome(1, "group.member.add", after=True, ours=False)
    elsewhere = outcome(1, "password.reset", after=True)
    intent = AuditRecord(seq=1, body=ADDED.body | {"phase": "intent"}, prev="0", hash="1")
    unseen = AuditRecord(seq=1, body=ADDED.body | {"detail": {"ours": True}}, prev="0", hash="1")
    assert moves_of([found, elsewhere, intent, unseen], NOON) == []
    assert moves_of([ADDED], NOON + 2 * MINUTE) == []


def test_a_change_by_hand_comes_in_its_order() -> None:
    by_hand = Move(NOON + 3 * MINUTE, EDGE, member=False)
    again = outcome(4, "group.member.add", after=True)
    assert rederived(frozenset(), [*moves_of([ADDED], NOON), by_hand]) == frozenset()
    assert rederived(frozenset(), [by_hand, *moves_of([again], NOON)]) == {EDGE}
