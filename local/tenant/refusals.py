"""How does Entra ID say no?

Answers refusals of the token endpoint as values: OAuth error, AADSTS code, sentence. Never says
whether it was right to refuse.

Codes and sentences are those of Microsoft's reference and of public error reports; where none was
at hand the sentence is our own.
"""

from datetime import datetime
from typing import Any

_GRANT, _CLIENT, _REQUEST, _SCOPE = (
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
)
_INTERACT = "interaction_required"
_TABLE: dict[int, tuple[str, str]] = {
    28000: (
        _SCOPE,
        "Provided value for the input parameter scope is not valid because it "
        "contains more than one resource. Scope {0} is not valid.",
    ),
    50013: (_GRANT, "Assertion failed signature validation."),
    50034: (_GRANT, "The user account {0} does not exist in this directory."),
    50057: (_GRANT, "The user account is disabled."),
    50076: (
        _INTERACT,
        "Due to a configuration change made by your administrator, or because you "
        "moved to a new location, you must use multi-factor authentication to access.",
    ),
    50173: (
        _GRANT,
        "The provided grant has expired due to it being revoked, a fresh auth token "
        "is needed. TokensValidFrom: '{0}'.",
    ),
    65001: (
        _GRANT,
        "The user or administrator has not consented to use the application with ID "
        "'{0}' named '{1}'. Send an interactive authorization request for this user and "
        "resource.",
    ),
    70003: ("unsupported_grant_type", "The app requested an unsupported grant type '{0}'."),
    70011: (
        _SCOPE,
        "The provided value for the input parameter 'scope' is not valid. The scope "
        "'{0}' is not valid.",
    ),
    90002: (_REQUEST, "Tenant '{0}' not found. Check to make sure you have the correct tenant ID."),
    90013: (_REQUEST, "Invalid input received from the user."),
    90033: ("temporarily_unavailable", "A transient error has occurred. Please try again."),
    90055: ("temporarily_unavailable", "The server is throttling requests. Try again later."),
    500131: (
        _GRANT,
        "Assertion audience does not match the Client app presenting the assertion. "
        "The audience in the assertion was '{0}'.",
    ),
    500133: (
        _GRANT,
        "Assertion is not within its valid time range. Ensure that the access token "
        "is not expired before using it for user assertion, or request a new token.",
    ),
    700016: (
        "unauthorized_client",
        "Application with identifier '{0}' was not found in the directory '{1}'.",
    ),
    700024: (_CLIENT, "Client assertion is not within its valid time range."),
    700027: (_CLIENT, "Client assertion failed signature validation."),
    700082: (_GRANT, "The refresh token has expired due to inactivity."),
    700211: (
        _CLIENT,
        "No matching federated identity record found for presented assertion issuer '{0}'.",
    ),
    700212: (
        _CLIENT,
        "No matching federated identity record found for presented assertion audience '{0}'.",
    ),
    700213: (
        _CLIENT,
        "No matching federated identity record found for presented assertion subject '{0}'.",
    ),
    900144: (_REQUEST, "The request body must contain the following parameter: '{0}'."),
    1002012: (
        _SCOPE,
        "The provided value for scope {0} is not valid. Client credential flows "
        "must have a scope value with /.default suffixed to the resource identifier.",
    ),
    7000114: (
        "unauthorized_client",
        "Application is not allowed to make application on-behalf-of calls.",
    ),
    7000215: (_CLIENT, "Invalid client secret provided for app '{0}'."),
    7000218: (
        _CLIENT,
        "The request body must contain the following parameter: "
        "'client_assertion' or 'client_secret'.",
    ),
    9002313: (_GRANT, "Invalid request. Request is malformed or invalid."),
}
_SUBERRORS = {65001: "consent_required", 50076: "basic_action", 50173: "token_expired"}
_UNAUTHORIZED = frozenset({_CLIENT, "unauthorized_client"})


class TokenRefusedError(Exception):
    """A token request that Entra ID answers with an error body."""

    def __init__(
        self, code: int, text: str, *, status: int | None = None, claims: str | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.error = _TABLE[code][0]
        self.text = text
        self.status = status or (401 if self.error in _UNAUTHORIZED else 400)
        self.claims = claims
        self.retry_after: float | None = None

    def body(self, now: datetime, trace_id: str, correlation_id: str) -> dict[str, Any]:
        """The error body."""
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        body: dict[str, Any] = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.text} Trace ID: {trace_id} "
            f"Correlation ID: {correlation_id} Timestamp: {stamp}",
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        if self.code in _SUBERRORS:
            body["suberror"] = _SUBERRORS[self.code]
        if self.claims is not None:
            body["claims"] = self.claims
        return body


def refused(code: int, *details: str) -> TokenRefusedError:
    """The refusal of an AADSTS code, its sentence filled with the details."""
    return TokenRefusedError(code, _TABLE[code][1].format(*details))
