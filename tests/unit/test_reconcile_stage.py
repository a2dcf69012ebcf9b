"""The hourly reading of Microsoft's log: as whom, what is recorded, and what goes wrong."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from agent.audit.export.fields import Severity, severity
from agent.audit.reconcile import FINAL
from agent.errors import Fault, Permanent, SignInNeeded, StoreUnusable, Transient
from agent.ports import Tenant
from agent.reconcile import SLACK, TOLD_AT_ONCE, reconcile_each
from agent.records import AuditRecord, Draft, Watermark
from agent.values import TenantId
from tests.unit.reconciled_world import APP, HOUR, NOW, World, change, done, entry, lent


async def test_without_a_sponsor_it_says_so_and_asks_nobody() -> None:
    world = World(lent=[lent("s", "history", "risk")])
    (said,) = await world.run()
    assert (said["outcome"], said["detail"]["code"]) == ("unread", "no_sponsor")
    assert severity(said) is Severity.MEDIUM
    assert "acted_as" not in said
    assert world.asked == []
    assert world.mark is None


async def test_only_a_sponsor_who_lends_this_lookup_is_used_and_always_the_same_one() -> None:
    other = "00000000-0000-4000-8000-000000000008"
    world = World(
        lent=[lent("b", "reconcile"), lent("a", "reconcile", sponsor=other), lent("0", "history")]
    )
    (said,) = await world.run()
    assert said["acted_as"]["person"] == other
    assert said["acted_as"]["sponsorship"] == "a"
    assert {who for who, _ in world.asked} == {other}


@pytest.mark.parametrize(
    "fault",
    [
        SignInNeeded("sponsor_not_signed_in", "expected a sign-in"),
        Permanent("forbidden", "expected a 2xx"),
    ],
)
async def test_when_the_sponsors_token_fails_nobody_elses_is_tried(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(lent=[lent("a", "reconcile"), lent("b", "reconcile")], faults=[fault])
    world.mark = before = Watermark(at=NOW - HOUR, seq=1)
    (said,) = await world.run()
    assert (said["outcome"], said["detail"]["code"]) == ("unread", fault.code)
    assert len(world.asked) == 1
    assert world.mark == before, "the next run catches up"
    assert [r.levelno for r in caplog.records] == [logging.ERROR]


async def test_a_throttled_log_is_waited_for() -> None:
    busy = [Transient("throttled", "expected a 2xx", timedelta(0)) for _ in range(3)]
    world = World(faults=list(busy))
    (said,) = await world.run()
    assert said["outcome"] == "agreed"
    assert len(world.asked) == 4
    world.faults = [*busy, Transient("throttled", "expected a 2xx", timedelta(0))]
    (said,) = await world.run()
    assert (said["outcome"], said["detail"]["code"]) == ("unread", "throttled")


async def test_a_log_that_is_too_long_for_one_reading_is_read_in_parts_without_a_gap() -> None:
    ghosts = [entry(f"g{n}", NOW - n * HOUR / 2) for n in range(1, 140)]
    world = World(log=ghosts, most=20)
    (said,) = await world.run()
    assert sorted(said["detail"]["theirs_not_ours"]) == sorted(g["id"] for g in ghosts)


async def test_an_entry_that_cannot_be_read_is_not_passed_over() -> None:
    world = World(log=[entry("g1", NOW - HOUR), entry("g2", NOW - HOUR) | {"id": None}])
    (said,) = await world.run()
    assert (said["outcome"], said["detail"]["code"]) == ("unread", "odd_answer")


async def test_every_difference_is_told_once_and_counted_as_long_as_it_is_in_the_window(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(log=[entry("ghost", NOW - HOUR), entry("ours", NOW - 5 * HOUR, app=None)])
    await world.append([change("intent", NOW - 5 * HOUR), done(NOW - 5 * HOUR)])
    (said,) = await world.run()
    assert said["outcome"] == "alarm"
    assert severity(said) is Severity.HIGH, "in a SIEM it is as loud as in the log"
    assert said["detail"]["theirs_not_ours"] == ["ghost"]
    assert said["detail"]["matched"] == [[2, "ours"]]
    assert "ghost" in caplog.text
    caplog.clear()
    world.time += HOUR
    (said,) = await world.run()
    assert said["outcome"] == "agreed"
    assert said["detail"]["counts"]["theirs_not_ours"] == 1
    assert not {"theirs_not_ours", "matched"} & set(said["detail"])
    assert caplog.text == ""


async def test_a_lost_entry_becomes_final_also_when_runs_were_missed() -> None:
    world = World()
    await world.append([change("intent", NOW), done(NOW)])
    (said,) = await world.run()
    assert said["detail"]["counts"]["pending_ours"] == 1
    world.time = NOW + 4 * FINAL
    (said,) = await world.run()
    assert said["detail"]["ours_not_seen"] == [2]


async def test_more_differences_than_fit_into_a_record_stand_in_several() -> None:
    count = 2 * TOLD_AT_ONCE + 1
    world = World(log=[entry(f"g{n}", NOW - HOUR) for n in range(count)])
    said = await world.run()
    assert [s["detail"]["part"] for s in said] == [1, 2, 3]
    assert sum(len(s["detail"]["theirs_not_ours"]) for s in said) == count
    assert all(s["outcome"] == "alarm" for s in said)


async def test_a_watermark_ahead_of_the_clock_hides_nothing() -> None:
    world = World(log=[entry("ghost", NOW - 70 * HOUR)])
    world.mark = Watermark(at=NOW + 900 * HOUR, seq=1)
    (said,) = await world.run()
    assert said["detail"]["theirs_not_ours"] == ["ghost"]


async def test_a_watermark_that_the_trail_does_not_vouch_for_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever may write that one table moves it past a change that Microsoft never saw."""
    world = World()
    await world.append([change("intent", NOW), done(NOW)])
    await world.run()
    assert world.mark is not None
    world.mark = world.mark.model_copy(update={"seq": 3})
    world.time = NOW + FINAL
    (said,) = await world.run()
    assert said["detail"]["ours_not_seen"] == [2]
    assert "expected the trail to name watermark 3" in caplog.text


async def test_the_trail_is_read_again_only_as_far_as_it_can_matter() -> None:
    old = NOW - FINAL - SLACK - 2 * HOUR
    world = World()
    await world.append([change("intent", old), change("intent", NOW - FINAL), done(NOW - FINAL)])
    await world.run()
    assert world.mark == Watermark(at=NOW, seq=2)
    firsts = list[int]()

    class Counting(World):
        async def read(self, first: int, limit: int) -> list[AuditRecord]:
            firsts.append(first)
            return await super().read(first, limit)

    await Counting(records=world.records, mark=world.mark).run()
    assert min(firsts) == 2


async def test_the_trail_is_read_after_the_log_so_that_leave_is_never_missed() -> None:
    """A change that is made while we read: its entry may be there, so its intent must be too."""

    class Busy(World):
        async def read_all(self, *path: str, query: dict[str, str]) -> list[dict[str, Any]]:
            await self.append([change("intent", self.time), done(self.time)])
            self.log.append(entry("e", self.time))
            return await super().read_all(*path, query=query)

    (_, _, said) = await Busy().run()
    assert said["detail"]["matched"] == [[2, "e"]]


async def test_alarms_are_logged_although_the_trail_cannot_be_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(World):
        async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
            raise StoreUnusable("audit_unusable", "expected a place in the chain")

    world = Full(log=[entry("ghost", NOW - HOUR)])
    with pytest.raises(StoreUnusable):
        await world.run()
    assert "entry ghost of directoryAudits" in caplog.text
    assert world.mark is None


async def test_what_goes_wrong_in_one_tenant_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = World()

    async def open_(tenant: TenantId) -> Tenant:
        if tenant == "bad":
            raise StoreUnusable("registry", "expected a registry")
        if tenant == "worse":
            raise ValueError("Ann Example")
        return good.tenant()

    await reconcile_each([TenantId("bad"), TenantId("worse"), TenantId("t")], open_, APP)
    assert [r.body["outcome"] for r in good.records] == ["agreed"]
    assert "tenant bad was not reconciled" in caplog.text
    assert "tenant worse was not reconciled: ValueError" in caplog.text
    assert "Ann" not in caplog.text
