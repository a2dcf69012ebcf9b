"""Whose hands: turns what a person lent us into Graph access as that person.

Rules
- two grants and no third: on-behalf-of a sign-in token, and a sponsor's refresh token. A failed
  exchange stops the step; nothing else is tried
  (INVARIANT 4: tests/adapters/test_entra_exchange_faults.py);
- a sponsor's refresh token is read from the tenant's vault for each piece of work, so taking it out
  of the vault ends the sponsor's right for all work begun afterwards, whatever is cached;
- a rotated refresh token is not written back. Entra keeps the older one valid until its own end, by
  default 90 days: a sponsor who does not sign in again within 90 days stops with SignInNeeded.

Never here: how an exchange is made (`entra_exchange`), tenants other than the broker's own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from agent.adapters.entra_exchange import Exchange
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.token_cache import Granted, TokenCache, TokenKey
from agent.adapters.vault import Vault
from agent.domain import Sponsorship
from agent.errors import Permanent, SignInNeeded
from agent.ports import Clock
from agent.values import PersonId, Secret


class EntraBroker:
    """`ports.TokenBroker` for the one tenant its exchange is bound to."""

    def __init__(
        self, exchange: Exchange, vault: Vault, graph: GraphWire, cache: TokenCache, clock: Clock
    ) -> None:
        self._exchange, self._vault = exchange, vault
        self._graph, self._cache, self._clock = graph, cache, clock

    def requester(self, person: PersonId, assertion: Secret, correlation: str) -> PersonGraph:
        async def find() -> Secret:
            return assertion

        swap = partial(self._exchange.on_behalf_of, person, correlation)
        return self._person(
            person, correlation, _Tokens(self._cache, find, self._key(person), swap)
        )

    def sponsor(self, sponsorship: Sponsorship, correlation: str) -> PersonGraph:
        person = sponsorship.sponsor
        find = partial(self._lent, sponsorship)
        swap = partial(self._exchange.refresh, person, correlation)
        return self._person(
            person, correlation, _Tokens(self._cache, find, self._key(person), swap)
        )

    def _key(self, person: PersonId) -> Callable[[Secret], TokenKey]:
        return partial(TokenKey.of, self._exchange.tenant, person)

    def _person(self, person: PersonId, correlation: str, tokens: "_Tokens") -> PersonGraph:
        return PersonGraph(
            self._graph,
            tokens,
            self._clock,
            tenant=self._exchange.tenant,
            person=person,
            correlation=correlation,
        )

    async def _lent(self, sponsorship: Sponsorship) -> Secret:
        """Return the refresh token behind a sponsorship that stands."""
        if not sponsorship.stands(self._clock.now()):
            sentence = f"sponsorship {sponsorship.id} was revoked or has expired"
            raise Permanent("sponsorship_ended", sentence)
        try:
            lent, _ = await self._vault.get_secret(f"sponsorship-{sponsorship.id}")
        except Permanent as fault:
            if fault.code != "not_found":
                raise
            sentence = f"expected a sign-in kept for sponsorship {sponsorship.id}, saw none"
            raise SignInNeeded("sponsor_not_signed_in", sentence) from None
        return lent


class _Tokens:
    """`graph.TokenSource`: finds the grant once, then serves the token it exchanges for."""

    def __init__(
        self,
        cache: TokenCache,
        find: Callable[[], Awaitable[Secret]],
        key: Callable[[Secret], TokenKey],
        swap: Callable[[Secret], Awaitable[Granted]],
    ) -> None:
        self._cache, self._find, self._key, self._swap = cache, find, key, swap
        self._grant: Secret | None = None
        self._finding = asyncio.Lock()  # calls made at once look for the grant once

    async def token(self) -> Secret:
        async with self._finding:
            if self._grant is None:
                self._grant = await self._find()
        return await self._cache.get(self._key(self._grant), partial(self._swap, self._grant))

    def forget(self) -> None:
        if self._grant is not None:
            self._cache.drop(self._key(self._grant))
