"""When a trail is signed, and what stops the signing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.audit.bundle import Header, bundle, record_line
from agent.audit.checkpoint import CheckpointRefused, KeptCheckpoint
from agent.audit.verify import Verdict
from agent.checkpoints import Checkpointing
from agent.records import AuditRecord, Draft
from tests.unit.trails import BEGIN, KID, OURS, STEP, TENANT, THEIRS, Key, body, chained, verdict


class Trail:
    """A trail in memory, as a table gives it."""

    def __init__(self, count: int) -> None:
        self.records = chained([body(seq) for seq in range(1, count + 1)])

    async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        raise AssertionError("nobody writes here")

    async def of_request(self, request: str) -> list[AuditRecord]:
        raise AssertionError("nobody asks for a request here")

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        return [one for one in self.records if first <= one.seq < first + limit]


class Kept:
    """Checkpoints in memory; `faster` is somebody who adds one of the same size first."""

    def __init__(self) -> None:
        self.all: list[KeptCheckpoint] = []
        self.faster = False

    async def latest(self) -> KeptCheckpoint | None:
        return self.all[-1] if self.all else None

    async def every(self) -> list[KeptCheckpoint]:
        return self.all

    async def add(self, kept: KeptCheckpoint) -> bool:
        self.all.append(kept)
        return not self.faster


class Clock:
    """A clock that stands at the time after some records."""

    def __init__(self, after: int, more: timedelta = timedelta()) -> None:
        self.time = BEGIN + STEP * after + more

    def now(self) -> datetime:
        return self.time


def signing(trail: Trail, kept: Kept, clock: Clock, key: Key = OURS) -> Checkpointing:
    def believes(kid: str, message: bytes, signature: bytes) -> bool:
        return kid == KID and key.signed(message, signature)

    return Checkpointing(TENANT, trail, kept, clock, KID, key.signer(), believes)  # type: ignore[arg-type]


def judged(trail: Trail, kept: Kept, clock: Clock) -> Verdict:
    pem = OURS.pem.decode()
    end = len(trail.records)
    header = Header(tenant=TENANT, exported_at=clock.now(), last=end, keys={KID: pem})
    said = [one.checkpoint for one in kept.all]
    return verdict(bundle(header, said, map(record_line, trail.records)))


async def test_a_young_record_waits_and_one_of_fifteen_minutes_is_signed() -> None:
    trail, kept = Trail(3), Kept()
    assert await signing(trail, kept, Clock(3)).issue() == []
    young = Clock(1, timedelta(minutes=15) - timedelta(milliseconds=1))
    assert await signing(trail, kept, young).issue() == []
    due = Clock(1, timedelta(minutes=15))
    assert [one.size for one in await signing(trail, kept, due).issue()] == [3]
    assert await signing(trail, kept, due).issue() == []


async def test_whoever_wants_it_now_gets_all_there_is() -> None:
    trail, kept = Trail(3), Kept()
    assert [one.size for one in await signing(trail, kept, Clock(3)).issue(early=True)] == [3]
    assert await signing(trail, kept, Clock(3)).issue(early=True) == []
    assert await signing(Trail(0), Kept(), Clock(3)).issue(early=True) == []


async def test_a_long_trail_is_cut_at_every_thousand_and_all_of_it_verifies() -> None:
    trail, kept, clock = Trail(2_300), Kept(), Clock(2_300)
    made = await signing(trail, kept, clock).issue()
    assert [one.size for one in made] == [1_000, 2_000, 2_300]
    verdict = judged(trail, kept, clock)
    assert (verdict.signed_to, verdict.uncovered) == (2_300, None)
    assert {one.code for one in verdict.findings} == {"missing_checkpoint"}, "they came late"
    trail.records += chained([body(seq) for seq in range(2_301, 2_311)], 2_301, made[-1].last_hash)
    later = await signing(trail, kept, Clock(2_310)).issue(early=True)
    assert [one.size for one in later] == [2_310]
    assert judged(trail, kept, Clock(2_310)).signed_to == 2_310


def cut(trail: Trail) -> None:
    del trail.records[2:]


def emptied(trail: Trail) -> None:
    trail.records.clear()


def rewritten(trail: Trail) -> None:
    trail.records = chained([body(seq) | {"phase": "answer"} for seq in range(1, 7)])


def gapped(trail: Trail) -> None:
    del trail.records[4]


def edited(trail: Trail) -> None:
    whole = trail.records[4]
    trail.records[4] = whole.model_copy(update={"body": whole.body | {"phase": "answer"}})


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (cut, "truncated"),
        (emptied, "truncated"),
        (rewritten, "truncated"),
        (gapped, "broken"),
        (edited, "broken"),
    ],
)
async def test_a_trail_that_is_not_the_one_before_is_never_signed(harm: Any, code: str) -> None:
    trail, kept = Trail(3), Kept()
    await signing(trail, kept, Clock(3)).issue(early=True)
    trail.records += chained([body(4), body(5), body(6)], 4, trail.records[-1].hash)
    harm(trail)
    with pytest.raises(CheckpointRefused) as refused:
        await signing(trail, kept, Clock(6)).issue(early=True)
    assert refused.value.code == code
    assert len(kept.all) == 1


async def test_a_checkpoint_of_another_key_is_not_built_on() -> None:
    trail, kept = Trail(3), Kept()
    await signing(trail, kept, Clock(3), THEIRS).issue(early=True)
    trail.records += chained([body(4)], 4, trail.records[-1].hash)
    with pytest.raises(CheckpointRefused) as refused:
        await signing(trail, kept, Clock(4)).issue(early=True)
    assert refused.value.code == "bad_signature"


async def test_of_two_who_sign_the_same_end_the_second_says_nothing() -> None:
    trail, kept = Trail(3), Kept()
    kept.faster = True
    assert await signing(trail, kept, Clock(3)).issue(early=True) == []


async def test_a_tree_that_was_not_signed_is_not_a_kept_checkpoint() -> None:
    trail, kept = Trail(3), Kept()
    await signing(trail, kept, Clock(3)).issue(early=True)
    whole = kept.all[0]
    for peaks in (whole.peaks[::-1], whole.peaks[:1], ("0" * 64, *whole.peaks[1:])):
        with pytest.raises(ValueError, match="peaks"):
            KeptCheckpoint(checkpoint=whole.checkpoint, peaks=peaks)
