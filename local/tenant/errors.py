"""How does Graph say no?

Answers the refusals as values: status, code, message, as in Microsoft's own samples. Never says
more than Graph would; in particular a 403 does not tell a missing scope from a missing right.
"""

from typing import Any

INSUFFICIENT = "Insufficient privileges to complete the operation."


class RefusedError(Exception):
    """A request that Graph answers with an error body."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, date: str, request_id: str, client_request_id: str) -> dict[str, Any]:
        """The error envelope."""
        inner = {
            "date": date,
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}


def denied() -> RefusedError:
    """Scope, role or ownership is missing: always the same words."""
    return RefusedError(403, "Authorization_RequestDenied", INSUFFICIENT)


def site_denied() -> RefusedError:
    """SharePoint does not open this site to the person."""
    return RefusedError(403, "accessDenied", "Access denied")


def bad_token(message: str, headers: dict[str, str] | None = None) -> RefusedError:
    """The bearer token is missing or not valid here."""
    return RefusedError(401, "InvalidAuthenticationToken", message, headers)


def missing(oid: str) -> RefusedError:
    """An object, or the other end of a relation, does not exist."""
    return RefusedError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{oid}' does not exist or one of its queried reference-property objects "
        "are not present.",
    )


def bad_request(message: str) -> RefusedError:
    """The request cannot be carried out as written."""
    return RefusedError(400, "Request_BadRequest", message)


def throttled(retry_after: int | None) -> RefusedError:
    """Too many requests; some workloads do not say how long to wait."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return RefusedError(429, "TooManyRequests", "Too many requests", headers)


def unavailable(status: int) -> RefusedError:
    """The service failed (500) or is busy (503)."""
    code = "InternalServerError" if status == 500 else "serviceNotAvailable"
    message = "An internal server error occurred." if status == 500 else "Service unavailable."
    return RefusedError(status, code, message)
