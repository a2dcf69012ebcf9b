"""What does our trail say was sent to Microsoft? Effects, folded from intents and outcomes.

Rules
- every intent is leave for one change, whatever came of it: a change whose answer was lost is ours;
- an effect is claimed only where an outcome says that the world is so because of us (`ours`);
- undoing is an effect of its own, with intents and an outcome of its own.

Never here: what was only found, refused or forecast.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from agent.records import AuditRecord
from agent.values import Frozen

_DIRECTIONS = {"intent": "do", "compensate": "undo"}


class Effect(Frozen):
    """One change that we began: when it was about to be sent, as whom, and what we say of it.

    `seq` is the outcome's where we claim the change, else the first intent's. `calls` are the ids
    by which Microsoft may know the call.
    """

    seq: int
    action: str
    initiator: str
    targets: frozenset[str]
    sent: tuple[AwareDatetime, ...]
    claimed: bool
    calls: frozenset[str] = frozenset()

    @property
    def at(self) -> datetime:
        """When it was last about to be sent."""
        return self.sent[-1]


def effects_of(records: Iterable[AuditRecord]) -> tuple[Effect, ...]:
    """Return every effect that these records tell of, in order of sequence.

    Raises ValueError for a record of a change that cannot be read.
    """
    grouped: dict[tuple[str, str, str], list[AuditRecord]] = defaultdict(list)
    for record in {record.seq: record for record in records}.values():
        if (place := _place(record)) is not None:
            grouped[place].append(record)
    effects = [
        effect
        for group in grouped.values()
        if (effect := _effect(sorted(group, key=lambda one: one.seq))) is not None
    ]
    return tuple(sorted(effects, key=lambda one: one.seq))


def _place(record: AuditRecord) -> tuple[str, str, str] | None:
    """Which step of which request, in which direction; None for a record of no change."""
    body = record.body
    phase = body.get("phase")
    if phase not in ("intent", "compensate", "outcome"):
        return None
    direction = _DIRECTIONS.get(phase) or str((body.get("detail") or {}).get("direction"))
    return str(body.get("request")), str(body.get("step")), direction


def _effect(group: list[AuditRecord]) -> Effect | None:
    intents = [one for one in group if one.body["phase"] != "outcome"]
    claim = next((one for one in group if _is_claim(one)), None)
    if claim is None and not intents:
        return None
    told = claim or intents[0]
    sent = sorted(_moment(one) for one in (intents or [told]))
    try:
        return Effect(
            seq=told.seq,
            action=told.body["action"]["name"],
            initiator=str((told.body.get("acted_as") or {}).get("person")).lower(),
            targets=frozenset(str(v).lower() for v in told.body["action"]["arguments"].values()),
            sent=tuple(sent),
            claimed=claim is not None,
            calls=frozenset(_calls(group)),
        )
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"expected a change in record {told.seq}, saw none") from None


def _is_claim(record: AuditRecord) -> bool:
    """Whatever the outcome is called: a provisional change may be ours and refused by now."""
    detail = record.body.get("detail") or {}
    return record.body["phase"] == "outcome" and detail.get("ours") is True


def _moment(record: AuditRecord) -> datetime:
    return datetime.fromisoformat(str(record.body["at"]))


def _calls(group: Iterable[AuditRecord]) -> Iterable[str]:
    for record in group:
        graph: Mapping[str, Any] = record.body.get("graph") or {}
        yield from (str(said).lower() for said in graph.values() if said)
