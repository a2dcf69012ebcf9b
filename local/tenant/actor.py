"""Who is calling?

Answers what a verified access token says of its bearer. Never reads the directory: a role that
was taken away stays in the token until the token ends, as in Microsoft's cloud.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.tenant.roles import ROLE_NAMES


@dataclass(frozen=True)
class Actor:
    """The bearer of a token: a person acting through an app, or an app alone."""

    tenant: str
    oid: str
    upn: str
    app_id: str
    audience: str
    scopes: frozenset[str]
    roles: frozenset[str]  # directory roles by name, from `wids`
    delegated: bool
    issued_at: int  # seconds since 1970
    watched: bool  # continuous access evaluation (the client said cp1)


def actor_of(claims: Mapping[str, Any]) -> Actor:
    """The bearer described by verified claims."""
    scopes = frozenset(str(claims.get("scp", "")).split())
    wids = claims.get("wids", ())
    return Actor(
        tenant=str(claims.get("tid", "")),
        oid=str(claims.get("oid", "")),
        upn=str(claims.get("upn", "")),
        app_id=str(claims.get("azp", "")),
        audience=str(claims.get("aud", "")),
        scopes=scopes,
        roles=frozenset(ROLE_NAMES[wid] for wid in wids if wid in ROLE_NAMES),
        delegated="scp" in claims and claims.get("idtyp") != "app",
        issued_at=int(claims.get("iat", 0)),
        watched="cp1" in claims.get("xms_cc", ()),
    )
