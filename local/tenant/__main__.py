"""`python -m local.tenant`: serve the simulated Microsoft 365 until SIGTERM.

Prints one JSON line when everything answers; on SIGTERM or SIGINT saves to the data folder and
stops. State is saved on a clean stop only: after a kill, the next start resumes what the last
clean stop left, or the seed.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from local.tenant.app import Ports, facts, start
from local.tenant.cloud import open_cloud
from local.tenant.seed import DEFAULT_SEED, read_seed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.tenant", description="Simulated Microsoft 365 and Entra ID."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the state")
    parser.add_argument("--cert", type=Path, required=True, help="PEM chain for Entra's HTTPS")
    parser.add_argument("--key", type=Path, required=True, help="PEM key of the certificate")
    parser.add_argument("--clock", type=Path, required=True, help="file holding the time offset")
    parser.add_argument("--seed", type=Path, default=DEFAULT_SEED, help="the organisations")
    for name in ("graph", "entra", "world"):
        parser.add_argument(f"--{name}-port", type=int, default=0)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    arguments.data.mkdir(parents=True, exist_ok=True)
    cloud = open_cloud(read_seed(arguments.seed), arguments.data, arguments.clock)
    ports = Ports(arguments.graph_port, arguments.entra_port, arguments.world_port)
    stop = await start(cloud, ports, arguments.cert, arguments.key)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    print(json.dumps(facts(cloud)), flush=True)
    await ended.wait()
    await stop()
    cloud.save(arguments.data)


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
