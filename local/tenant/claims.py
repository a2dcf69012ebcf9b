"""What does a token say of its bearer?

Answers the claims of a v2 access token for a person, an app or a managed identity. Never signs.

Rules:
- lifetimes run on the shifted clock: one hour for people and apps, a day for managed identities;
- `wids` lists the roles held at this moment; `sub` differs from app to app, `oid` does not;
- `auth_time` is included because the registration asks for that optional claim.
"""

import base64
import hashlib
from datetime import datetime
from typing import Any

from local.tenant.directory import Resource
from local.tenant.estate import Identity, Tenant
from local.tenant.records import fresh_id
from local.tenant.roles import DEFAULT_USER_WID
from local.tenant.tokens import Claims

LIFETIME_SECONDS = 3600
IDENTITY_LIFETIME_SECONDS = 24 * 3600
_GUEST_WID = "13bd1c72-6f4a-4dcf-985f-18d3b80f208a"


def person_claims(
    tenant: Tenant,
    user: Resource,
    *,
    issuer: str,
    audience: str,
    scopes: list[str],
    app_id: str,
    now: datetime,
    auth_time: int,
) -> Claims:
    """Delegated access for a person through an app."""
    member = user.get("userType") != "Guest"
    directory = tenant.directory
    wids = [directory.roles[r]["roleTemplateId"] for r in directory.roles_of(user["id"])]
    return _common(tenant.id, issuer, audience, app_id, now, LIFETIME_SECONDS) | {
        "oid": user["id"],
        "sub": _pairwise(user["id"], app_id),
        "name": user["displayName"],
        "preferred_username": user["userPrincipalName"],
        "upn": user["userPrincipalName"],
        "scp": " ".join(scopes),
        "wids": [*wids, DEFAULT_USER_WID if member else _GUEST_WID],
        "amr": ["pwd", "mfa"],
        "idtyp": "user",
        "acct": 0 if member else 1,
        "auth_time": auth_time,
    }


def app_claims(tenant: Tenant, *, issuer: str, audience: str, app_id: str, now: datetime) -> Claims:
    """App-only access; no application permission is ever granted, so `roles` is absent."""
    principal = _pairwise(tenant.id, app_id)
    return _common(tenant.id, issuer, audience, app_id, now, LIFETIME_SECONDS) | {
        "oid": principal,
        "sub": principal,
        "idtyp": "app",
    }


def identity_claims(identity: Identity, *, issuer: str, audience: str, now: datetime) -> Claims:
    """A managed identity's token for any resource."""
    common = _common(
        identity.tenant, issuer, audience, identity.client_id, now, IDENTITY_LIFETIME_SECONDS
    )
    return common | {
        "oid": identity.principal_id,
        "sub": identity.principal_id,
        "idtyp": "app",
    }


def _common(
    tid: str, issuer: str, audience: str, app_id: str, now: datetime, lifetime: int
) -> dict[str, Any]:
    issued = int(now.timestamp())
    return {
        "aud": audience,
        "iss": issuer,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "tid": tid,
        "azp": app_id,
        "appid": app_id,
        "azpacr": "2",
        "ver": "2.0",
        "uti": base64.urlsafe_b64encode(fresh_id().encode()[:16]).decode().rstrip("="),
    }


def _pairwise(first: str, second: str) -> str:
    digest = hashlib.sha256(f"{first}/{second}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
