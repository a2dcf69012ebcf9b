"""How is one person's grant exchanged for one delegated token at one tenant's Entra?

Rules
- exactly one request to the token end-point for one exchange: no retry, no other flow;
- on-behalf-of goes through azure-identity; a refresh token is one form, posted here, because the
  SDK has no public way and MSAL's costs a second request (discovery) and a thread;
- the token that comes back must be delegated, of this tenant and of the very person named;
- a person's failure (expired, disabled, consent, a factor is missing) is SignInNeeded; our own
  registration's failure is Permanent; an unreachable or failing Entra is Transient;
- Entra's error descriptions are dropped, they quote sign-in names: its words and numbers are kept.

Never here: caching (`token_cache`), client credentials for Graph, scopes that were not given.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.adapters.entra import EntraSettings, Proof, ProofSource
from agent.adapters.token_cache import Granted
from agent.adapters.wire import Wire, retry_after
from agent.errors import Fault, Permanent, SignInNeeded, Transient
from agent.values import Guid, PersonId, Secret, TenantId

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LARGEST_ANSWER = 64 * 1024
_WORD = re.compile(r"[a-z_]{1,40}")
_OURS = frozenset(
    {
        "invalid_client",
        "invalid_request",
        "invalid_resource",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
_BY_NUMBER = {
    50013: "sign_in_expired",
    50057: "account_disabled",
    50076: "interaction_required",
    50079: "interaction_required",
    50173: "sign_in_expired",
    53003: "interaction_required",
    65001: "consent_required",
    70008: "sign_in_expired",
    500133: "sign_in_expired",
    700082: "sign_in_expired",
    700084: "sign_in_expired",
}


class Exchange:
    """The token end-point of one tenant, as the application sees it."""

    def __init__(
        self, tenant: TenantId, settings: EntraSettings, proofs: ProofSource, wire: Wire
    ) -> None:
        self.tenant = tenant
        self._settings, self._proofs, self._wire = settings, proofs, wire
        # The SDK's mixin warns with Entra's description of an error, which quotes sign-in names.
        logging.getLogger("azure.identity.aio._internal.get_token_mixin").setLevel(logging.ERROR)

    async def on_behalf_of(self, person: PersonId, correlation: str, assertion: Secret) -> Granted:
        """Return a Graph token for the person whose sign-in token this is."""
        from azure.core.exceptions import AzureError, HttpResponseError
        from azure.identity.aio import OnBehalfOfCredential

        credential = OnBehalfOfCredential(
            self.tenant,
            self._settings.client_id,
            user_assertion=assertion.reveal(),
            authority=self._settings.authority,
            transport=self._wire.transport(),
            retry_total=0,
            headers={"client-request-id": correlation},
            **_shown(await self._proofs.proof()),
        )
        try:
            async with credential:
                token = await credential.get_token(*self._settings.graph_scopes)
        except HttpResponseError as fault:
            headers = getattr(fault.response, "headers", {})
            raise _refusal(fault.status_code or 0, headers, _body(fault.response)) from None
        except (AzureError, KeyError, TypeError, ValueError) as fault:
            raise _unreachable(fault) from None  # no answer, or one the SDK cannot read
        return self._checked(token.token, person)

    async def refresh(self, person: PersonId, correlation: str, refresh_token: Secret) -> Granted:
        """Return a Graph token for the person whose refresh token this is."""
        proof = await self._proofs.proof()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.reveal(),
            "client_id": self._settings.client_id,
            "scope": " ".join(self._settings.graph_scopes),
        }
        if proof.kind == "secret":
            form["client_secret"] = proof.value.reveal()
        else:
            form |= {
                "client_assertion": proof.value.reveal(),
                "client_assertion_type": ASSERTION_TYPE,
            }
        answer = await self._wire.fetch(
            f"{self._settings.authority}/{self.tenant}/oauth2/v2.0/token",
            limit=LARGEST_ANSWER,
            form=form,
            headers={"client-request-id": correlation},
        )
        said = _object(answer.body)
        token = said.get("access_token")
        if answer.status != 200 or not isinstance(token, str):
            raise _refusal(answer.status, answer.headers, said)
        return self._checked(token, person)

    def _checked(self, token: str, person: PersonId) -> Granted:
        """Return the token if it is this person's own; its signature is for Graph to check."""
        import jwt

        try:
            told = jwt.decode(token, options={"verify_signature": False})
            claims = _Delegated.model_validate(told)
        except (jwt.PyJWTError, ValidationError):
            claims = None
        # INVARIANT: a token acts for the person it was asked for (tests/adapters/test_entra_tokens)
        if claims is None or (claims.tid, claims.oid) != (self.tenant, person):
            sentence = f"expected a delegated token of person {person}, saw another token"
            raise Permanent("wrong_person", sentence)
        if claims.idtyp == "app" or not claims.scp.strip():
            raise Permanent("wrong_person", "expected a delegated token, saw an application's")
        return Granted(Secret(token), datetime.fromtimestamp(claims.exp, UTC))


class _Delegated(BaseModel):
    """What is read of a token that came back; an application's has no `scp`."""

    model_config = ConfigDict(defer_build=True)

    tid: Guid
    oid: Guid
    scp: str
    exp: int = Field(gt=0, lt=2**33)
    idtyp: str | None = None


def _shown(proof: Proof) -> dict[str, Any]:
    """Return a proof in the words of azure-identity."""
    if proof.kind == "secret":
        return {"client_secret": proof.value.reveal()}
    return {"client_assertion_func": proof.value.reveal}


def _refusal(status: int, headers: Mapping[str, str], said: Mapping[str, Any]) -> Fault:
    """Return the fault that an answer other than a token means."""
    if status == 429 or status >= 500:
        delay = retry_after(headers, timedelta(seconds=5))
        return Transient("entra_unavailable", f"expected a token of Entra, saw {status}", delay)
    error, suberror = (_word(said.get(name)) for name in ("error", "suberror"))
    numbers = [n for n in said.get("error_codes") or () if isinstance(n, int)]
    seen = " ".join([str(status), error or "unnamed", *(f"AADSTS{n}" for n in numbers[:3])])
    sentence = f"expected a token of Entra, saw {seen}"
    if error == "temporarily_unavailable" or not error:
        return Transient("entra_unavailable", sentence, timedelta(seconds=5))
    if error in _OURS:
        return Permanent("application_refused", sentence)
    if suberror == "consent_required" or error == "consent_required":
        return SignInNeeded("consent_required", sentence)
    known = next((_BY_NUMBER[n] for n in numbers if n in _BY_NUMBER), None)
    fallback = error if error == "interaction_required" else "sign_in_refused"
    return SignInNeeded(known or fallback, sentence)


def _unreachable(fault: Exception) -> Transient:
    sentence = f"expected an answer of Entra, saw {type(fault).__name__}"
    return Transient("entra_unavailable", sentence, timedelta(seconds=5))


def _word(said: object) -> str:
    return said if isinstance(said, str) and _WORD.fullmatch(said) else ""


def _body(response: Any) -> dict[str, Any]:
    """Return what azure-identity was answered; nothing where it was no text."""
    try:
        return _object(response.text().encode())
    except (AttributeError, LookupError, ValueError):
        return {}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
