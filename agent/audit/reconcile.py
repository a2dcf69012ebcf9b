"""Do our trail and Microsoft's log tell of the same changes? Each entry is paired at most once.

Rules
- joined by initiator, activity, all our targets and time [-2 min, +15 min]; where several fit, ids
  of the call decide, then nearness. Pairing is maximal, claimed effects first, and does not depend
  on the order of what is given or on how often an entry is given;
- what Microsoft says another application did is never ours;
- an entry that failed changed nothing: any leave that fits explains it, and it proves no effect;
- younger than the delay is pending, never an alarm; an effect of ours stays pending until `final`,
  because a log entry may come late, while our leave is always written before the change;
- what is older than the window was judged before: it may explain, and is not judged again.

Never here: reading, storing, what to do about an alarm.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from agent.audit.effects import Effect
from agent.audit.events import Event
from agent.values import Frozen

BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=15)
FINAL = timedelta(hours=72)
# our action -> Microsoft's names of the activity; a law holds every action to an entry here
ACTIVITIES: Mapping[str, frozenset[str]] = {
    "group.member.add": frozenset({"Add member to group"}),
    "group.member.remove": frozenset({"Remove member from group"}),
}
_Place = tuple[str, str, str]  # initiator, activity, target


class Window(Frozen):
    """What is judged: from when, as of when, and how late Microsoft's log may be."""

    since: AwareDatetime
    now: AwareDatetime
    delay: timedelta
    final: timedelta = FINAL


class Pair(Frozen):
    """One change in both: the sequence of our record, the id of Microsoft's entry."""

    seq: int
    event: str


class Reconciliation(Frozen):
    """The lists: in both, only ours, only Microsoft's, and what is too young to be judged."""

    matched: tuple[Pair, ...] = ()
    ours_not_seen: tuple[int, ...] = ()
    theirs_not_ours: tuple[str, ...] = ()
    pending_ours: tuple[int, ...] = ()
    pending_theirs: tuple[str, ...] = ()


def reconcile(ours: Iterable[Effect], theirs: Iterable[Event], window: Window) -> Reconciliation:
    """Return which effects and entries belong together, and which have no counterpart."""
    effects = sorted({one.seq: one for one in ours}.values(), key=lambda one: one.seq)
    given = sorted(theirs, key=Event.model_dump_json)  # of contradicting copies always the same one
    events = sorted({one.id: one for one in given}.values(), key=lambda one: (one.at, one.id))
    index = _by_place(events)
    fitting = [_fitting(effect, index) for effect in effects]
    pairs = _paired(effects, fitting)
    proven = {place for place, _ in pairs.values()}
    explained = set(pairs) | {e.id for fits in fitting for e in fits if e.failed}
    alone = [e for i, e in enumerate(effects) if e.claimed and i not in proven]
    alone = [e for e in alone if e.at >= window.since]
    strange = [e for e in events if e.through_us and e.id not in explained]
    strange = [e for e in strange if e.at >= window.since]
    last, final = window.now - window.delay, window.now - window.final
    matched = (Pair(seq=effects[place].seq, event=event) for event, (place, _) in pairs.items())
    return Reconciliation(
        matched=tuple(sorted(matched, key=lambda pair: (pair.seq, pair.event))),
        ours_not_seen=tuple(e.seq for e in alone if e.at <= final),
        theirs_not_ours=tuple(e.id for e in strange if e.at <= last),
        pending_ours=tuple(e.seq for e in alone if e.at > final),
        pending_theirs=tuple(e.id for e in strange if e.at > last),
    )


def _by_place(events: Iterable[Event]) -> dict[_Place, list[Event]]:
    index: dict[_Place, list[Event]] = defaultdict(list)
    for event in events:
        if event.initiator is not None and not event.through_other:
            for target in event.targets:
                index[event.initiator, event.activity, target].append(event)
    return index


def _fitting(effect: Effect, index: Mapping[_Place, list[Event]]) -> list[Event]:
    """Return the entries that this effect may have caused, the likeliest first."""
    found: list[Event] = []
    for activity in sorted(ACTIVITIES.get(effect.action, ())):
        lists = [index.get((effect.initiator, activity, t), []) for t in effect.targets]
        shortest = min(lists, key=len, default=[])
        found += [e for e in shortest if effect.targets <= e.targets and _in_time(effect, e.at)]
    return sorted(found, key=lambda event: _unlikely(effect, event))


def _in_time(effect: Effect, at: datetime) -> bool:
    return any(sent - BEFORE <= at <= sent + AFTER for sent in effect.sent)


def _unlikely(effect: Effect, event: Event) -> tuple[bool, bool, timedelta, str]:
    nearest = min(abs(event.at - sent) for sent in effect.sent)
    return event.correlation not in effect.calls, not event.through_us, nearest, event.id


_Slot = tuple[int, int]  # which effect, which of its intents


def _paired(effects: Sequence[Effect], fitting: Sequence[Sequence[Event]]) -> dict[str, _Slot]:
    """Return event id -> the leave it used: a maximum matching, claimed effects served first.

    An effect has as many slots as intents, because each of them may have reached Microsoft. An
    effect that is served once stays served while others are (augmenting paths).
    """
    edges = [[e.id for e in fits if not e.failed] for fits in fitting]
    wanted = [
        (not (effect.claimed and turn == 0), effect.at, (place, turn))
        for place, effect in enumerate(effects)
        for turn in range(len(effect.sent))
    ]
    used_by: dict[str, _Slot] = {}
    uses: dict[_Slot, str] = {}
    for _, _, slot in sorted(wanted):
        _augment(slot, edges, used_by, uses)
    return used_by


def _augment(
    start: _Slot,
    edges: Sequence[Sequence[str]],
    used_by: dict[str, _Slot],
    uses: dict[_Slot, str],
) -> None:
    """Find an entry for one more slot, moving others to entries that fit them too."""
    reached: dict[str, _Slot] = {}
    queue = deque([start])
    while queue:
        slot = queue.popleft()
        for event in edges[slot[0]]:
            if event in reached:
                continue
            reached[event] = slot
            if event in used_by:
                queue.append(used_by[event])
                continue
            last: str | None = event
            while last is not None:
                taker = reached[last]
                used_by[last] = taker
                uses[taker], last = last, uses.get(taker)
            return
