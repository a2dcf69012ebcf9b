"""A token is found only under its own grant, used until two minutes before its end, and shared."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters.token_cache import Granted, TokenCache, TokenKey
from agent.errors import SignInNeeded
from agent.values import PersonId, Secret
from tests.adapters.cast import ALICE, BOB, CONTOSO, FABRIKAM


class Exchanges:
    """Counts exchanges; each gives a token of its own."""

    def __init__(self, clock: Any, lasts: float = 3600) -> None:
        self.clock, self.lasts, self.count = clock, timedelta(seconds=lasts), 0
        self.fails = False

    async def __call__(self) -> Granted:
        self.count += 1
        number = self.count
        await asyncio.sleep(0.01)
        if self.fails:
            raise SignInNeeded("sign_in_expired", "expected a token, saw none")
        return Granted(Secret(f"token-{number}"), self.clock.now() + self.lasts)


def key(person: PersonId = ALICE, grant: str = "grant", tenant: Any = CONTOSO) -> TokenKey:
    return TokenKey.of(tenant, person, Secret(grant))


async def test_a_token_is_exchanged_once_and_again_two_minutes_before_its_end(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    for _ in range(5):
        assert (await cache.get(key(), exchange)).reveal() == "token-1"
    clock.advance(minutes=57, seconds=59)
    assert (await cache.get(key(), exchange)).reveal() == "token-1"
    clock.advance(seconds=1)
    assert (await cache.get(key(), exchange)).reveal() == "token-2"
    assert exchange.count == 2


async def test_another_person_tenant_or_grant_finds_nothing(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    keys = [key(), key(BOB), key(tenant=FABRIKAM), key(grant="other")]
    seen = [(await cache.get(each, exchange)).reveal() for each in keys]
    assert len(set(seen)) == len(keys)


async def test_many_at_once_share_one_exchange(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    seen = await asyncio.gather(*(cache.get(key(), exchange) for _ in range(50)))
    assert {token.reveal() for token in seen} == {"token-1"}
    assert exchange.count == 1


async def test_one_who_gives_up_does_not_take_the_token_from_the_others(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    first = asyncio.create_task(cache.get(key(), exchange))
    second = asyncio.create_task(cache.get(key(), exchange))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).reveal() == "token-1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert exchange.count == 1


async def test_a_failure_is_told_to_all_and_remembered_by_nobody(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    exchange.fails = True
    calls = (cache.get(key(), exchange) for _ in range(5))
    seen = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(fault, SignInNeeded) for fault in seen)
    assert exchange.count == 1
    exchange.fails = False
    assert (await cache.get(key(), exchange)).reveal() == "token-2"


async def test_a_dropped_token_is_exchanged_anew(clock: Any) -> None:
    cache, exchange = TokenCache(clock), Exchanges(clock)
    await cache.get(key(), exchange)
    cache.drop(key())
    cache.drop(key(BOB))
    assert (await cache.get(key(), exchange)).reveal() == "token-2"


async def test_the_least_recently_used_token_goes_first(clock: Any) -> None:
    cache, exchange = TokenCache(clock, most=3), Exchanges(clock)
    for grant in "abcad":  # `b` is the one not used for longest when `d` comes
        await cache.get(key(grant=grant), exchange)
    assert exchange.count == 4
    for grant in "acd":
        await cache.get(key(grant=grant), exchange)
    assert exchange.count == 4
    await cache.get(key(grant="b"), exchange)
    assert exchange.count == 5


def test_the_key_does_not_hold_the_grant() -> None:
    assert "refresh-me" not in repr(key(grant="refresh-me"))
