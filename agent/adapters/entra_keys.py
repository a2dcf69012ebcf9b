"""With which keys does one tenant's Entra sign? Fetched from its metadata, kept for a day.

Rules
- asked only for tenants on the registry: the caller checks that first, so that a token cannot make
  us fetch from anywhere of its own choosing;
- metadata must name the very issuer we expect and a key set on the authority's own host;
- keys are RSA of 2,048 bits or more, meant for RS256 signatures and for this issuer; a kid that
  occurs twice is no key;
- an unknown kid causes at most one fetch in 60 s for a tenant (roll-over, not amplification); keys
  are read again after 12 h and believed for 24 h at most.

Never here: tokens.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.adapters.wire import Wire
from agent.errors import Fault, Transient
from agent.ports import Clock
from agent.values import TenantId

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LARGEST_DOCUMENT = 256 * 1024
BETWEEN_FETCHES = timedelta(seconds=60)
READ_AGAIN = timedelta(hours=12)
BELIEVED = timedelta(hours=24)
SMALLEST_KEY = 2048


class TenantKeys:
    """The signing keys of one tenant's Entra."""

    def __init__(self, tenant: TenantId, authority: str, wire: Wire, clock: Clock) -> None:
        self.issuer = f"{authority}/{tenant}/v2.0"
        self._tenant, self._authority, self._wire, self._clock = tenant, authority, wire, clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> "RSAPublicKey | None":
        """Return the key with this id, or None. Raises Transient when no keys can be had at all."""
        if kid not in self._keys or not self._younger(self._read_at, READ_AGAIN):
            async with self._lock:
                await self._refresh(kid)
        return self._keys.get(kid)

    async def _refresh(self, kid: str) -> None:
        if kid in self._keys and self._younger(self._read_at, READ_AGAIN):
            return  # somebody else has just read them
        believed = self._younger(self._read_at, BELIEVED)
        if self._younger(self._tried_at, BETWEEN_FETCHES):
            if believed:
                return
            raise Transient("keys_unavailable", "expected Entra's signing keys, saw none of late")
        self._tried_at = self._clock.now()
        try:
            self._keys = await self._fetch()
            self._read_at = self._tried_at
        except Fault:
            if not believed:
                self._keys = {}
                raise

    def _younger(self, moment: datetime | None, than: timedelta) -> bool:
        return moment is not None and timedelta(0) <= self._clock.now() - moment < than

    async def _fetch(self) -> "dict[str, RSAPublicKey]":
        document = await self._document(f"{self.issuer}/.well-known/openid-configuration")
        where = document.get("jwks_uri")
        if document.get("issuer") != self.issuer or not isinstance(where, str):
            raise Transient("odd_metadata", f"expected metadata of the issuer {self.issuer}")
        if not where.startswith("https://") or _host(where) != _host(self._authority):
            raise Transient("odd_metadata", "expected signing keys on the authority's own host")
        listed = (await self._document(where)).get("keys")
        if not isinstance(listed, list):
            raise Transient("odd_metadata", "expected a list of signing keys")
        usable = [jwk for jwk in listed if isinstance(jwk, dict) and self._meant_for_us(jwk)]
        times = Counter(jwk["kid"] for jwk in usable)
        keys = {jwk["kid"]: _key(jwk) for jwk in usable if times[jwk["kid"]] == 1}
        return {kid: key for kid, key in keys.items() if key is not None}

    def _meant_for_us(self, jwk: Mapping[str, Any]) -> bool:
        issuer = jwk.get("issuer", self.issuer)
        return (
            isinstance(jwk.get("kid"), str)
            and jwk.get("kty") == "RSA"
            and jwk.get("use", "sig") == "sig"
            and jwk.get("alg", "RS256") == "RS256"
            and isinstance(issuer, str)
            and issuer.replace("{tenantid}", self._tenant) == self.issuer
        )

    async def _document(self, url: str) -> dict[str, Any]:
        answer = await self._wire.fetch(url, limit=LARGEST_DOCUMENT)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if answer.status != 200 or not isinstance(found, dict):
            raise Transient("odd_metadata", f"expected Entra's metadata, saw {answer.status}")
        return found


def _key(jwk: Mapping[str, Any]) -> "RSAPublicKey | None":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        key = PyJWK({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]}, algorithm="RS256").key
    except (PyJWTError, KeyError, TypeError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY else None


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
