"""What the activities of one run say, written down beforehand; and what was asked of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EVENT = "approval-{step}-{nonce}-{turn}"
Saying = dict[str, Any] | Exception


class ScriptedFault(Exception):  # noqa: N818 - a fault, as the agent calls it
    """The fault that a script says an activity ends with."""


@dataclass(frozen=True)
class Part:
    """How one step goes: so many faults and waits, then its outcome; and how its undo goes."""

    outcome: str = "done"
    ours: bool = True
    waits: int = 0
    faults: int = 0
    undo: str = "undone"
    undo_faults: int = 0
    by_event: bool = True
    wait_first: bool = False


@dataclass
class Script:
    """One request: its questions, its steps, and how often each hop fails first."""

    parts: Sequence[Part] = ()
    questions: int = 0
    assess_faults: int = 0
    answer_faults: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    gave: list[tuple[str, str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn: defaultdict[tuple[str, str], int] = defaultdict(int)

    def play(self, name: str, ref: dict[str, Any]) -> dict[str, Any]:
        """What the activity returns this time. Raises ScriptedFault where the script says so."""
        step, direction = ref.get("step", ""), ref.get("direction", "")
        self.asked.append((name, step, direction))
        turn = self._turn[name, step + direction]
        self._turn[name, step + direction] += 1
        match name:
            case "assess":
                said = self._assess(turn)
            case "execute":
                said = self._execute(self.parts[int(step[1:]) - 1], step, direction, turn)
            case _:
                said = self._fault(turn, self.answer_faults) or {"status": "done"}
        if isinstance(said, Exception):
            raise said
        self.gave.append((name, step, direction, said.get("outcome", "")))
        return said

    def _fault(self, turn: int, faults: int) -> Exception | None:
        return ScriptedFault("the script says so") if turn < faults else None

    def _assess(self, turn: int) -> Saying:
        if fault := self._fault(turn, self.assess_faults):
            return fault
        turn -= self.assess_faults
        if turn < self.questions:
            return {"steps": [], "wait": self._wait(f"reply-{turn + 1}")}
        steps = [
            {"id": f"s{n}", "wait": self._wait(f"approval-s{n}-0") if part.wait_first else None}
            for n, part in enumerate(self.parts, 1)
        ]
        return {"steps": steps, "wait": None}

    def _execute(self, part: Part, step: str, direction: str, turn: int) -> Saying:
        undo = direction == "undo"
        if fault := self._fault(turn, part.undo_faults if undo else part.faults):
            return fault
        if undo:
            return {"step": step, "outcome": part.undo, "ours": part.undo == "undone"}
        turn -= part.faults
        if turn < part.waits:
            event = f"approval-{step}-{turn + 1}" if part.by_event else None
            return {
                "step": step,
                "outcome": "waiting",
                "ours": part.ours and part.outcome in ("done", "refused"),
                "wait": self._wait(event),
            }
        return {"step": step, "outcome": part.outcome, "ours": part.ours}

    def _wait(self, event: str | None) -> dict[str, Any]:
        return {"event": event, "until": (self.now() + timedelta(hours=1)).isoformat()}


SCRIPTS: dict[str, Script] = {}


def executed(script: Script, direction: str = "do") -> list[str]:
    """The steps that were carried out, or undone, in order; each as often as it was asked."""
    return [step for name, step, way in script.asked if name == "execute" and way == direction]


def hops(script: Script) -> list[str]:
    """The activities that were asked, in order."""
    return [name for name, _, _ in script.asked]
