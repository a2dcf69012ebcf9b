"""Does Graph accept this bearer token?

Answers who the bearer is, and the 401 that is due if the token is not good here. Never looks at
what the person may do.

Rules:
- the audience is Graph, the issuer is the tenant the token names, the signature is published;
- a client that understands continuous access evaluation (cp1) is challenged as soon as the
  account is disabled or its sessions are revoked; another client's token lives until it ends.
"""

import base64
import json
from datetime import datetime

from local.tenant.actor import Actor, actor_of
from local.tenant.cloud import Cloud
from local.tenant.errors import RefusedError, bad_token
from local.tenant.estate import Tenant
from local.tenant.tokens import TokenError

AUDIENCES = frozenset({"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"})
_TOKEN_FAULTS = {
    "malformed": "CompactToken parsing failed with error code: 80049217",
    "signature": "CompactToken validation failed with reason code: 8004920A.",
    "expired": "CompactToken validation failed with reason code: 80049228.",
}
_REVOKED = "Continuous access evaluation resulted in challenge with result: InteractionRequired."


def bearer(cloud: Cloud, header: str | None) -> tuple[Actor | None, RefusedError | None]:
    """The bearer as far as known, and the refusal that is due, if any."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None, bad_token("Access token is empty.")
    try:
        claims = cloud.signer.verify(token.strip(), cloud.now())
    except TokenError as fault:
        return None, bad_token(_TOKEN_FAULTS[fault.reason])
    actor = actor_of(claims)
    if actor.audience not in AUDIENCES:
        return actor, bad_token("Access token validation failure. Invalid audience.")
    if claims.get("iss") != cloud.issuer(actor.tenant):
        return actor, bad_token("Access token validation failure. Invalid issuer.")
    return actor, None


def challenge(cloud: Cloud, now: datetime) -> RefusedError:
    """The 401 that tells the client to come back with a fresher token."""
    claims = {"access_token": {"nbf": {"essential": True, "value": str(int(now.timestamp()))}}}
    encoded = base64.b64encode(json.dumps(claims).encode()).decode()
    return bad_token(
        _REVOKED,
        {
            "WWW-Authenticate": 'Bearer realm="", '
            f'authorization_uri="{cloud.entra_url}/common/oauth2/authorize", '
            f'error="insufficient_claims", claims="{encoded}"'
        },
    )


def check_still_welcome(cloud: Cloud, tenant: Tenant, actor: Actor, now: datetime) -> None:
    """Raise the 401 that a bearer meets whose account has changed since the token."""
    if not actor.delegated:
        return
    user = tenant.directory.users.get(actor.oid)
    if user is None:
        raise bad_token("The user identified by the token no longer exists.")
    since = datetime.fromisoformat(user["signInSessionsValidFromDateTime"]).timestamp()
    if actor.watched and (not user["accountEnabled"] or actor.issued_at < int(since)):
        raise challenge(cloud, now)
