"""Graph access tokens in this process's memory, each under the exact grant it came from.

Rules
- the key is (tenant, person, digest of the grant): a token is found only by whoever holds the very
  sign-in or refresh token it was exchanged for, never by a person's id alone;
- a token is used until two minutes before it expires, by the Clock; at most 2,000 are kept;
- callers who want the same token at once share one exchange; a failed exchange is not remembered.

Never here: storage, refusing (the exchange checks whose token it is before it comes here).
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.ports import Clock
from agent.values import PersonId, Secret, TenantId

MARGIN = timedelta(minutes=2)
MOST_TOKENS = 2_000


class TokenKey(NamedTuple):
    """Which token: whose, and from which grant."""

    tenant: TenantId
    person: PersonId
    grant: str

    @classmethod
    def of(cls, tenant: TenantId, person: PersonId, grant: Secret) -> "TokenKey":
        """Return the key of the token that this grant exchanges for."""
        return cls(tenant, person, hashlib.sha256(grant.reveal().encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Granted:
    """A token and the moment it ends."""

    token: Secret
    expires_at: datetime


class TokenCache:
    """The tokens of one process."""

    def __init__(self, clock: Clock, most: int = MOST_TOKENS) -> None:
        self._clock, self._most = clock, most
        self._held: OrderedDict[TokenKey, Granted] = OrderedDict()
        self._running: dict[TokenKey, asyncio.Task[Granted]] = {}

    async def get(self, key: TokenKey, exchange: Callable[[], Awaitable[Granted]]) -> Secret:
        """Return the token under the key, by one exchange if there is none that is still good."""
        held = self._held.get(key)
        if held is not None and self._clock.now() < held.expires_at - MARGIN:
            self._held.move_to_end(key)
            return held.token
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._fill(key, exchange))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        # Shielded: one caller who gives up must not take the token away from the others.
        return (await asyncio.shield(task)).token

    def drop(self, key: TokenKey) -> None:
        """Forget a token that was refused."""
        self._held.pop(key, None)

    async def _fill(self, key: TokenKey, exchange: Callable[[], Awaitable[Granted]]) -> Granted:
        granted = await exchange()
        self._held[key] = granted
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return granted

    def _finish(self, key: TokenKey, done: "asyncio.Task[Granted]") -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # seen here, so that nobody waiting is not an unheard error
