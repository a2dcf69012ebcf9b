"""The world around an adapter: a tiny Entra, a tiny Graph, an identity, a clock moved by hand."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt
from aiohttp import web
from azure.core.credentials import AccessToken, AccessTokenInfo
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.adapters.entra import Proof
from agent.values import Secret
from tests.adapters.cast import ALICE, CONTOSO, IDENTITY


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)


class Call(NamedTuple):
    """One request as it came over the wire."""

    method: str
    raw_path: str
    headers: dict[str, str]
    body: bytes


class Graph:
    """Answers what a test has laid out, in order, then 200 {}; keeps every call it heard."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: deque[Callable[[web.Request], Any] | tuple[Any, ...]] = deque()
        self.url = ""
        self.origin = ""

    def reset(self) -> None:
        self.calls.clear()
        self.answers.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls.append(Call(request.method, request.raw_path, dict(request.headers), body))
        said = self.answers.popleft() if self.answers else (200, {})
        if callable(said):
            answered: web.StreamResponse = await said(request)
            return answered
        status, content, *rest = said
        headers = {"request-id": "9" * 8, **(rest[0] if rest else {})}
        if isinstance(content, bytes):
            return web.Response(status=status, body=content, headers=headers)
        return web.json_response(content, status=status, headers=headers)


class Entra:
    """Publishes keys, signs tokens, exchanges grants as it was told; keeps every form it heard."""

    def __init__(self) -> None:
        self._first = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys = {"first": self._first}
        self.forms: list[dict[str, str]] = []
        self.exchanges: deque[Any] = deque()
        self.metadata: dict[str, Any] = {}
        self.published: list[dict[str, Any]] | None = None
        self.broken = False
        self.fetches = 0
        self.delay = 0.0
        self.url = ""

    def reset(self) -> None:
        self.forms.clear()
        self.exchanges.clear()
        self.metadata, self.published, self.broken = {}, None, False
        self.keys = {"first": self._first}
        self.fetches, self.delay = 0, 0.0

    def graph_token(self, person: str = ALICE, tenant: str = CONTOSO, **changes: Any) -> str:
        """A token for Graph as an exchange returns it; None removes a claim."""
        now = int(time.time())
        usual = {"tid": tenant, "oid": person, "scp": "User.Read", "exp": now + 3600, **changes}
        claims = {name: value for name, value in usual.items() if value is not None}
        return jwt.encode(claims, self.keys["first"], "RS256", headers={"kid": "first"})

    def jwks(self) -> list[dict[str, Any]]:
        """What is published: every key, and what a test added."""
        to_jwk = jwt.algorithms.RSAAlgorithm.to_jwk
        return [
            {**to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]

    async def describe(self, request: web.Request) -> web.Response:
        self.fetches += 1
        if self.broken:
            return web.Response(status=503, text="not now")
        base = f"{self.url}/{request.match_info['tenant']}"
        usual = {"issuer": f"{base}/v2.0", "jwks_uri": f"{base}/discovery/v2.0/keys"}
        return web.json_response({**usual, **self.metadata})

    async def publish(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"keys": self.jwks() if self.published is None else self.published}
        )

    async def exchange(self, request: web.Request) -> web.Response:
        self.forms.append({k: str(v) for k, v in (await request.post()).items()})
        if self.delay:
            await asyncio.sleep(self.delay)
        said = self.exchanges.popleft() if self.exchanges else self.graph_token()
        if isinstance(said, web.Response):
            return said
        if isinstance(said, tuple):
            return web.json_response(said[1], status=said[0], headers=said[2] if said[2:] else None)
        return web.json_response({"access_token": said, "expires_in": 3600, "token_type": "Bearer"})


class Identity:
    """The managed identity of the tests: good for the vault, signed by the tiny Entra."""

    def __init__(self, entra: Entra, oid: str = IDENTITY) -> None:
        self._entra, self._oid = entra, oid

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": scopes[0].removesuffix("/.default"),
            "iss": f"https://sts.windows.net/{CONTOSO}/",
            "tid": CONTOSO,
            "oid": self._oid,
            "exp": now + 3600,
        }
        key = self._entra.keys["first"]
        return AccessToken(jwt.encode(claims, key, "RS256", headers={"kid": "first"}), now + 3600)

    async def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
        token = await self.get_token(*scopes)
        return AccessTokenInfo(token.token, token.expires_on)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "Identity":
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()


class FixedProof:
    """A proof of the application that never changes."""

    async def proof(self) -> Proof:
        return Proof("assertion", Secret("identity-assertion"))


class FixedToken:
    """A token source with one token that counts how often it was told to forget."""

    def __init__(self) -> None:
        self.forgotten = 0

    async def token(self) -> Secret:
        return Secret("alices-token")

    def forget(self) -> None:
        self.forgotten += 1
