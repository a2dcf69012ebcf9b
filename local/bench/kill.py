"""If the process is killed exactly here, is the change made once, and is the answer true?

Kills the Functions host with SIGKILL at a named point of the seed request, starts it again on the
same state, and looks at what the *tenant* says: how many writes arrived, how many changed anything.
Points in front of Graph are held by the tenant's own faults, points in front of storage by the
fault proxy. Used by `local bench` and by tests/claims/test_kill9.py.

Rules
- a point that is not reached is an error: a kill that missed would prove nothing;
- the answer counts only if the request is done and the person is a member, by the tenant's word.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import Any

from local.bench.bed import Bed
from local.bench.cast import SPONSOR, Asker, plant, reset
from local.bench.client import BenchError, calls_of
from local.bench.path import reads, writes
from local.bench.report import Goal, Section
from local.faultproxy import FaultProxy, When
from local.stage import Stage, StoryError
from local.up import world

ANSWER_SECONDS = 2.0
_PATIENCE_SECONDS = 20.0
_EDGE = r"/members/[0-9a-f-]{36}/\$ref$"
_STEP = r"/Requests\(.*RowKey='step\|s1\|do'\)"
_MAIN = r"/Requests\(.*RowKey='request'\)"


@dataclass(frozen=True)
class Point:
    """One place to kill at: what is held there, on which side of the call."""

    name: str
    where: str  # graph | tables
    method: str
    path: str
    when: When
    body: str | None = None
    actor: str | None = None
    nth: int = 1


def _graph(name: str, method: str, path: str, when: When, **more: Any) -> Point:
    return Point(name, "graph", method, path, when, **more)


def _table(name: str, method: str, path: str, when: When, **more: Any) -> Point:
    return Point(name, "tables", method, path, when, **more)


POINTS = (
    _table("admitted, run not started", "POST", r"/Requests$", "after", body='"body_digest"'),
    _table("request in the trail", "POST", r"/Audit$", "after", body="phase.{0,5}request"),
    _graph("first lookups under way", "GET", r"/transitiveMemberOf$", "before"),
    _graph("second lookups under way", "GET", r"/sites/root$", "before"),
    _table("work about to be kept", "PATCH", _MAIN, "before", body='"work0'),
    _table("forecast in the trail", "POST", r"/Audit$", "after", body="phase.{0,5}decision"),
    _table("step claimed", "POST", r"/Requests$", "after", body='"attempt"'),
    _table("place in the budget taken", "PUT", r"/Budget\(", "after"),
    _graph("fresh facts under way", "GET", r"^/users/[^/]+$", "before", actor=SPONSOR),
    _table("intent about to be written", "POST", r"/Audit$", "before", body="phase.{0,5}intent"),
    _table("intent in the trail", "POST", r"/Audit$", "after", body="phase.{0,5}intent"),
    _table("state before kept", "PATCH", _STEP, "after", body='"began0'),
    _graph("write sent, not carried out", "POST", r"/members/\$ref$", "before"),
    _graph("write carried out, not answered", "POST", r"/members/\$ref$", "after"),
    _graph("read-back under way", "GET", _EDGE, "before", actor=SPONSOR, nth=2),
    _table("outcome about to be written", "POST", r"/Audit$", "before", body="phase.{0,5}outcome"),
    _table("outcome in the trail", "POST", r"/Audit$", "after", body="phase.{0,5}outcome"),
    _table("receipt about to be kept", "PATCH", _STEP, "before", body='"receipt0'),
    _table("receipt kept", "PATCH", _STEP, "after", body='"receipt0'),
    _table("answer about to be kept", "PATCH", _MAIN, "before", body='"answer0'),
    _table("answer kept", "PATCH", _MAIN, "after", body='"answer0'),
    _table("answer in the trail", "POST", r"/Audit$", "after", body="phase.{0,5}answer"),
)
QUICK = ("second lookups under way", "intent in the trail", "write carried out, not answered")


def point(name: str) -> Point:
    """Return the point of that name."""
    return next(p for p in POINTS if p.name == name)


@dataclass(frozen=True)
class Survived:
    """What was left of one kill, by the tenant's own word."""

    point: str
    status: str
    steps: tuple[str, ...]
    is_member: bool
    reads: int
    writes: int
    changes: int
    phases: tuple[str, ...]
    seconds: float


@contextmanager
def kill_bed(data: Path, many: int = 1) -> Iterator[tuple[Bed, FaultProxy]]:
    """Start a world whose tables lie behind a fault proxy."""
    with FaultProxy() as proxy, world(data, table_front=proxy.front) as running:
        stage = Stage(running.facts)
        yield Bed(running, stage, plant(stage, many)), proxy


def kill_at(bed: Bed, proxy: FaultProxy, at: Point) -> Survived:
    """Kill at one point, start again, and return what came of the request."""
    asker, key = bed.askers[0], uuid.uuid4().hex
    reset(bed.stage, [asker])
    mark = bed.stage.mark()
    with calls_of(bed.stage) as calls:
        seconds = -_killed_there(bed, proxy, at, key)
        request = _ask(bed, asker, key)  # whoever got no answer sends again, with the same key
        seen = _ended(bed, asker, request)
        seconds += time.monotonic()
    person = bed.stage.person(asker.upn)
    return Survived(
        point=at.name,
        status=seen["status"],
        steps=tuple(step["status"] for step in seen["steps"]),
        is_member=asker.oid in bed.stage.group(asker.name)["members"],
        reads=reads(calls),
        writes=writes(calls),
        changes=sum(1 for change in bed.stage.changes(mark) if change["changed"]),
        phases=tuple(str(record["body"]["phase"]) for record in person.trail(request)),
        seconds=seconds,
    )


def _killed_there(bed: Bed, proxy: FaultProxy, at: Point, key: str) -> float:
    """Kill the host at a point and start it again; when that start began (monotonic seconds).

    It is started again even where the point was not reached: the next one needs it.
    """
    reached = _plant(bed, proxy, at)
    sent = Thread(target=_ask, args=(bed, bed.askers[0], key))
    sent.start()
    try:
        reached()
    finally:
        bed.world.functions.kill9()
        proxy.heal()
        bed.stage.heal()
        sent.join()
        began = time.monotonic()
        bed.world.restart_functions()
    return began


def _plant(bed: Bed, proxy: FaultProxy, at: Point) -> Callable[[], None]:
    """Plant the hold of a point; the answer waits until it is reached."""
    if at.where == "tables":
        return proxy.hold(at.method, at.path, at.when, body=at.body, nth=at.nth).wait
    return hold_in_graph(bed.stage, at)


def hold_in_graph(stage: Stage, at: Point) -> Callable[[], None]:
    """Let the tenant hold the call of a point; the answer waits until it does."""
    kind = "hold_before" if at.when == "before" else "hold_after_commit"
    stage.fault(kind, method=at.method, path=at.path, nth=at.nth, actor=at.actor)

    def wait() -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not stage.holding():
            if time.monotonic() > until:
                raise BenchError(f"expected `{at.name}` to be reached, it was not")
            time.sleep(0.02)

    return wait


def _ask(bed: Bed, asker: Asker, key: str) -> str:
    """Send the request; an empty id when the host was killed under it."""
    try:
        return bed.stage.person(asker.upn).ask(asker.says, key)
    except (OSError, HTTPException):
        return ""


def _ended(bed: Bed, asker: Asker, request: str) -> dict[str, Any]:
    try:
        return bed.stage.person(asker.upn).follow(request, seconds=_PATIENCE_SECONDS)
    except StoryError as story:
        raise BenchError(str(story)) from story


def kill(bed: Bed, proxy: FaultProxy, *, quick: bool) -> Section:
    """Kill at every point and report each."""
    points = [p for p in POINTS if p.name in QUICK] if quick else POINTS
    whole = _uninterrupted(bed)
    survived = [kill_at(bed, proxy, at) for at in points]
    return Section(
        name="loop.kill",
        about="kill -9 of the Functions host at points of the seed request, then a restart",
        columns=(
            *("killed at", "ended", "repeated reads", "writes sent", "state-changing writes"),
            "restart to answer s",
        ),
        rows=tuple(
            (s.point, s.status, max(0, s.reads - whole), s.writes, s.changes, s.seconds)
            for s in survived
        ),
        goals=_goals(survived),
        notes=(
            f"{len(points)} points; an uninterrupted request reads {whole} times and writes once",
            "seconds run from starting the killed process again, its imports included",
        ),
    )


def _uninterrupted(bed: Bed) -> int:
    """Return how many reads a request makes that nobody kills."""
    reset(bed.stage, bed.askers[:1])
    with calls_of(bed.stage) as calls:
        bed.client.run(bed.askers[:1])
    return reads(calls)


def _goals(survived: Sequence[Survived]) -> tuple[Goal, ...]:
    count = len(survived)
    once = sum(1 for s in survived if s.changes == 1)
    true = sum(1 for s in survived if s.status == "done" and s.is_member)
    return (
        Goal(what="points with exactly one state-changing write", seen=once, at_least=count),
        Goal(what="points with a true answer", seen=true, at_least=count),
        Goal(
            what="slowest answer after a restart",
            seen=max(s.seconds for s in survived),
            at_most=ANSWER_SECONDS,
            unit=" s",
        ),
    )
