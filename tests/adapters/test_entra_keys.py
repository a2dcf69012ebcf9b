"""By which keys a token is believed: roll-over, outages, and what is published where."""

import asyncio
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.adapters.entra_inbound import Caller, EntraDoor
from agent.errors import NotAuthenticated, Transient
from tests.adapters.cast import ALICE, FABRIKAM
from tests.adapters.minter import OUTSIDER, Minter

SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to refuse


async def test_a_new_key_is_found_and_an_old_one_falls(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    entra.keys = {"second": OUTSIDER, **entra.keys}
    new = mint.token(key=OUTSIDER, header={"kid": "second"})
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(new)  # within the minute of the first fetch
    clock.advance(seconds=60)
    assert (await door.validate(new)).person == ALICE
    first = entra.keys.pop("first")
    clock.advance(hours=12)
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(mint.token(key=first))


async def test_unknown_keys_cause_one_fetch_a_minute(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    for minute in range(1, 4):
        clock.advance(seconds=60)
        shown = [mint.token(header={"kid": f"k{n}"}) for n in range(30)]
        calls = (door.validate(each) for each in shown)
        seen = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(fault, NotAuthenticated) for fault in seen)
        assert entra.fetches == 1 + minute


async def test_many_first_callers_share_one_fetch(
    door: EntraDoor, mint: Minter, entra: Any
) -> None:
    shown = [mint.token(jti=str(n)) for n in range(30)]
    callers = await asyncio.gather(*(door.validate(each) for each in shown))
    assert all(isinstance(caller, Caller) for caller in callers)
    assert entra.fetches == 1


async def test_without_any_keys_it_is_our_trouble_and_not_the_callers(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    entra.broken = True
    for _ in range(3):
        with pytest.raises(Transient):
            await door.validate(mint.token())
    assert entra.fetches == 1
    entra.broken = False
    clock.advance(seconds=60)
    assert (await door.validate(mint.token())).person == ALICE


async def test_keys_outlive_an_outage_of_entra_for_a_day_and_no_longer(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    entra.broken = True
    for hours in (13, 10):
        clock.advance(hours=hours)
        assert (await door.validate(mint.token())).person == ALICE
        with pytest.raises(NotAuthenticated, match="unknown_key"):
            await door.validate(mint.token(header={"kid": "second"}))
    clock.advance(hours=1)
    with pytest.raises(Transient):
        await door.validate(mint.token())


def published(entra: Any, **changes: Any) -> list[dict[str, Any]]:
    (jwk,) = entra.jwks()
    return [{**jwk, **changes}]


def small(entra: Any) -> list[dict[str, Any]]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(SMALL.public_key(), as_dict=True)
    return [{**jwk, "kid": "first", "use": "sig"}]


@pytest.mark.parametrize(
    "keys",
    [
        lambda e: [],
        lambda e: [*e.jwks(), *e.jwks()],
        lambda e: published(e, use="enc"),
        lambda e: published(e, alg="RS512"),
        lambda e: published(e, kty="oct", k="c2VjcmV0"),
        lambda e: published(e, kid=["first"]),
        lambda e: published(e, n="!"),
        lambda e: published(e, n=7),
        lambda e: published(e, issuer=f"{e.url}/{FABRIKAM}/v2.0"),
        lambda e: published(e, issuer=7),
        lambda e: ["first", None, {}],
        small,
    ],
)
async def test_a_key_that_is_not_meant_for_this_is_no_key(
    keys: Callable[[Any], Any], door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.published = keys(entra)
    shown = mint.token(key=SMALL) if keys is small else mint.token()
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(shown)


async def test_a_key_named_for_this_issuer_is_good(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    entra.published = published(entra, issuer=f"{entra.url}/{{tenantid}}/v2.0", alg="RS256")
    assert (await door.validate(mint.token())).person == ALICE


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example/v2.0"},
        {"issuer": None},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
    ],
)
async def test_metadata_that_leads_elsewhere_is_not_followed(
    metadata: dict[str, Any], door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.metadata = metadata
    with pytest.raises(Transient, match="odd_metadata"):
        await door.validate(mint.token())


async def test_metadata_beyond_all_size_is_not_read(
    door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.metadata = {"padding": "x" * 300_000}
    with pytest.raises(Transient, match="oversized"):
        await door.validate(mint.token())
