"""Where are the tables and blobs of the local world? Azurite serves them; this starts it.

Rules:
- loopback only, strict mode, no telemetry (it would call out; its client is not even installed);
- one process for tables and blobs. Its queue service cannot be left out of that process and gets
  a free port that nobody is told: two processes without it would cost 90 MB more;
- the accounts' keys are made here, kept in the data folder for its owner only, and handed over in
  the environment, never on a command line;
- Azurite saves its tables every five seconds and when it is stopped: after `kill -9` of Azurite
  itself the last seconds may be gone, which no Azure storage account would do.
"""

import base64
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from local.processes import Child, ProcessError, Processes
from local.setup import OLDEST_NODE, ROOT, find_node

_ENTRY = Path("azurite", "dist", "src", "azurite.js")
_SERVES = re.compile(
    r"Azurite (Blob|Queue|Table) service is successfully listening at (http://\S+)"
)
_NAME = re.compile(r"[a-z0-9]{3,24}")
_KEY_BYTES = 64


class AzuriteError(Exception):
    """Azurite could not be started; the message says what is missing or in the way."""


class StorageAccount(NamedTuple):
    """One storage account: its name, its key (base64) and where its services answer."""

    name: str
    key: str
    tables: str
    blobs: str


class Azurite(NamedTuple):
    """A running Azurite and its accounts by name."""

    process: Child[dict[str, str]]
    accounts: Mapping[str, StorageAccount]

    def behind(self, front: Callable[[str], str]) -> "Azurite":
        """Return the same with its tables at other addresses: those of a proxy before them."""
        moved = {n: a._replace(tables=front(a.tables)) for n, a in self.accounts.items()}
        return self._replace(accounts=moved)


def start(
    processes: Processes,
    data: Path,
    accounts: Sequence[str],
    *,
    table_port: int = 0,
    blob_port: int = 0,
) -> Azurite:
    """Start Azurite with its state in `data`, port 0: a free one; AzuriteError if it cannot."""
    wrong = [name for name in accounts if not _NAME.fullmatch(name)]
    if wrong or not accounts:
        raise AzuriteError(f"expected account names of 3-24 letters a-z and digits, saw {wrong}")
    node = find_node(ROOT / ".venv")
    if node is None:
        raise AzuriteError(
            f"expected Node.js {OLDEST_NODE} or newer on PATH or in .venv, found none"
        )
    entry = ROOT / "local" / "node_modules" / _ENTRY
    if not entry.exists():
        raise AzuriteError(
            f"expected Azurite at {entry}: run `python3 -m local test` to install it"
        )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = _keys(data / "accounts.json", accounts)
    try:
        process = processes.start(
            [node.binary, entry, *_options(data, table_port, blob_port)],
            log=data / "azurite.log",
            ready=_all_services(),
            env={**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{n}:{k}" for n, k in keys.items())},
        )
    except ProcessError as fault:
        raise _explained(fault, table_port, blob_port) from fault
    return Azurite(
        process, {name: _account(name, key, process.ready) for name, key in keys.items()}
    )


def _account(name: str, key: str, at: Mapping[str, str]) -> StorageAccount:
    return StorageAccount(name, key, f"{at['Table']}/{name}", f"{at['Blob']}/{name}")


def _options(data: Path, table_port: int, blob_port: int) -> list[str]:
    ports = {"table": table_port, "blob": blob_port, "queue": 0}
    # The newest clients speak a newer version of the API than any Azurite knows by number.
    options = ["--disableTelemetry", "--silent", "--skipApiVersionCheck", "--location", str(data)]
    for service, port in ports.items():
        options += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    return options


def _all_services() -> Callable[[str], dict[str, str] | None]:
    """Collects the addresses line by line; ready when all three services have said theirs."""
    seen: dict[str, str] = {}

    def ready(line: str) -> dict[str, str] | None:
        if said := _SERVES.search(line):
            seen[said[1]] = said[2]
        return seen if len(seen) == len(("Blob", "Queue", "Table")) else None

    return ready


def _explained(fault: ProcessError, *ports: int) -> AzuriteError:
    if "EADDRINUSE" in str(fault):
        busy = " and ".join(str(port) for port in ports if port)
        return AzuriteError(f"expected port {busy} to be free for Azurite, it is taken")
    return AzuriteError(f"Azurite did not start: {fault}")


def _keys(path: Path, names: Sequence[str]) -> dict[str, str]:
    """The key of every named account; new names get new keys, old ones keep theirs."""
    kept: dict[str, str] = json.loads(path.read_text(encoding="ascii")) if path.exists() else {}
    keys = {name: kept.get(name) or _fresh_key() for name in names}
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({**kept, **keys}), encoding="ascii")
    partial.replace(path)
    return keys


def _fresh_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
