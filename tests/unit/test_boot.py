"""What a cold start loads: the SDK of the host, the routes and the settings, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from agent.boot import ROUTES
from agent.channels.http import HANDLERS

ROOT = Path(__file__).resolve().parents[2]
LATER = (
    "msgraph",
    "msgraph_core",
    "kiota_http",
    "openai",
    "z3",
    "azure.identity",
    "azure.data.tables",
    "azure.keyvault",
    "microsoft_agents",
    "cryptography",
    "jwt",
    "agent.wiring",
    "agent.channels",
    "agent.workflow",
    "policy",
)
SETTINGS = {
    "REGISTRY_ENDPOINT": "https://warrant.table.core.windows.net",
    "API_CLIENT_ID": "1c99c70c-55f5-4ea3-a199-b971bce16d7b",
    "AZURE_CLIENT_ID": "1c99c70c-55f5-4ea3-a199-b971bce16d7b",
}


def indexed(**environment: str) -> subprocess.CompletedProcess[str]:
    """Import function_app as the host does when it indexes it, in a process of its own."""
    code = "import function_app, json, sys; print(json.dumps(sorted(sys.modules)))"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("UNSAFE")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_indexing_the_app_loads_no_adapter_and_no_heavy_sdk() -> None:
    ran = indexed(**SETTINGS)
    assert ran.returncode == 0, ran.stderr
    loaded = json.loads(ran.stdout)
    for heavy in LATER:
        assert not [m for m in loaded if m == heavy or m.startswith(f"{heavy}.")], heavy


def test_an_app_that_is_not_configured_does_not_start_and_says_all_that_is_wrong() -> None:
    ran = indexed(API_CLIENT_ID="no")
    assert ran.returncode != 0
    for name in ("REGISTRY_ENDPOINT", "API_CLIENT_ID", "AZURE_CLIENT_ID"):
        assert name in ran.stderr


def test_every_route_has_its_handler_and_every_handler_its_route() -> None:
    assert {name for name, _, _ in ROUTES} == set(HANDLERS)
    assert len({(route, method) for _, route, method in ROUTES}) == len(ROUTES)
