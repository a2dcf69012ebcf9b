"""Sponsorships, classifications, watermarks and the registry of tenants."""

from datetime import timedelta
from typing import Any

import pytest

from agent.adapters.registry_table import Registration, RegistryTable
from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.adapters.targets_table import TargetTable
from agent.adapters.watermarks_table import WatermarkTable
from agent.domain import Classification, Sponsorship
from agent.errors import StoreUnusable
from agent.records import Watermark
from tests.stores.pieces import NOW, FreshTable, HandClock, person

pytestmark = pytest.mark.stack
TID = "22222222-2222-4222-8222-222222222222"


def lent(name: str, **changes: Any) -> Sponsorship:
    said: dict[str, Any] = {
        "id": name,
        "sponsor": person(7),
        "upn": "ann@contoso.example",
        "actions": frozenset({"group.member.add"}),
        "lookups": frozenset({"user", "group"}),
        "target_tags": frozenset({"finance"}),
        "expires_at": NOW + timedelta(days=1),
    }
    return Sponsorship(**(said | changes))


async def test_only_what_is_neither_revoked_nor_expired_stands(
    fresh_table: FreshTable, sealing: EnvelopeSealing, clock: HandClock
) -> None:
    store = SponsorshipTable(await fresh_table("Sponsorships"), sealing, clock)
    short, long, gone = lent("a"), lent("b", expires_at=NOW + timedelta(days=9)), lent("c")
    for one in (short, long, gone):
        assert await store.add(one)
    assert not await store.add(lent("a", actions=frozenset()))
    assert await store.revoke("c", NOW)
    assert not await store.revoke("c", NOW)
    assert not await store.revoke("unknown", NOW)
    assert await store.standing() == [short, long]
    clock.advance(timedelta(days=1))
    assert await store.standing() == [long]


async def test_nobody_stretches_a_sponsorship_by_editing_the_table(
    fresh_table: FreshTable, sealing: EnvelopeSealing, clock: HandClock
) -> None:
    rows = await fresh_table("Sponsorships")
    store = SponsorshipTable(rows, sealing, clock)
    await store.add(lent("a"))
    await store.revoke("a", NOW)
    row = dict(await rows.get("sponsorship", "a") or {})
    del row["revoked_at"]
    await rows.put(row | {"expires_at": (NOW + timedelta(days=999)).isoformat()})
    assert await store.standing() == []
    await rows.insert(row | {"RowKey": "b"})
    with pytest.raises(StoreUnusable):
        await store.standing()


async def test_what_the_tenant_says_of_a_target(fresh_table: FreshTable) -> None:
    rows = await fresh_table("Targets")
    store = TargetTable(rows)
    finance = Classification(
        id="g1", tags=frozenset({"finance", "x"}), department="Finance", privileged=False
    )
    assert await store.classification("g1") is None
    await store.classify(finance)
    assert await store.classification("g1") == finance
    bare = Classification(id="g1", tags=frozenset(), department=None, privileged=True)
    await store.classify(bare)
    assert await store.classification("g1") == bare
    for damage in ({"tags": "finance"}, {"privileged": "no"}, {"department": 7}, {"tags": "[1]"}):
        await rows.put({"PartitionKey": "target", "RowKey": "g2", "tags": "[]", "privileged": True})
        await rows.upsert({"PartitionKey": "target", "RowKey": "g2", **damage})
        with pytest.raises(StoreUnusable):
            await store.classification("g2")


KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "k", "alg": "ES256"}


def registered(**changes: Any) -> Registration:
    said: dict[str, Any] = {
        "id": TID,
        "name": "Contoso",
        "domain": "contoso.example",
        "tables_endpoint": "https://contoso.table.core.windows.net",
        "vault_url": "https://contoso.vault.azure.net",
        "policy_key": KEY,
        "signing_kid": "k",
        "audit_key": KEY | {"kid": "a"},
        "service_desk": person(9),
        "identity": person(8),
        "publisher": person(7),
    }
    return Registration(**(said | changes))


async def test_a_tenant_is_found_and_an_unknown_one_is_none(
    fresh_table: FreshTable, clock: HandClock
) -> None:
    store = RegistryTable(await fresh_table("Registry"), clock)
    await store.put(registered())
    assert await store.find(TID) == registered()
    for unknown in (person(5), "", "a|b", "../x", "ünder"):
        assert await store.find(unknown) is None


async def test_switching_a_tenant_off_takes_effect_within_a_minute(
    fresh_table: FreshTable, clock: HandClock
) -> None:
    rows = await fresh_table("Registry")
    here, operator = RegistryTable(rows, clock), RegistryTable(rows, clock)
    await operator.put(registered())
    assert await here.find(TID) is not None
    await operator.put(registered(enabled=False))
    assert await operator.find(TID) is None
    clock.advance(timedelta(seconds=60))
    assert await here.find(TID) is not None
    clock.advance(timedelta(seconds=1))
    assert await here.find(TID) is None
    assert await here.every() == [registered(enabled=False)]


async def test_a_damaged_entry_is_unusable(fresh_table: FreshTable, clock: HandClock) -> None:
    rows = await fresh_table("Registry")
    store = RegistryTable(rows, clock)
    await store.put(registered())
    place = {"PartitionKey": "tenant", "RowKey": TID}
    for damage in ({"policy_key": "x"}, {"audit_key": "{}"}, {"enabled": "no"}, {"name": 7}):
        await rows.upsert(place | damage)
        with pytest.raises(StoreUnusable):
            await store.find(TID)
        await store.put(registered())


async def test_how_far_each_log_was_read_is_kept_and_damage_is_no_first_time(
    fresh_table: FreshTable,
) -> None:
    rows = await fresh_table("Watermarks")
    store = WatermarkTable(rows)
    assert await store.reached("directoryAudits") is None
    for seq in (1, 900):
        mark = Watermark(at=NOW + timedelta(hours=seq), seq=seq)
        await store.reach("directoryAudits", mark)
        assert await store.reached("directoryAudits") == mark
    assert await store.reached("another") is None
    for damage in ({"seq": 0}, {"seq": "x"}, {"at": "noon"}, {"at": "2026-03-02T12:00:00"}):
        await store.reach("directoryAudits", mark)
        row = {"PartitionKey": "watermark", "RowKey": "directoryAudits", **damage}
        await rows.upsert(row)
        with pytest.raises(StoreUnusable):
            await store.reached("directoryAudits")
