"""Importing the adapters must cost nothing: a function process starts without any vendor SDK."""

import subprocess
import sys
from pathlib import Path

import pytest

MODULES = [
    "clock",
    "entra",
    "entra_exchange",
    "entra_inbound",
    "entra_keys",
    "entra_tokens",
    "graph",
    "graph_answers",
    "graph_wire",
    "sealing",
    "token_cache",
    "vault",
    "wire",
]
VENDORS = (
    "aiohttp",
    "azure.core",
    "azure.identity",
    "azure.keyvault",
    "cryptography",
    "httpx",
    "jwt",
    "kiota_abstractions",
    "kiota_http",
    "msal",
    "msgraph",
    "msgraph_core",
    "opentelemetry",
    "requests",
)


def test_importing_the_adapters_loads_no_vendor_module(repository: Path) -> None:
    script = "import sys\n" + "\n".join(f"import agent.adapters.{m}" for m in MODULES)
    script += f"\nprint([m for m in {VENDORS!r} if m in sys.modules])"
    seen = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES)
def test_every_adapter_says_what_it_is_for(module: str, repository: Path) -> None:
    text = (repository / "agent" / "adapters" / f"{module}.py").read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) <= 300
