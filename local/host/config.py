"""What does the app's `host.json` ask of its host?

Answers with the few settings the local host honours. Never invents a `host.json`: without one the
app would not start in Azure either.

Rules:
- unknown settings are the real host's business and are left alone;
- a known setting of the wrong type is an error, not a default.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

BODY_LIMIT = 100 * 1024 * 1024  # what Azure accepts as a request body


class ConfigError(Exception):
    """The app's `host.json` is missing or not usable."""


class HostConfig(BaseModel):
    """The settings of `host.json` that the local host honours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    route_prefix: str = "api"
    hub_name: str = "TestHubName"
    max_activities: int = Field(default=64, gt=0)
    default_version: str | None = None


def read_config(directory: Path) -> HostConfig:
    """Read `host.json` in `directory`; ConfigError when it is missing or wrong."""
    path = directory / "host.json"
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as fault:
        raise ConfigError(f"expected a host.json in {directory}, saw none") from fault
    except ValueError as fault:
        raise ConfigError(f"expected JSON in {path}: {fault}") from fault
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise ConfigError(f'expected "version": "2.0" in {path}')
    durable = _section(document, "extensions", "durableTask")
    settings = {
        "route_prefix": _section(document, "extensions", "http").get("routePrefix"),
        "hub_name": durable.get("hubName"),
        "max_activities": durable.get("maxConcurrentActivityFunctions"),
        "default_version": durable.get("defaultVersion"),
    }
    try:
        return HostConfig(**{key: value for key, value in settings.items() if value is not None})
    except ValidationError as fault:
        raise ConfigError(f"a setting in {path} is not usable: {fault}") from fault


def _section(document: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        found = document.get(name, {})
        if not isinstance(found, dict):
            raise ConfigError(f"expected an object at {name!r} in host.json, saw {found!r}")
        document = found
    return document
