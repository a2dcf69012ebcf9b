"""What an error of the tables SDK means for the request that waits.

Rules
- busy, silent or broken off is Transient: whether something was written is then unclear, and
  `tables` finds out before a caller hears of it;
- everything else that is no answer is StoreUnusable: a missing table, a refused sign-in, an
  account that cannot be reached;
- a conflict is an answer, not a fault.

Never here: the SDK's own texts, which may quote a request.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agent.errors import Fault, StoreUnusable, Transient

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

_BUSY = frozenset({408, 429, 500, 502, 503, 504})


def is_conflict(error: "AzureError") -> bool:
    """Whether the key was taken, or the row had changed."""
    status = getattr(error, "status_code", None)
    return status == 412 or (status == 409 and reason(error).endswith("AlreadyExists"))


def reason(error: "AzureError") -> str:
    """Return the service's own word for an error, from its body or its header."""
    code = getattr(error, "error_code", None)
    response = getattr(error, "response", None)
    if code is None and response is not None:
        code = response.headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def fault_of(table: str, error: "AzureError") -> Fault:
    """Return an SDK error as one of our faults; it names the table and the service's word."""
    status = getattr(error, "status_code", None)
    if status in _BUSY or (status is None and _broken_off(error)):
        seen = status or type(error).__name__
        return Transient("store_busy", f"expected table `{table}` to answer, saw {seen}")
    what = f"{status} {reason(error)}" if status else type(error).__name__
    return StoreUnusable("store_unusable", f"expected table `{table}` to be usable, saw {what}")


def _broken_off(error: "AzureError") -> bool:
    """Whether there was a connection, so that the request may have been carried out."""
    from aiohttp import ClientConnectorError
    from azure.core.exceptions import (
        HttpResponseError,
        ServiceRequestError,
        ServiceRequestTimeoutError,
        ServiceResponseError,
    )

    if isinstance(error, HttpResponseError | ServiceResponseError):
        return True
    if not isinstance(error, ServiceRequestError) or isinstance(error, ServiceRequestTimeoutError):
        return False
    # The SDK calls a connection that broke after sending a "request error", too.
    return not isinstance(error.inner_exception, ClientConnectorError)


@asynccontextmanager
async def faults(table: str, patience: float) -> AsyncIterator[None]:
    """Turn what the SDK raises, and a silence of more than `patience` seconds, into our faults."""
    from azure.core.exceptions import AzureError

    try:
        async with asyncio.timeout(patience):
            yield
    except TimeoutError:
        raise silent(table, patience) from None
    except AzureError as error:
        raise fault_of(table, error) from None  # SDK texts may quote the request


def silent(table: str, seconds: float) -> Transient:
    """Return the fault of a table that did not answer in time."""
    return Transient("store_busy", f"expected table `{table}` to answer in {seconds:g} s")
