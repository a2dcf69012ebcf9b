"""Ten thousand changes as our trail and Microsoft's log would tell them, with the truth beside.

Seeded. In it: entries up to 40 h late, entries twice, entries that Microsoft loses, changes whose
answer we lost, attempts sent again, attempts that failed, and ghosts: through our application and
not ours. Other people and other applications fill the log.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.audit.effects import Effect
from agent.audit.events import Event

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
SPREAD = timedelta(hours=96)
ACTIVITY = {
    "group.member.add": "Add member to group",
    "group.member.remove": "Remove member from group",
}


@dataclass
class Logs:
    """Both logs; `seen_from` is when Microsoft shows an entry."""

    effects: list[Effect] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seen_from: dict[str, datetime] = field(default_factory=dict)
    true_pairs: set[tuple[int, str]] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    ghosts: set[str] = field(default_factory=set)


class Maker:
    """Makes one pair of logs from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.logs = Logs()
        self.hands = [self.oid() for _ in range(5)]
        self.groups = [self.oid() for _ in range(40)]

    def oid(self) -> str:
        d = f"{self.dice.getrandbits(128):032x}"
        return f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}"

    def moment(self) -> datetime:
        return BEGIN + self.dice.random() * SPREAD

    def effect(self, at: datetime, claimed: bool = True, times: int = 1, call: str = "") -> Effect:
        made = Effect(
            seq=len(self.logs.effects) + 1,
            action=self.dice.choice(sorted(ACTIVITY)),
            initiator=self.dice.choice(self.hands),
            targets=frozenset({self.oid(), self.dice.choice(self.groups)}),
            sent=tuple(at + n * timedelta(minutes=4) for n in range(times)),
            claimed=claimed,
            calls=frozenset({call or self.oid(), self.oid()}),
        )
        self.logs.effects.append(made)
        return made

    def event(self, of: Effect, at: datetime, **changes: object) -> Event:
        said = {
            "id": f"Directory_{self.oid()}",
            "at": at,
            "activity": ACTIVITY[of.action],
            "initiator": of.initiator,
            "targets": of.targets | ({self.oid()} if self.dice.random() < 0.3 else set()),
            "through_us": self.dice.random() < 0.9,  # a delegated entry may name no application
            "through_other": False,
            "correlation": self.oid(),
        }
        event = Event.model_validate(said | changes)
        late = timedelta(minutes=2) + self.dice.random() ** 6 * timedelta(hours=40)
        self.logs.events.append(event)
        self.logs.seen_from[event.id] = at + late
        if self.dice.random() < 0.1:
            self.logs.events.append(event)
        return event

    def ghost(self, of: Effect, at: datetime, **changes: object) -> None:
        self.logs.ghosts.add(self.event(of, at, through_us=True, **changes).id)

    def skewed(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self.dice.uniform(-90, 300))


def made(seed: int, size: int = 10_000) -> Logs:
    """Return both logs with `size` entries or losses in them, and what is true of them."""
    maker = Maker(seed)
    logs = maker.logs
    kinds = ("plain", "lost", "unknown", "again", "failed", "stranger", "other_app", "cycle")
    weights = (60, 6, 5, 6, 3, 8, 5, 7)
    ghosts = ("fresh", "late_copy", "app_only", "twin")
    while len(logs.seen_from) + len(logs.lost) < size:
        if maker.dice.random() < 0.05:
            _ghost(maker, maker.dice.choice(ghosts))
        else:
            _change(maker, maker.dice.choices(kinds, weights)[0])
    maker.dice.shuffle(logs.events)
    maker.dice.shuffle(logs.effects)
    return logs


def _change(maker: Maker, kind: str) -> None:
    at, logs = maker.moment(), maker.logs
    if kind in ("stranger", "other_app"):
        nobody = maker.effect(at)
        logs.effects.pop()  # somebody else's change: our trail has nothing of it
        maker.event(nobody, at, through_us=False, through_other=kind == "other_app")
        return
    times = 3 if kind == "again" else 1
    effect = maker.effect(at, claimed=kind not in ("unknown", "failed"), times=times)
    if kind == "lost":
        logs.lost.add(effect.seq)
    elif kind == "failed":
        maker.event(effect, maker.skewed(at), failed=True)
    elif kind == "cycle":  # taken back by hand, and wanted again within minutes
        _cycle(maker, effect)
    else:
        event = maker.event(effect, maker.skewed(maker.dice.choice(effect.sent)))
        logs.true_pairs.add((effect.seq, event.id))


def _cycle(maker: Maker, first: Effect) -> None:
    """The same change twice within the tolerance: which entry is whose only nearness can say."""
    again = first.model_copy(
        update={
            "seq": len(maker.logs.effects) + 1,
            "sent": (first.at + timedelta(minutes=6),),
            "calls": frozenset({maker.oid()}),
        }
    )
    maker.logs.effects.append(again)
    for effect in (first, again):
        event = maker.event(effect, effect.at + timedelta(seconds=maker.dice.uniform(-30, 60)))
        maker.logs.true_pairs.add((effect.seq, event.id))


def _ghost(maker: Maker, kind: str) -> None:
    at = maker.moment()
    if kind == "fresh":
        nobody = maker.effect(at)
        maker.logs.effects.pop()
        maker.ghost(nobody, at)
        return
    call = maker.oid()
    effect = maker.effect(at, call=call)
    event = maker.event(effect, maker.skewed(at), correlation=call)
    maker.logs.true_pairs.add((effect.seq, event.id))
    if kind == "late_copy":  # the very same change again, outside the tolerance
        maker.ghost(effect, at + timedelta(minutes=maker.dice.uniform(16, 300)))
    elif kind == "app_only":
        maker.ghost(effect, at, initiator=None)
    else:  # within the tolerance: the call's id tells ours from the ghost
        maker.ghost(effect, maker.skewed(at))
