"""Which token does a person get when the stage manager signs them in?

Answers a token as Entra ID would sign it for that person, without a browser. Never signs in
somebody whom Entra ID would refuse.

Rules:
- `api`: for the agent's API, as Teams' single sign-on brings it; `graph`: for Graph, through the
  agent's app; `bot-user`: a person's token for the bot, which a bot must refuse as channel proof;
- `offline` stands for a device-code sign-in: it adds a refresh token and an interactive sign-in
  to Microsoft's log;
- `claims` and `lifetime_seconds` bend the token, for tests of those who must refuse it.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from local.tenant.claims import LIFETIME_SECONDS, person_claims
from local.tenant.cloud import Cloud
from local.tenant.estate import Tenant
from local.tenant.grants import check_person, mint_refresh_token
from local.tenant.records import fresh_id, sign_in_entry
from local.tenant.scopes import GRAPH_RESOURCE
from local.tenant.stage import AbsentError

API_SCOPE = "access_as_user"
_TEAMS_CLIENT = "1fec8e78-bce4-4aaf-ab1b-5451cc387264"  # Microsoft Teams desktop, well known


class TokenAsk(BaseModel):
    """The body of POST world/token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upn: str
    audience: Literal["api", "graph", "bot-user"]
    scopes: tuple[str, ...] = ()
    tenant: str | None = None
    offline: bool = False
    lifetime_seconds: int = LIFETIME_SECONDS
    claims: dict[str, Any] = {}


def sign_in(cloud: Cloud, ask: TokenAsk) -> dict[str, str]:
    """The token asked for; raises AbsentError for nobody, TokenRefusedError for the unwelcome."""
    tenant = _tenant_of(cloud, ask)
    oid = tenant.directory.user_id(ask.upn)
    if oid is None:
        raise AbsentError(f"expected a person's user principal name, saw {ask.upn!r}")
    now = cloud.now()
    issued = int(now.timestamp())
    user = check_person(tenant, oid, issued)
    app = cloud.estate.app()
    audience, scopes, app_id = _destination(cloud, tenant, ask)
    claims = person_claims(
        tenant,
        user,
        issuer=cloud.issuer(tenant.id),
        audience=audience,
        scopes=scopes,
        app_id=app_id,
        now=now,
        auth_time=issued,
    )
    claims["exp"] = issued + ask.lifetime_seconds
    answer = {"token": cloud.signer.sign(claims | ask.claims)}
    if ask.offline:
        answer["refresh_token"] = mint_refresh_token(cloud, tenant, app, oid, issued, now)
        details = {"app": app.name, "app_id": app.client_id, "ip": "198.51.100.200"}
        place = {"city": "Hamburg", "country": "DE", "risk": "none", "error": 0}
        tenant.sign_ins.append(
            sign_in_entry(
                user, entry_id=fresh_id(), at=now, tenant=tenant.id, details=details | place
            )
        )
    return answer


def _tenant_of(cloud: Cloud, ask: TokenAsk) -> Tenant:
    key = ask.tenant
    tenant = cloud.estate.tenant(key) if key else cloud.estate.tenant_of_upn(ask.upn)
    if tenant is None:
        raise AbsentError(f"expected a person of a seeded tenant, saw {ask.upn!r}")
    return tenant


def _destination(cloud: Cloud, tenant: Tenant, ask: TokenAsk) -> tuple[str, list[str], str]:
    """Audience, scopes and client of the token."""
    app = cloud.estate.app()
    if ask.audience == "api":
        return app.client_id, list(ask.scopes) or [API_SCOPE], _TEAMS_CLIENT
    if ask.audience == "bot-user":
        return cloud.estate.bot_app_id, list(ask.scopes) or [API_SCOPE], _TEAMS_CLIENT
    consented = tenant.consents.get(app.client_id, ())
    scopes = list(ask.scopes) or [scope for scope in consented if scope != "offline_access"]
    return GRAPH_RESOURCE, scopes, app.client_id
