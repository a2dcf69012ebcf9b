"""May this caller use this vault? The token says who, the vault's access list says whether.

Rules:
- no token, or one that does not hold: 401 with the challenge that tells a client where to get one;
- a token holds when Entra's published key signed it, for this vault's tenant, for an audience of
  this vault, and its `exp` is not past by real time. Only real time counts: the local world may
  move its clock forward, where tokens of tomorrow carry an `nbf` that real time has not reached;
- a token that holds but whose object id and app id are not on this vault's list: 403;
- Entra unreachable: 503, never a guess.

The challenge. The clients insist that a challenge's resource is a parent domain of the vault they
called; for `https://127.0.0.1:PORT` that is `https://0.0.1:PORT` ("127.0.0.1:PORT" ends with
".0.0.1:PORT"), so their check stays switched on and every vault has an audience of its own.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import jwt
from aiohttp import web

from local.keyvault.wire import VaultError, forbidden

# The audiences that Azure's own vaults accept: Key Vault by address and by app id.
AZURE_AUDIENCES = ("https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093")
_KEYS_LIVE_SECONDS = 600.0
_ASK_AGAIN_SECONDS = 1.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Issuer(NamedTuple):
    """What Entra publishes about one tenant."""

    names: tuple[str, ...]
    keys: Mapping[str, jwt.PyJWK]
    read_at: float


class Entra:
    """The signing keys that Entra at `url` publishes, trusted through the authority in `tls`."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        self.url = url.rstrip("/")
        self._tls = tls
        self._known: dict[str, Issuer] = {}
        self._asking = asyncio.Lock()

    async def issuer(self, tenant: str, key_id: str) -> Issuer:
        """The tenant's issuer, read again when old or when it lacks `key_id` (keys rotate)."""
        async with self._asking:
            known = self._known.get(tenant)
            age = time.monotonic() - known.read_at if known else _KEYS_LIVE_SECONDS
            lacking = known is None or key_id not in known.keys
            if known is None or age >= _KEYS_LIVE_SECONDS or (lacking and age > _ASK_AGAIN_SECONDS):
                known = self._known[tenant] = await self._read(tenant)
            return known

    async def _read(self, tenant: str) -> Issuer:
        discovery = f"{self.url}/{tenant}/v2.0/.well-known/openid-configuration"
        connector = aiohttp.TCPConnector(ssl=self._tls)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
                metadata = await _json(session, discovery)
                published = await _json(session, str(metadata["jwks_uri"]))
        except (aiohttp.ClientError, TimeoutError, KeyError, ValueError, TypeError) as fault:
            said = f"expected Entra's keys at {discovery}, saw {type(fault).__name__}"
            raise VaultError(503, "ServiceUnavailable", said) from fault
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(published).keys if key.key_id}
        # Entra signs tokens of both versions with the same keys, under two names.
        names = (str(metadata["issuer"]), f"https://sts.windows.net/{tenant}/")
        return Issuer(names, keys, time.monotonic())


class Gate:
    """The door of one vault: its tenant, its own audience, and who may pass."""

    def __init__(self, entra: Entra, tenant: str, port: int, allowed: frozenset[str]) -> None:
        self._entra = entra
        self._tenant = tenant
        self._allowed = allowed
        self._resource = f"https://0.0.1:{port}"

    async def admit(self, request: web.Request) -> None:
        """Return if the caller may use this vault; VaultError 401, 403 or 503 otherwise."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self._challenge("AKV10000: Request is missing a Bearer or PoP token.")
        claims = await self._verified(token)
        caller = {str(claims.get(name)) for name in ("oid", "appid", "azp") if claims.get(name)}
        if not caller & self._allowed:
            raise forbidden(
                "Caller is not authorized to perform action on resource.\r\n"
                f"Caller: oid={claims.get('oid')};appid={claims.get('appid') or claims.get('azp')}"
                f"\r\nAction: '{request.method} {request.path}'",
                "ForbiddenByRbac",
            )

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid"))
            issuer = await self._entra.issuer(self._tenant, key_id)
            if key_id not in issuer.keys:
                raise self._challenge("The token was not signed by a key that Entra publishes.")
            claims: dict[str, Any] = jwt.decode(
                token,
                issuer.keys[key_id],
                algorithms=["RS256"],
                audience=[self._resource, *AZURE_AUDIENCES],
                issuer=list(issuer.names),
                options={
                    "require": ["exp", "aud", "iss"],
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as fault:
            raise self._challenge(f"The token does not hold: {fault}") from None
        if claims.get("tid", self._tenant) != self._tenant:
            raise self._challenge("The token is of another tenant.")
        return claims

    def _challenge(self, message: str) -> VaultError:
        refusal = VaultError(401, "Unauthorized", message)
        refusal.headers["WWW-Authenticate"] = (
            f'Bearer authorization="{self._entra.url}/{self._tenant}", resource="{self._resource}"'
        )
        return refusal


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as answer:
        answer.raise_for_status()
        found = await answer.json()
    if not isinstance(found, dict):
        raise TypeError(f"expected an object from {url}, saw {type(found).__name__}")
    return found
