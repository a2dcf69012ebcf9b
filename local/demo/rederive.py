"""Can the end of a story be told from its beginning and the trail alone? Memberships, re-derived.

Rules
- only what the trail calls ours and verified moves anything: attempts, forecasts and doubts do not;
- what the stage manager changes by hand is no deed of the product, and is told beside the trail;
- moves are made in the order of the moments at which they were seen to be so.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from agent.records import AuditRecord
from local.demo.exhibits import Check
from local.demo.play import Play
from local.demo.proof import NOTHING

Edge = tuple[str, str]  # group, person
_EDGES = frozenset({"group.member.add", "group.member.remove"})
_PATIENCE_SECONDS = 10.0  # an outcome is recorded a moment after the world has changed


class Move(NamedTuple):
    """At this moment this person was seen to be a member of this group, or not to be."""

    at: datetime
    edge: Edge
    member: bool


def moves_of(records: Iterable[AuditRecord], since: datetime) -> list[Move]:
    """Return every change of a membership that the trail calls ours and verified."""
    moves = []
    for record in records:
        body, detail = record.body, record.body.get("detail") or {}
        action = body.get("action") or {}
        ours = body["phase"] == "outcome" and detail.get("ours") is True
        if not ours or action.get("name") not in _EDGES or "verified_at" not in detail:
            continue
        at, named = datetime.fromisoformat(detail["verified_at"]), action["arguments"]
        if at >= since:
            moves.append(Move(at, (named["group"], named["user"]), body.get("after") is True))
    return moves


def rederived(start: frozenset[Edge], moves: Iterable[Move]) -> frozenset[Edge]:
    """Return who is in which group after these moves."""
    edges = set(start)
    for move in sorted(moves):
        (edges.add if move.member else edges.discard)(move.edge)
    return frozenset(edges)


def check(play: Play) -> Check:
    """The tenants' groups hold whom they held when the play began, but for what the trail tells."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (wrong := _differences(play)) and time.monotonic() < end:
        time.sleep(0.2)
    what = "memberships that cannot be told from the beginning and the trail"
    return Check(what, NOTHING, "; ".join(wrong) or NOTHING)


def _differences(play: Play) -> list[str]:
    seen = edges_of(play.memberships())
    trail = [r for tenant in play.tenants.values() for r in play.archive.trail(tenant)]
    by_hand = [Move(at, edge, member=False) for at, edge in play.removed]
    moves = [*moves_of(trail, play.began), *by_hand]
    told = rederived(edges_of(play.at_first), moves)
    return [f"{play.name(p)} in {play.groups[g]}" for g, p in sorted(seen ^ told)]


def edges_of(memberships: Mapping[str, Iterable[str]]) -> frozenset[Edge]:
    """Return memberships as edges."""
    return frozenset((group, person) for group, people in memberships.items() for person in people)
