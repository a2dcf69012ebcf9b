"""Who gets which token?

Answers a token request with tokens, or with Entra ID's own refusal. Never speaks HTTP, never
plants faults.

Rules:
- a client proves itself with a federated managed identity's token, or with the seed's secret;
- on-behalf-of takes an unexpired token that was issued for this very client, of a person who is
  enabled and whose sessions were not revoked since;
- scopes must be consented in that tenant; `.default` means all that are;
- a refresh token comes only with offline_access, lives ninety days, and each use brings a new
  one; as in Entra ID the older one stays valid, so that a lost answer locks nobody out;
- an app-only token carries no permission.

# INVARIANT: test_tokens.py::test_the_table_of_refused_exchanges
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.tenant.claims import LIFETIME_SECONDS, app_claims, person_claims
from local.tenant.cloud import Cloud
from local.tenant.directory import Resource
from local.tenant.estate import App, Tenant
from local.tenant.refusals import refused
from local.tenant.scopes import GRAPH_RESOURCE, Asked, read_scopes, wants_access_evaluation
from local.tenant.tokens import Claims, TokenError

EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_REFRESH_SECONDS = 90 * 24 * 3600
Form = Mapping[str, str]


@dataclass(frozen=True)
class Granted:
    """The answer body, and what the call log should know of it."""

    body: dict[str, Any]
    oid: str
    upn: str
    audience: str
    delegated: bool
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class _Person:
    user: Resource
    auth_time: int


def grant(cloud: Cloud, tenant_key: str, form: Form) -> Granted:
    """The tokens a form earns; raises TokenRefusedError."""
    tenant = cloud.estate.tenant(tenant_key)
    if tenant is None:
        raise refused(90002, tenant_key)
    kind = form.get("grant_type", "")
    app = _authenticated(cloud, tenant, form)
    asked = read_scopes(form.get("scope", ""))
    if kind == "client_credentials":
        return _for_app(cloud, tenant, app, asked)
    if kind == _JWT_BEARER:
        if form.get("requested_token_use") != "on_behalf_of":
            raise refused(900144, "requested_token_use")
        person = _asserted(cloud, tenant, app, form.get("assertion", ""))
    elif kind == "refresh_token":
        person = _remembered(cloud, tenant, app, form.get("refresh_token", ""))
    else:
        raise refused(70003, kind)
    watched = wants_access_evaluation(form.get("claims"))
    return _for_person(cloud, tenant, app, person, asked, watched=watched)


def mint_refresh_token(
    cloud: Cloud, tenant: Tenant, app: App, oid: str, auth_time: int, now: datetime
) -> str:
    """A new refresh token of this person for this app."""
    token = f"1.{secrets.token_urlsafe(48)}"
    cloud.estate.refresh_tokens[token] = {
        "tenant": tenant.id,
        "client_id": app.client_id,
        "oid": oid,
        "issued": int(now.timestamp()),
        "auth_time": auth_time,
    }
    return token


def check_person(tenant: Tenant, oid: str, issued: int) -> Resource:
    """The person, if what was issued then still signs them in; raises TokenRefusedError."""
    user = tenant.directory.users.get(oid)
    if user is None:
        raise refused(50034, oid)
    if not user["accountEnabled"]:
        raise refused(50057)
    valid_from = datetime.fromisoformat(user["signInSessionsValidFromDateTime"])
    if issued < int(valid_from.timestamp()):
        raise refused(50173, valid_from.astimezone(UTC).isoformat())
    return user


def _authenticated(cloud: Cloud, tenant: Tenant, form: Form) -> App:
    client_id = form.get("client_id", "").lower()
    app = cloud.estate.apps.get(client_id)
    if app is None:
        raise refused(700016, client_id, tenant.name)
    assertion, secret = form.get("client_assertion"), form.get("client_secret")
    if assertion is not None:
        _check_assertion(cloud, app, assertion)
    elif secret is None:
        raise refused(7000218)
    elif not secrets.compare_digest(secret.encode(), app.secret.encode()):
        raise refused(7000215, app.client_id)
    return app


def _check_assertion(cloud: Cloud, app: App, assertion: str) -> None:
    # The SDK that caches this token runs on the machine's clock, which the stage manager cannot
    # move: a token that either clock still holds good is good.
    try:
        claims = cloud.signer.read(assertion)
    except TokenError as fault:
        raise refused(700027) from fault
    earlier = min(datetime.now(UTC), cloud.now()).timestamp()
    if earlier >= claims["exp"]:
        raise refused(700024)
    by_principal = {i.principal_id: i for i in cloud.estate.identities.values()}
    identity = by_principal.get(str(claims.get("sub")))
    if identity is None or identity.principal_id not in app.federated:
        raise refused(700213, str(claims.get("sub")))
    if claims.get("iss") != cloud.issuer(identity.tenant):
        raise refused(700211, str(claims.get("iss")))
    if claims.get("aud") != EXCHANGE_AUDIENCE:
        raise refused(700212, str(claims.get("aud")))


def _asserted(cloud: Cloud, tenant: Tenant, app: App, assertion: str) -> _Person:
    try:
        claims = cloud.signer.verify(assertion, cloud.now())
    except TokenError as fault:
        raise refused(500133 if fault.reason == "expired" else 50013) from fault
    if claims.get("iss") != cloud.issuer(tenant.id) or claims.get("tid") != tenant.id:
        raise refused(50013)
    if claims.get("aud") != app.client_id:
        raise refused(500131, str(claims.get("aud")))
    if "scp" not in claims:
        raise refused(7000114)
    user = check_person(tenant, str(claims.get("oid")), int(claims["iat"]))
    return _Person(user, int(claims.get("auth_time") or claims["iat"]))


def _remembered(cloud: Cloud, tenant: Tenant, app: App, token: str) -> _Person:
    kept = cloud.estate.refresh_tokens.get(token)
    if kept is None or (kept["tenant"], kept["client_id"]) != (tenant.id, app.client_id):
        raise refused(9002313)
    if cloud.now().timestamp() >= kept["issued"] + _REFRESH_SECONDS:
        raise refused(700082)
    return _Person(check_person(tenant, kept["oid"], kept["issued"]), kept["auth_time"])


def _for_person(
    cloud: Cloud, tenant: Tenant, app: App, person: _Person, asked: Asked, *, watched: bool
) -> Granted:
    consented = tenant.consents.get(app.client_id, ())
    scopes = _consented(asked, consented, app)
    now = cloud.now()
    claims: Claims = person_claims(
        tenant,
        person.user,
        issuer=cloud.issuer(tenant.id),
        audience=asked.resource,
        scopes=scopes,
        app_id=app.client_id,
        now=now,
        auth_time=person.auth_time,
    )
    if watched:
        claims["xms_cc"] = ["cp1"]
    body = _body(cloud, claims) | {"scope": " ".join(f"{asked.resource}/{s}" for s in scopes)}
    if asked.offline and "offline_access" in consented:
        body["refresh_token"] = mint_refresh_token(
            cloud, tenant, app, person.user["id"], person.auth_time, now
        )
    upn = person.user["userPrincipalName"]
    return Granted(body, person.user["id"], upn, asked.resource, True, tuple(scopes))


def _consented(asked: Asked, consented: tuple[str, ...], app: App) -> list[str]:
    known = [scope for scope in consented if scope != "offline_access"]
    if asked.resource != GRAPH_RESOURCE or not known:
        raise refused(65001, app.client_id, app.name)
    by_name = {scope.lower(): scope for scope in known}
    wanted = known if asked.everything else [by_name.get(s.lower(), "") for s in asked.scopes]
    if not wanted or not all(wanted):
        raise refused(65001, app.client_id, app.name)
    return wanted


def _for_app(cloud: Cloud, tenant: Tenant, app: App, asked: Asked) -> Granted:
    if not asked.everything:
        raise refused(1002012, " ".join(asked.scopes))
    claims = app_claims(
        tenant,
        issuer=cloud.issuer(tenant.id),
        audience=asked.resource,
        app_id=app.client_id,
        now=cloud.now(),
    )
    return Granted(_body(cloud, claims), str(claims["oid"]), "", asked.resource, False, ())


def _body(cloud: Cloud, claims: Claims) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "access_token": cloud.signer.sign(claims),
    }
