"""How far have policy and facts moved since the plan was made?

Rules
- policy has moved when another snapshot decided; facts have moved when any has another value;
- what moves by itself, the time and the age of a sign-in, is no drift;
- facts are named, never quoted: their values may be personal.

Never here: what follows from it. The decision at execution is made on what is so now.
"""

from typing import Literal

from pydantic import JsonValue

from agent.domain import Ruling
from agent.values import Frozen

MOVES_BY_ITSELF = frozenset({"runtime.now", "runtime.sign_in_age_minutes"})


class Drift(Frozen):
    """What has moved, in one word, and the names of the facts that have."""

    moved: Literal["none", "policy", "facts", "both"]
    facts: tuple[str, ...] = ()


def drift_of(forecast: Ruling, now: Ruling) -> Drift:
    """Return what moved between two rulings on one change."""
    before, after = _by_name(forecast), _by_name(now)
    facts = sorted(
        name
        for name in before.keys() | after.keys()
        if name not in MOVES_BY_ITSELF and before.get(name) != after.get(name)
    )
    policy = forecast.decision.snapshot != now.decision.snapshot
    moved: Literal["none", "policy", "facts", "both"]
    match (policy, bool(facts)):
        case (True, True):
            moved = "both"
        case (True, False):
            moved = "policy"
        case (False, True):
            moved = "facts"
        case _:
            moved = "none"
    return Drift(moved=moved, facts=tuple(facts))


def _by_name(ruling: Ruling) -> dict[str, JsonValue]:
    """Return the facts by full name, lists as sets are compared: in one order."""
    return {
        f"{section}.{name}": [*sorted(map(str, value))] if isinstance(value, list) else value
        for section, facts in ruling.facts.items()
        if isinstance(facts, dict)
        for name, value in facts.items()
    }
