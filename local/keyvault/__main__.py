"""Serve the stand-in vaults until SIGTERM: `python -m local.keyvault --help`.

Prints one JSON line when every vault answers: {"vaults": {name: url}, "admin_key_file": path}.
Everything listens on 127.0.0.1 only.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from local.keyvault.gate import Entra
from local.keyvault.server import Vaults, VaultSpec


def main(arguments: Sequence[str]) -> int:
    """0 after a clean stop, 1 if it could not serve, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    try:
        specs = _specs(options)
    except ValueError as fault:
        said = fault.errors()[0]["msg"] if isinstance(fault, ValidationError) else fault
        print(said, file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(options, specs))
    except OSError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.keyvault", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="where state is kept"
    )
    parser.add_argument("--cert", type=Path, required=True, help="the server's certificate (PEM)")
    parser.add_argument("--key", type=Path, required=True, help="its private key (PEM)")
    parser.add_argument("--entra", required=True, metavar="URL", help="who signs the tokens")
    parser.add_argument("--ca", type=Path, required=True, help="the authority Entra is trusted by")
    for option, value in (
        ("--vault", "NAME=PORT"),
        ("--tenant", "NAME=TENANT_ID"),
        ("--allow", "NAME=OBJECT_OR_APP_ID"),
    ):
        parser.add_argument(option, action="append", default=[], metavar=value)
    return parser


def _specs(options: argparse.Namespace) -> list[VaultSpec]:
    """One spec for each --vault; ValueError when the options do not fit together."""
    ports, tenants = dict(_pairs(options.vault)), dict(_pairs(options.tenant))
    allowed = _pairs(options.allow)
    strangers = {name for name, _ in [*tenants.items(), *allowed]} - ports.keys()
    if not ports or strangers or ports.keys() - tenants.keys():
        raise ValueError("expected at least one --vault, a --tenant for each, and no other names")
    return [
        VaultSpec(
            name=name,
            port=int(port),
            tenant=tenants[name],
            allowed=frozenset(who for vault, who in allowed if vault == name),
        )
        for name, port in ports.items()
    ]


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in given)]
    if not all(name and value for name, value in pairs):
        raise ValueError(f"expected NAME=VALUE, saw {list(given)}")
    return pairs


async def _serve(options: argparse.Namespace, specs: Sequence[VaultSpec]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.cert, options.key)
    entra = Entra(options.entra, ssl.create_default_context(cafile=options.ca))
    admin_key_file = options.data / "admin.key"
    vaults = Vaults(options.data, entra, tls, _admin_key(admin_key_file))
    await vaults.start(specs)
    facts = {"vaults": vaults.urls, "admin_key_file": str(admin_key_file)}
    print(json.dumps(facts), flush=True)
    await stopped.wait()
    await vaults.stop()


def _admin_key(path: Path) -> str:
    """The key that may plant faults, made once for its owner only."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
