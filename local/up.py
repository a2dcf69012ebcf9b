"""The whole local world as one command: `python3 -m local up`.

Starts, in this order: Azurite, the simulated Microsoft 365 and Entra, the vaults, the onboarding of
both organisations, the Functions host with the unmodified app. Prints one line of JSON when all of
it answers, then serves until SIGTERM or Ctrl-C; state is kept in the data folder. Everything
listens on loopback. `--host func` runs Azure Functions Core Tools instead of the embedded host.
"""

import argparse
import asyncio
import json
import os
import secrets
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import azurite, certificates, core_tools
from local.azurite import Azurite, AzuriteError
from local.onboarding import bring_on_board
from local.pidfile import AlreadyRunningError, claim
from local.processes import Child, ProcessError, Processes, json_line

ROOT = Path(__file__).resolve().parent.parent
HOST_ACCOUNT = "warranthost"


@dataclass
class World:
    """A running local world: its facts (what `up --json` prints), its processes, how to restart."""

    facts: dict[str, Any]
    processes: Processes
    functions: Child[dict[str, Any]]
    environment: dict[str, str]
    data: Path

    def restart_functions(self) -> None:
        """Start the Functions host again on the same port and state, after it was killed."""
        port = int(self.facts["functions"].rsplit(":", 1)[1])
        self.functions = start_host(self.processes, self.data, self.environment, port)
        self.facts["pids"]["functions"] = self.functions.pid


@contextmanager
def world(
    data: Path,
    *,
    seed: Path | None = None,
    port: int = 0,
    func: bool = False,
    table_front: Callable[[str], str] = str,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[World]:
    """Start the local world on a data folder and stop it at the end; `tell` hears of each part.

    `table_front` turns the address of tables into the one that the app is given (a fault proxy's).
    """
    data = data.resolve()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with claim(data / "up.pid"), Processes() as processes:
        tell("storage (Azurite)")
        storage = azurite.start(processes, data / "azurite", _accounts()).behind(table_front)
        tls = certificates.ensure(data / "tls")
        tell("Microsoft 365 and Entra ID, simulated")
        tenant = _start_tenant(processes, data, tls, seed)
        facts = _facts(tenant.ready, storage, tls.ca)
        tell("a key vault for each organisation")
        vaults = _start_vaults(processes, data, facts, tls)
        facts["vault"] = {tid: vaults.ready["vaults"][_name(tid)] for tid in facts["identity"]}
        environment = settings(facts, tenant.ready["msi"], storage, data)
        _keep(data / "settings.env", environment)
        tell("onboarding: tables, keys, signed policy, sponsors")
        with trusting(environment):
            asyncio.run(bring_on_board(facts, environment))
        tell("the Functions host with function_app.py")
        start = core_tools.start if func else start_host
        functions = start(processes, data, environment, port)
        facts["functions"] = functions.ready["url"]
        facts["pids"] = {
            "functions": functions.pid,
            "tenant": tenant.pid,
            "vault": vaults.pid,
            "azurite": storage.process.pid,
        }
        yield World(facts, processes, functions, environment, data)


def _start_tenant(
    processes: Processes, data: Path, tls: certificates.Certificates, seed: Path | None
) -> Child[dict[str, Any]]:
    command: list[str | Path] = [sys.executable, "-m", "local.tenant", "--data", data / "tenant"]
    command += ["--cert", tls.cert, "--key", tls.key, "--clock", data / "clock"]
    command += ["--seed", seed] if seed else []
    return processes.start(command, log=data / "logs" / "tenant.log", ready=json_line, cwd=ROOT)


def _accounts() -> list[str]:
    return [HOST_ACCOUNT, "warrantalder", "warrantborealis"]


def _name(tenant: str) -> str:
    return f"v{tenant[:8]}"


def _facts(said: Mapping[str, Any], storage: Azurite, ca: Path) -> dict[str, Any]:
    """What is known once storage and tenant run, in the shape of CONTRACT."""
    stamps = [n for n in storage.accounts if n != HOST_ACCOUNT]
    identities = {i["tenant"]: i["client_id"] for i in reversed(said["identities"])}
    publishers = {i["tenant"]: i["client_id"] for i in said["identities"] if _publishes(i["name"])}
    tenants = said["tenants"]
    return {
        "graph": said["graph"],
        "entra": said["entra"],
        "world": said["world"],
        "connector": None,
        "tables": {
            t["id"]: {
                "endpoint": storage.accounts[stamp].tables,
                "account": stamp,
                "key": storage.accounts[stamp].key,
            }
            for t, stamp in zip(tenants, stamps, strict=True)
        },
        "api": said["api"],
        "bot": said["bot"],
        "ca": str(ca),
        "tenants": tenants,
        "identity": {t["id"]: identities[t["id"]] for t in tenants},
        # a seed of one's own may name no identity for it: then the app's own is lent
        "publisher": {t["id"]: publishers.get(t["id"], identities[t["id"]]) for t in tenants},
    }


def _publishes(identity: str) -> bool:
    return identity.startswith("warrant-publisher")


def _start_vaults(
    processes: Processes, data: Path, facts: Mapping[str, Any], tls: certificates.Certificates
) -> Child[dict[str, Any]]:
    command: list[str | Path] = [sys.executable, "-m", "local.keyvault", "--data", data / "vault"]
    command += ["--cert", tls.cert, "--key", tls.key, "--ca", tls.ca, "--entra", facts["entra"]]
    for tid, identity in facts["identity"].items():
        name = _name(tid)
        # a key is named by its vault's address, and signatures name the key: the port must stay
        command += ["--vault", f"{name}={_kept_port(data / 'vault' / f'{name}.port')}"]
        command += ["--tenant", f"{name}={tid}", "--allow", f"{name}={identity}"]
        command += ["--allow", f"{name}={facts['publisher'][tid]}"]
    return processes.start(command, log=data / "logs" / "vault.log", ready=json_line, cwd=ROOT)


def _kept_port(file: Path) -> int:
    """Return the port a vault has on this data folder: any free one the first time."""
    if not file.exists():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(f"{port}\n", encoding="ascii")
    return int(file.read_text("ascii"))


def settings(
    facts: Mapping[str, Any], msi: Mapping[str, str], storage: Azurite, data: Path
) -> dict[str, str]:
    """The environment of the app: the same names as in Azure, other end-points."""
    first = facts["tenants"][0]["id"]
    own = storage.accounts[HOST_ACCOUNT]
    return {
        "REGISTRY_ENDPOINT": own.tables,
        "API_CLIENT_ID": facts["api"]["client_id"],
        "AZURE_CLIENT_ID": facts["identity"][first],
        "AZURE_AUTHORITY_HOST": facts["entra"],
        "GRAPH_BASE_URL": facts["graph"],
        "IDENTITY_ENDPOINT": msi["endpoint"],
        "IDENTITY_HEADER": msi["header"],
        "SSL_CERT_FILE": facts["ca"],
        "REQUESTS_CA_BUNDLE": facts["ca"],
        "UNSAFE_STORAGE_KEYS": json.dumps({a.name: a.key for a in storage.accounts.values()}),
        "UNSAFE_GRAPH_LOOPBACK": "1",
        "UNSAFE_CLOCK_FILE": str(data / "clock"),
    }


def _keep(file: Path, environment: Mapping[str, str]) -> None:
    """Keep the environment for a shell: `set -a; . FILE; set +a`, then `python3 -m policy`."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment.items()]
    file.touch(mode=0o600)
    file.write_text("".join(lines), encoding="utf-8")


@contextmanager
def trusting(environment: Mapping[str, str]) -> Iterator[None]:
    """The SDKs read trust and identity from the process environment: lend it to onboarding."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def start_host(
    processes: Processes, data: Path, environment: Mapping[str, str], port: int = 0
) -> Child[dict[str, Any]]:
    """Start the embedded Functions host on the app."""
    key_file = data / "host.key"
    if not key_file.exists():
        key_file.write_text(secrets.token_hex(32), encoding="ascii")
        key_file.chmod(0o600)
    command: list[str | Path] = [sys.executable, "-m", "local.host", "--app", ROOT, "--json"]
    command += ["--port", str(port), "--db", data / "durable.db", "--clock", data / "clock"]
    command += ["--key", key_file.read_text("ascii")]
    return processes.start(
        command,
        log=data / "logs" / "functions.log",
        ready=json_line,
        env={**os.environ, **environment},
        cwd=ROOT,
    )


def main(arguments: Sequence[str]) -> int:
    """0 after a clean stop; 1 when the world could not be started."""
    parser = argparse.ArgumentParser(prog="python3 -m local up", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".local"), metavar="DIR")
    parser.add_argument("--port", type=int, default=0, help="of the Functions host; 0: a free one")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="the organisations (YAML)")
    parser.add_argument("--host", choices=("embedded", "func"), default="embedded")
    parser.add_argument("--json", action="store_true", help="print the facts as one line")
    options = parser.parse_args(arguments)
    if options.port and _is_busy(options.port):
        print(f"port {options.port} is in use: stop what uses it, or give another", file=sys.stderr)
        return 1
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with world(
            options.data, seed=options.seed, port=options.port, func=options.host == "func"
        ) as running:
            _tell(running.facts, options.json)
            stopped.wait()
    except (ProcessError, AzuriteError, AlreadyRunningError, core_tools.CoreToolsError) as fault:
        print(f"the local world could not start: {fault}", file=sys.stderr)
        return 1
    return 0


def _is_busy(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _tell(facts: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    print(f"  API        {facts['functions']}/api/v1")
    print(f"  Graph      {facts['graph']}\n  Entra      {facts['entra']}")
    print(f"  stage      {facts['world']}\n  trust      {facts['ca']}")
    print("  tenants    " + ", ".join(t["name"] for t in facts["tenants"]))
    print("The local world is up. Stop it with Ctrl-C or `python3 -m local down`.", flush=True)
