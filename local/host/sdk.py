"""What do we touch inside azure-functions-durable, and why?

The only place where the local host reaches into the SDK. The product never does either of these.

Rules:
- the SDK parses two timestamps of every history event, at every replay, with dateutil, which is
  43 % of a replay at 3 activities and 83 % at 100; the host writes ISO 8601 in one form, so the
  standard library's parser gives the same instants. Measured, and held by a test;
- the SDK's client keeps one aiohttp session for the whole process and has no way to end it.
"""

import importlib
from datetime import datetime
from typing import Any

from azure.durable_functions.models.utils import http_utils


def use_fast_dates() -> None:
    """Let the SDK's HistoryEvent read timestamps with `datetime.fromisoformat`."""
    # The package re-exports the class under the module's own name, hence the import by path.
    module: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    module.dt_parse = datetime.fromisoformat


async def close_client_session() -> None:
    """End the HTTP session that the SDK's durable client opened on this event loop."""
    await http_utils._close_session()
