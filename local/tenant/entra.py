"""What does Entra ID answer over HTTPS?

Answers discovery documents, keys and token requests, with planted faults around the latter.
Never decides a grant (see grants).

Rules:
- every token request is logged, refused ones too, with the person and the audience it was for;
- `common` and `organizations` publish the same keys under the issuer template;
- an unexpected form is a refusal, never a server error.
"""

import asyncio
import json
from typing import Any

import jwt
from aiohttp import web

from local.tenant.cloud import Cloud
from local.tenant.faults import DroppedError, InjectedError, met_by
from local.tenant.grants import Granted, grant
from local.tenant.records import fresh_id
from local.tenant.refusals import TokenRefusedError, refused
from local.tenant.wire import dropped, is_gone

_ANYBODY = frozenset({"common", "organizations"})
_STEP_UP = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


def entra_app(cloud: Cloud) -> web.Application:
    """The HTTPS application of the simulated Entra ID."""
    entra = _Entra(cloud)
    app = web.Application()
    app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", entra.discovery)
    app.router.add_get("/{tenant}/discovery/v2.0/keys", entra.keys)
    app.router.add_post("/{tenant}/oauth2/v2.0/token", entra.token)
    return app


class _Entra:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def discovery(self, request: web.Request) -> web.Response:
        tenant = self._tenant_id(request)
        if tenant is None:
            return self._refusal(refused(90002, request.match_info["tenant"]))
        base = self._cloud.entra_url
        return web.json_response(
            {
                "issuer": self._cloud.issuer(tenant),
                "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                ],
            }
        )

    async def keys(self, request: web.Request) -> web.Response:
        tenant = self._tenant_id(request)
        if tenant is None:
            return self._refusal(refused(90002, request.match_info["tenant"]))
        issuer = self._cloud.issuer(tenant)
        return web.json_response(
            {"keys": [{**key, "issuer": issuer} for key in self._cloud.signer.jwks()]}
        )

    async def token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        entry = self._cloud.journal.call(self._arrival(request, form))
        await asyncio.sleep(self._cloud.estate.settings.entra_ms / 1000)
        try:
            granted = await self._granted(request, form, entry)
        except TokenRefusedError as refusal:
            entry["error"] = f"AADSTS{refusal.code}"
            response = self._refusal(refusal, request.headers.get("client-request-id"))
            entry["status"] = response.status
            return response
        except DroppedError:
            entry["error"] = "dropped"
            return dropped(request)
        entry["status"] = 200
        return web.json_response(granted.body, headers={"Cache-Control": "no-store"})

    async def _granted(
        self, request: web.Request, form: dict[str, str], entry: dict[str, Any]
    ) -> Granted:
        oid, upn = _claimed(self._cloud, form)
        entry["oid"], entry["upn"] = oid or None, upn or None
        who = frozenset({oid.lower(), upn.lower()}) - {""}
        fault = self._cloud.faults.pick("POST", request.path, who)
        entry["fault"] = fault.spec.fault if fault else None

        async def carry_out() -> Granted:
            granted = grant(self._cloud, request.match_info["tenant"], form)
            entry.update(
                oid=granted.oid,
                upn=granted.upn or None,
                audience=granted.audience,
                delegated=granted.delegated,
                scopes=list(granted.scopes),
            )
            return granted

        try:
            return await met_by(fault, lambda: is_gone(request), carry_out)
        except InjectedError as injected:
            raise _worded(injected) from injected

    def _arrival(self, request: web.Request, form: dict[str, str]) -> dict[str, Any]:
        tenant = self._cloud.estate.tenant(request.match_info["tenant"])
        return {
            "at": self._cloud.now().isoformat(),
            "service": "entra",
            "method": "POST",
            "path": request.path,
            "query": "",
            "grant": form.get("grant_type"),
            "tenant": tenant.id if tenant else None,
            "oid": None,
            "upn": None,
            "app_id": form.get("client_id"),
            "audience": None,
            "delegated": None,
            "scopes": form.get("scope", "").split(),
            "fault": None,
            "error": None,
            "client_request_id": request.headers.get("client-request-id"),
        }

    def _tenant_id(self, request: web.Request) -> str | None:
        key = request.match_info["tenant"]
        if key in _ANYBODY:
            return "{tenantid}"
        tenant = self._cloud.estate.tenant(key)
        return tenant.id if tenant else None

    def _refusal(
        self, refusal: TokenRefusedError, correlation_id: str | None = None
    ) -> web.Response:
        headers = {}
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(round(refusal.retry_after))
        body = refusal.body(self._cloud.now(), fresh_id(), correlation_id or fresh_id())
        return web.json_response(body, status=refusal.status, headers=headers)


def _claimed(cloud: Cloud, form: dict[str, str]) -> tuple[str, str]:
    """Whom the request says it is for, unverified: only to match faults and fill the log."""
    kept = cloud.estate.refresh_tokens.get(form.get("refresh_token", ""))
    if kept:
        user = cloud.estate.tenants[kept["tenant"]].directory.users.get(kept["oid"], {})
        return kept["oid"], str(user.get("userPrincipalName", ""))
    try:
        claims = jwt.decode(form.get("assertion", ""), options={"verify_signature": False})
    except jwt.PyJWTError:
        # Not a token at all; the grant itself will say so.
        return "", ""
    return str(claims.get("oid", "")), str(claims.get("upn", ""))


def _worded(injected: InjectedError) -> TokenRefusedError:
    if injected.kind == "claims":
        refusal = refused(50076)
        refusal.claims = json.dumps(_STEP_UP)
        return refusal
    if injected.kind == "403":
        return refused(65001, "", "")
    refusal = refused(90055 if injected.kind == "429" else 90033)
    refusal.status = int(injected.kind)
    refusal.retry_after = injected.seconds
    return refusal
