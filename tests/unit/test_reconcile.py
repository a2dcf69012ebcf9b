"""Our trail against Microsoft's log: pairing, on hand-made cases and on ten thousand changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.actions import ACTIONS
from agent.audit.effects import Effect
from agent.audit.events import Event
from agent.audit.reconcile import ACTIVITIES, FINAL, Pair, Reconciliation, Window, reconcile
from tests.unit.synthetic_logs import BEGIN, SPREAD, Logs, made

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DELAY = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
ANN, GROUP, NADIA = "ann", "group", "nadia"


def effect(seq: int = 1, at: datetime = NOON, **changes: Any) -> Effect:
    said = {
        "seq": seq,
        "action": "group.member.add",
        "initiator": NADIA,
        "targets": {ANN, GROUP},
        "sent": (at,),
        "claimed": True,
    }
    return Effect.model_validate(said | changes)


def event(name: str = "e1", at: datetime = NOON, **changes: Any) -> Event:
    said = {
        "id": name,
        "at": at,
        "activity": "Add member to group",
        "initiator": NADIA,
        "targets": {ANN, GROUP},
        "through_us": True,
        "through_other": False,
    }
    return Event.model_validate(said | changes)


def window(now: datetime, since: datetime = NOON - timedelta(days=3)) -> Window:
    return Window(since=since, now=now, delay=DELAY)


LATER = window(NOON + timedelta(hours=80))


def test_a_change_that_both_know_is_paired() -> None:
    found = reconcile([effect()], [event()], window(NOON + MINUTE))
    assert found == Reconciliation(matched=(Pair(seq=1, event="e1"),))


@pytest.mark.parametrize(
    "strange",
    [
        event(initiator="olga"),
        event(initiator=None),
        event(activity="Remove member from group"),
        event(activity="Reset password"),
        event(targets={ANN}),
        event(targets={ANN, "elsewhere"}),
        event(at=NOON - timedelta(minutes=2, seconds=1)),
        event(at=NOON + timedelta(minutes=15, seconds=1)),
    ],
)
def test_what_differs_in_anything_is_not_ours(strange: Event) -> None:
    found = reconcile([effect()], [strange], LATER)
    assert found == Reconciliation(ours_not_seen=(1,), theirs_not_ours=("e1",))


def test_what_another_application_did_is_neither_ours_nor_an_alarm() -> None:
    other = event(through_us=False, through_other=True)
    assert reconcile([effect()], [other], LATER) == Reconciliation(ours_not_seen=(1,))


def test_an_entry_that_names_no_application_may_prove_ours_and_is_never_an_alarm() -> None:
    unnamed = event(through_us=False)
    assert reconcile([effect()], [unnamed], LATER).matched == (Pair(seq=1, event="e1"),)
    assert reconcile([], [unnamed], LATER) == Reconciliation()


def test_one_entry_proves_one_change() -> None:
    found = reconcile([effect(1), effect(2)], [event()], LATER)
    assert len(found.matched) == 1
    assert len(found.ours_not_seen) == 1


def test_one_change_explains_one_entry() -> None:
    found = reconcile([effect()], [event("e1"), event("e2")], LATER)
    assert len(found.matched) == 1
    assert len(found.theirs_not_ours) == 1


def test_the_id_of_the_call_tells_ours_from_a_copy_made_at_the_same_moment() -> None:
    ours = effect(calls={"call"})
    near, true = event("a-copy", NOON), event("true", NOON + 3 * MINUTE, correlation="call")
    found = reconcile([ours], [near, true], LATER)
    assert found.matched == (Pair(seq=1, event="true"),)
    assert found.theirs_not_ours == ("a-copy",)


def test_a_pairing_is_moved_so_that_as_many_as_possible_are_paired() -> None:
    """The first fits both entries, the second only the nearer one of the first."""
    first, second = effect(1, NOON), effect(2, NOON - 14 * MINUTE)
    found = reconcile([first, second], [event("a", NOON), event("b", NOON + 10 * MINUTE)], LATER)
    assert found.matched == (Pair(seq=1, event="b"), Pair(seq=2, event="a"))


def test_a_change_whose_answer_was_lost_explains_its_entry_and_demands_none() -> None:
    unsure = effect(claimed=False)
    assert reconcile([unsure], [event()], LATER).theirs_not_ours == ()
    assert reconcile([unsure], [], LATER) == Reconciliation()


def test_what_was_sent_again_may_have_arrived_again() -> None:
    twice = effect(sent=(NOON, NOON + 5 * MINUTE))
    entries = [event("a", NOON), event("b", NOON + 5 * MINUTE)]
    assert len(reconcile([twice], entries, LATER).matched) == 2
    third = event("c", NOON + 6 * MINUTE)
    assert len(reconcile([twice], [*entries, third], LATER).theirs_not_ours) == 1


def test_an_attempt_that_failed_proves_nothing_and_needs_our_leave_too() -> None:
    failed = event(failed=True)
    assert reconcile([effect()], [failed], LATER) == Reconciliation(ours_not_seen=(1,))
    assert reconcile([], [failed], LATER) == Reconciliation(theirs_not_ours=("e1",))


def test_ours_is_pending_for_72_hours_and_then_final() -> None:
    just = reconcile([effect()], [], window(NOON + FINAL - timedelta(seconds=1)))
    assert (just.pending_ours, just.ours_not_seen) == ((1,), ())
    then = reconcile([effect()], [], window(NOON + FINAL))
    assert (then.pending_ours, then.ours_not_seen) == ((), (1,))


def test_theirs_is_pending_while_it_is_younger_than_the_delay() -> None:
    young = reconcile([], [event()], window(NOON + DELAY - timedelta(seconds=1)))
    assert (young.pending_theirs, young.theirs_not_ours) == (("e1",), ())
    then = reconcile([], [event()], window(NOON + DELAY))
    assert (then.pending_theirs, then.theirs_not_ours) == ((), ("e1",))


def test_what_is_older_than_the_window_is_not_judged_again() -> None:
    narrow = Window(since=NOON + MINUTE, now=NOON + timedelta(days=9), delay=DELAY)
    assert reconcile([effect()], [event("e1", targets={ANN})], narrow) == Reconciliation()


def test_every_action_says_how_microsoft_calls_it() -> None:
    assert {action.name for action in ACTIONS} == set(ACTIVITIES)


_SMALL = st.integers(0, 40).map(lambda minutes: NOON + minutes * MINUTE)
_EFFECTS = st.lists(st.tuples(_SMALL, st.booleans(), st.booleans()), max_size=7)
_EVENTS = st.lists(st.tuples(_SMALL, st.booleans(), st.booleans()), max_size=7)


def _best(fits: list[set[str]], used: frozenset[str] = frozenset()) -> int:
    """The size of a maximum pairing, by trying everything."""
    if not fits:
        return 0
    skipped = _best(fits[1:], used)
    return max([skipped, *(1 + _best(fits[1:], used | {e}) for e in fits[0] - used)])


@settings(max_examples=60, deadline=None)
@given(told=_EFFECTS, logged=_EVENTS, order=st.randoms())
def test_the_pairing_is_maximal_and_does_not_depend_on_order_or_copies(
    told: list[tuple[datetime, bool, bool]], logged: list[tuple[datetime, bool, bool]], order: Any
) -> None:
    ours = [
        effect(n, at, claimed=claimed, targets={"x" if other else ANN, GROUP})
        for n, (at, claimed, other) in enumerate(told, 1)
    ]
    theirs = [
        event(f"e{n}", at, targets={"x" if other else ANN, GROUP}, through_us=us)
        for n, (at, us, other) in enumerate(logged)
    ]
    found = reconcile(ours, theirs, LATER)
    mixed_ours, mixed_theirs = ours * 2, theirs * 2
    order.shuffle(mixed_ours)
    order.shuffle(mixed_theirs)
    assert reconcile(mixed_ours, mixed_theirs, LATER) == found
    assert len({pair.event for pair in found.matched}) == len(found.matched)
    assert len({pair.seq for pair in found.matched}) == len(found.matched)
    fits = [
        {
            e.id
            for e in theirs
            if e.targets == o.targets and -2 * MINUTE <= e.at - o.at <= 15 * MINUTE
        }
        for o in ours
    ]
    assert len(found.matched) == _best(fits)
    claimed = [fit for o, fit in zip(ours, fits, strict=True) if o.claimed]
    assert len(claimed) - len(found.ours_not_seen) == _best(claimed)


def measured(truth: set[Any], said: set[Any]) -> tuple[float, float]:
    """Precision and recall."""
    right = len(truth & said)
    return right / len(said) if said else 1.0, right / len(truth) if truth else 1.0


def seen_at(logs: Logs, now: datetime) -> Reconciliation:
    """What a run finds that reads both logs at this moment."""
    theirs = [e for e in logs.events if logs.seen_from[e.id] <= now]
    ours = [e for e in logs.effects if e.sent[0] <= now]
    return reconcile(ours, theirs, Window(since=BEGIN - FINAL, now=now, delay=DELAY))


@pytest.mark.parametrize("seed", [1, 2026])
def test_of_ten_thousand_changes_every_alarm_is_right_and_none_is_missing(seed: int) -> None:
    logs = made(seed)
    assert len(logs.seen_from) + len(logs.lost) >= 10_000
    assert len(logs.lost) > 300
    assert len(logs.ghosts) > 300
    found = seen_at(logs, BEGIN + SPREAD + FINAL + timedelta(hours=6))
    pairs = {(pair.seq, pair.event) for pair in found.matched}
    assert measured(logs.ghosts, set(found.theirs_not_ours)) == (1.0, 1.0)
    assert measured(logs.lost, set(found.ours_not_seen)) == (1.0, 1.0)
    assert measured(logs.true_pairs, pairs) == (1.0, 1.0)
    assert (found.pending_ours, found.pending_theirs) == ((), ())


def test_while_the_log_lags_no_run_raises_a_false_alarm() -> None:
    logs = made(7)
    ghosts, lost = set[str](), set[int]()
    for hours in range(0, 180, 12):
        found = seen_at(logs, BEGIN + timedelta(hours=hours))
        assert set(found.theirs_not_ours) <= logs.ghosts
        assert set(found.ours_not_seen) <= logs.lost
        ghosts |= set(found.theirs_not_ours)
        lost |= set(found.ours_not_seen)
    assert ghosts == logs.ghosts
    assert lost == logs.lost
