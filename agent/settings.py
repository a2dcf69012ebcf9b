"""What the app is told by its environment, checked once, with every problem named.

  REGISTRY_ENDPOINT      table endpoint of the deployment's own account, where tenants are listed
  API_CLIENT_ID          the API's app registration: audience of tokens, client of exchanges
  AZURE_CLIENT_ID        client id of the user-assigned managed identity of the deployment
  AZURE_AUTHORITY_HOST   Entra; default https://login.microsoftonline.com
  GRAPH_BASE_URL         default https://graph.microsoft.com/v1.0
  UNSAFE_STORAGE_KEYS    JSON object of account names and keys, for Azurite on one machine
  UNSAFE_GRAPH_LOOPBACK  1: plain http to a Graph on loopback
  UNSAFE_CLOCK_FILE      a file with seconds to add to the time

Whatever begins with UNSAFE is refused in Azure. Plain Python on purpose: this runs while the
Functions host indexes the app, where each model of pydantic costs a cold start milliseconds.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ENTRA = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com/v1.0"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_URL = re.compile(r"https?://[^\s?#]+")


class SettingsError(Exception):
    """The settings do not let the app start; the message lists every problem."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment."""

    registry_endpoint: str
    api_client_id: str
    azure_client_id: str
    azure_authority_host: str = ENTRA
    graph_base_url: str = GRAPH
    unsafe_storage_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    unsafe_graph_loopback: bool = False
    unsafe_clock_file: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError, naming every problem."""
        # INVARIANT: dangerous switches refuse in Azure (tests/unit/test_wiring.py)
        unsafe = sorted(k for k in environment if k.upper().startswith("UNSAFE"))
        if unsafe and environment.get("WEBSITE_INSTANCE_ID"):
            raise SettingsError(f"{', '.join(unsafe)} must not be set in Azure")
        problems: list[str] = []
        clock = environment.get("UNSAFE_CLOCK_FILE")
        settings = cls(
            registry_endpoint=_url(environment, "REGISTRY_ENDPOINT", "", problems),
            api_client_id=_guid(environment, "API_CLIENT_ID", problems),
            azure_client_id=_guid(environment, "AZURE_CLIENT_ID", problems),
            azure_authority_host=_url(environment, "AZURE_AUTHORITY_HOST", ENTRA, problems),
            graph_base_url=_url(environment, "GRAPH_BASE_URL", GRAPH, problems),
            unsafe_storage_keys=_keys(environment.get("UNSAFE_STORAGE_KEYS", "{}"), problems),
            unsafe_graph_loopback=_switch(environment, "UNSAFE_GRAPH_LOOPBACK", problems),
            unsafe_clock_file=Path(clock) if clock else None,
        )
        if problems:
            raise SettingsError("; ".join(problems))
        return settings


def _url(environment: Mapping[str, str], name: str, otherwise: str, problems: list[str]) -> str:
    value = environment.get(name, otherwise).strip()
    if not _URL.fullmatch(value):
        problems.append(f"{name}: expected an address, saw {_seen(environment, name)}")
    return value


def _guid(environment: Mapping[str, str], name: str, problems: list[str]) -> str:
    value = environment.get(name, "").strip().lower()
    if not _GUID.fullmatch(value):
        problems.append(f"{name}: expected a GUID, saw {_seen(environment, name)}")
    return value


def _switch(environment: Mapping[str, str], name: str, problems: list[str]) -> bool:
    value = environment.get(name, "0")
    if value not in ("0", "1"):
        problems.append(f"{name}: expected 0 or 1, saw {_seen(environment, name)}")
    return value == "1"


def _keys(text: str, problems: list[str]) -> dict[str, str]:
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(v, str) for v in keys.values()):
        problems.append("UNSAFE_STORAGE_KEYS: expected a JSON object of names and keys")
        return {}
    return keys


def _seen(environment: Mapping[str, str], name: str) -> str:
    return f"`{environment[name][:60]}`" if environment.get(name) else "nothing"
