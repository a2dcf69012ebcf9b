"""What is sealed opens in its own cell, for its own tenant, under its own key, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.sealing import DATA_KEY, DataKeys, EnvelopeSealing, create_data_key
from agent.adapters.vault import Vault
from agent.errors import StoreUnusable, Transient
from agent.values import Secret
from tests.adapters.cast import CONTOSO, FABRIKAM

CELL = {"table": "Requests", "row": "r1", "column": "work"}


@pytest.fixture
async def sealing(vault: Vault, clock: Any) -> EnvelopeSealing:
    await create_data_key(vault)
    return EnvelopeSealing(CONTOSO, DataKeys(vault, clock))


async def test_what_was_sealed_opens(sealing: EnvelopeSealing) -> None:
    for plain in (b"", b"x", b"Alice asked for the Finance site" * 500):
        sealed = await sealing.seal(plain, **CELL)
        assert len(plain) < 16 or plain not in sealed
        assert await sealing.open(sealed, **CELL) == plain


async def test_sealing_twice_gives_different_bytes(sealing: EnvelopeSealing) -> None:
    assert await sealing.seal(b"same", **CELL) != await sealing.seal(b"same", **CELL)


@pytest.mark.parametrize(
    "other",
    [
        {**CELL, "table": "Memory"},
        {**CELL, "row": "r2"},
        {**CELL, "column": "answer"},
        {"table": "Requests", "row": "r1work", "column": ""},
    ],
)
async def test_a_sealed_value_opens_in_no_other_cell(
    other: dict[str, str], sealing: EnvelopeSealing
) -> None:
    sealed = await sealing.seal(b"plain", **CELL)
    with pytest.raises(StoreUnusable, match="sealed_unreadable"):
        await sealing.open(sealed, **other)


async def test_another_tenant_cannot_open_it_even_with_the_key(
    sealing: EnvelopeSealing, vault: Vault, clock: Any
) -> None:
    sealed = await sealing.seal(b"plain", **CELL)
    with pytest.raises(StoreUnusable, match="sealed_unreadable"):
        await EnvelopeSealing(FABRIKAM, DataKeys(vault, clock)).open(sealed, **CELL)


async def test_one_flipped_bit_anywhere_is_refused(sealing: EnvelopeSealing) -> None:
    sealed = await sealing.seal(b"plain text", **CELL)
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(StoreUnusable):
            await sealing.open(bytes(altered), **CELL)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=100))
async def test_bytes_of_any_other_form_are_refused(junk: bytes, sealing: EnvelopeSealing) -> None:
    with pytest.raises(StoreUnusable, match="sealed_unreadable"):
        await sealing.open(junk, **CELL)


async def test_after_rotation_old_values_open_and_new_ones_name_the_new_key(
    sealing: EnvelopeSealing, vault: Vault, clock: Any
) -> None:
    old = await sealing.seal(b"old", **CELL)
    version = await create_data_key(vault)
    assert version.encode() not in await sealing.seal(b"within ten minutes", **CELL)
    clock.advance(minutes=10)
    new = await sealing.seal(b"new", **CELL)
    assert version.encode() in new
    assert [await sealing.open(value, **CELL) for value in (old, new)] == [b"old", b"new"]


async def test_a_key_is_read_from_the_vault_once_in_ten_minutes(
    sealing: EnvelopeSealing, plant: Callable[..., Any], clock: Any
) -> None:
    sealed = await sealing.seal(b"plain", **CELL)
    await plant("503", "/secrets/*")
    for _ in range(20):
        assert await sealing.open(sealed, **CELL) == b"plain"
    clock.advance(minutes=10)
    with pytest.raises(StoreUnusable, match="vault_unreachable"):
        await sealing.open(sealed, **CELL)
    assert await sealing.open(sealed, **CELL) == b"plain"


async def test_a_throttled_vault_is_transient(
    sealing: EnvelopeSealing, plant: Callable[..., Any]
) -> None:
    await plant("429", "/secrets/*", retry_after=7)
    with pytest.raises(Transient) as seen:
        await sealing.seal(b"plain", **CELL)
    assert seen.value.delay.total_seconds() == 7


async def test_a_key_that_is_gone_leaves_its_values_unreadable(
    sealing: EnvelopeSealing,
) -> None:
    sealed = bytearray(await sealing.seal(b"plain", **CELL))
    sealed[2:34] = b"0" * 32
    with pytest.raises(StoreUnusable, match=r"sealed_unreadable.*gone"):
        await sealing.open(bytes(sealed), **CELL)


@pytest.mark.parametrize("material", ["", "short", "A" * 42, "A" * 44, "!" * 43])
async def test_a_data_key_of_another_form_stops_everything(
    material: str, vault: Vault, clock: Any
) -> None:
    await vault.set_secret(DATA_KEY, Secret(material or "-"))
    with pytest.raises(StoreUnusable, match="data_key_invalid"):
        await EnvelopeSealing(CONTOSO, DataKeys(vault, clock)).seal(b"plain", **CELL)


async def test_no_more_than_eight_versions_are_remembered(vault: Vault, clock: Any) -> None:
    keys = DataKeys(vault, clock)
    versions = [await create_data_key(vault) for _ in range(10)]
    for version in versions:
        await keys.named(version)
    assert len(keys._kept) == 8
    assert versions[0] not in keys._kept


async def test_the_key_never_shows(sealing: EnvelopeSealing, vault: Vault, clock: Any) -> None:
    keys = DataKeys(vault, clock)
    key = await keys.newest()
    material = (await vault.get_secret(DATA_KEY))[0].reveal()
    assert material not in repr(key)
    with pytest.raises(StoreUnusable) as seen:
        await sealing.open(b"", **CELL)
    assert material not in str(seen.value)
