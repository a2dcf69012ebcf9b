"""Who is at the door? Turns an Authorization header into a Caller, or says why not.

Rules, in order (each has its rows in tests/adapters/test_entra_inbound.py)
1. one `Bearer` and one compact JWT of at most 16 KB; nothing around it;
2. header: RS256 and a plain kid; no member twice, none that brings its own key or demands anything;
3. `tid` is a GUID on the registry: only then is anything fetched, and only from its own Entra;
4. the signature is by that kid in that tenant's own key set;
5. version 2.0 and exactly that tenant's v2 issuer. Version 1 tokens (sts.windows.net) are refused:
   the API's registration sets requestedAccessTokenVersion 2;
6. audience is this API; now lies within nbf..exp and after iat, by the Clock, 60 s of leeway;
7. delegated: not an application's (`idtyp`), and the scope `access_as_user` was consented (403).

A guest passes, and is marked. How long ago the person signed in is known only where the token says
`auth_time` (an optional claim of the registration): `iat` is renewed silently, no proof of sign-in.
A bad token is never a 5xx; only the absence of any keys of Entra is Transient.

Never here: sentences that repeat what a token says; the tenant or person of a request from anything
but a token.
"""

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.adapters.entra import EntraSettings
from agent.adapters.entra_keys import TenantKeys
from agent.adapters.wire import Wire
from agent.errors import NotAuthenticated
from agent.ports import Clock
from agent.values import GUID, Guid, PersonId, Secret, TenantId

LEEWAY = timedelta(seconds=60)
LONGEST_TOKEN = 16 * 1024
MOST_CALLERS = 2_000
SCOPE = "access_as_user"
_BEARER = re.compile(r"Bearer (([\w-]+)\.([\w-]+)\.[\w-]+)", re.ASCII | re.IGNORECASE)
_GUID = re.compile(GUID.strip("^$"))
_KID = re.compile(r"[\w.=+/-]{1,128}", re.ASCII)
_BRINGS_ITS_OWN = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated person, and the very token they showed."""

    tenant: TenantId
    person: PersonId
    upn: str | None  # for display only: it can be given to somebody else
    scopes: frozenset[str]
    app_roles: frozenset[str]
    guest: bool
    client: str
    signed_in_at: datetime | None
    expires_at: datetime
    assertion: Secret

    def sign_in_age_minutes(self, now: datetime) -> int | None:
        """Return full minutes since the person proved who they are; None where it is not known."""
        if self.signed_in_at is None:
            return None
        return max(0, int((now - self.signed_in_at).total_seconds() // 60))


def _seconds(value: object) -> datetime:
    if type(value) is not int or not 0 < value < 2**33:
        raise ValueError("expected seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


_Moment = Annotated[datetime, BeforeValidator(_seconds)]


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)

    iss: str
    aud: str
    ver: str
    tid: Guid
    oid: Guid
    exp: _Moment
    nbf: _Moment
    iat: _Moment
    auth_time: _Moment | None = None
    scp: str = ""
    roles: list[str] = Field(default_factory=list)
    idtyp: str | None = None
    acct: int | None = None
    azp: Guid
    idp: str | None = None
    upn: str | None = None
    preferred_username: str | None = None


class EntraDoor:
    """The one way in: validates Entra tokens for the tenants on the registry."""

    def __init__(
        self,
        settings: EntraSettings,
        registry: Callable[[TenantId], Awaitable[bool]],
        wire: Wire,
        clock: Clock,
    ) -> None:
        self._settings, self._registry, self._wire, self._clock = settings, registry, wire, clock
        self._audiences = (settings.client_id, f"api://{settings.client_id}")
        self._keys: dict[TenantId, TenantKeys] = {}
        self._known: OrderedDict[bytes, Caller] = OrderedDict()

    async def validate(self, authorization: str | None) -> Caller:
        """Return who calls. Raises NotAuthenticated, or Transient when Entra has no keys for us."""
        token, head, body = _taken_apart(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        kid, tenant = _kid(head), _tenant(body)
        if not await self._registry(tenant):
            raise NotAuthenticated("unknown_tenant", "this organisation is not set up here")
        known = self._known.get(digest)
        if known is not None and self._clock.now() < known.expires_at:
            self._known.move_to_end(digest)
            return known
        claims = await self._verified(token, kid, tenant)
        self._judge(claims)
        caller = _caller(claims, token)
        self._known[digest] = caller
        if len(self._known) > MOST_CALLERS:
            self._known.popitem(last=False)
        return caller

    async def _verified(self, token: str, kid: str, tenant: TenantId) -> _Claims:
        """Return the claims of a token that this tenant's own Entra signed."""
        from jwt import PyJWS
        from jwt.exceptions import PyJWTError

        if tenant not in self._keys:
            self._keys[tenant] = TenantKeys(
                tenant, self._settings.authority, self._wire, self._clock
            )
        keys = self._keys[tenant]
        key = await keys.find(kid)
        if key is None:
            raise NotAuthenticated("unknown_key", "the token is signed with a key nobody published")
        try:
            claims = _Claims.model_validate(
                json.loads(PyJWS(algorithms=["RS256"]).decode(token, key, algorithms=["RS256"]))
            )
        except PyJWTError:
            raise NotAuthenticated("bad_signature", "the token's signature is not valid") from None
        except (ValidationError, ValueError):
            raise NotAuthenticated("bad_claims", "the token lacks what we need to know") from None
        if claims.ver != "2.0" or claims.iss != keys.issuer or claims.tid != tenant:
            raise NotAuthenticated(
                "wrong_issuer", "the token is not one of this tenant's v2 tokens"
            )
        return claims

    def _judge(self, claims: _Claims) -> None:
        now = self._clock.now()
        if claims.aud not in self._audiences:
            raise NotAuthenticated("wrong_audience", "the token was made for another application")
        if now >= claims.exp + LEEWAY:
            raise NotAuthenticated("expired", "the token has expired; sign in again")
        if now < max(claims.nbf, claims.iat) - LEEWAY:
            raise NotAuthenticated("not_yet_valid", "the token is not valid yet")
        if claims.idtyp not in (None, "user"):
            raise NotAuthenticated("not_a_person", "expected a person's token", 403)
        if SCOPE not in claims.scp.split():
            raise NotAuthenticated("scope_missing", f"expected the scope {SCOPE}", 403)


def _caller(claims: _Claims, token: str) -> Caller:
    home = (None, claims.iss, f"https://sts.windows.net/{claims.tid}/")
    return Caller(
        tenant=TenantId(claims.tid),
        person=PersonId(claims.oid),
        upn=claims.upn or claims.preferred_username,
        scopes=frozenset(claims.scp.split()),
        app_roles=frozenset(claims.roles),
        guest=claims.acct == 1 or claims.idp not in home,
        client=claims.azp,
        signed_in_at=claims.auth_time,
        expires_at=claims.exp,
        assertion=Secret(token),
    )


def _taken_apart(authorization: str | None) -> tuple[str, str, str]:
    """Return the token, its header and its body, all still unread."""
    if not authorization:
        raise NotAuthenticated("no_token", "expected a bearer token, saw none")
    match = _BEARER.fullmatch(authorization) if len(authorization) <= LONGEST_TOKEN else None
    if match is None:
        raise NotAuthenticated("bad_header", "expected `Bearer` and one token")
    return match[1], match[2], match[3]


def _kid(head: str) -> str:
    """Return the key id of a header that asks for nothing special."""
    header = _json(head)
    kid = header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise NotAuthenticated("bad_algorithm", "expected a token signed with RS256 and a key id")
    if _BRINGS_ITS_OWN & header.keys():
        raise NotAuthenticated("odd_header", "the token's header asks for what we do not do")
    return kid


def _tenant(body: str) -> TenantId:
    """Return the tenant a token claims: believed only to choose whose keys must have signed it."""
    tid = _json(body).get("tid")
    if not isinstance(tid, str) or not _GUID.fullmatch(tid):
        raise NotAuthenticated("no_tenant", "expected a token that names its tenant")
    return TenantId(tid)


def _json(part: str) -> dict[str, Any]:
    """Return the JSON object of one part of a token; a member that occurs twice is refused."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotAuthenticated("bad_token", "expected a JSON Web Token")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member occurs twice")
    return found
