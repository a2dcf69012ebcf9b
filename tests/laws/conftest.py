"""Real Graph access for law tests: the simulated tenant in this process, the product's adapter."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.actions import Action
from agent.adapters.clock import UnsafeShiftedClock
from agent.adapters.graph import PersonGraph
from agent.adapters.graph_wire import GraphWire
from agent.adapters.wire import Wire
from agent.authorize import Warrant, mint
from agent.domain import Authority, AuthorityMode
from agent.records import Written
from agent.values import PersonId, Secret, TenantId
from local import certificates
from local.clock import write_offset
from local.tenant.app import Ports, start
from local.tenant.cloud import Cloud, open_cloud
from local.tenant.seed import DEFAULT_SEED, read_seed
from local.tenant.sign_in import TokenAsk, sign_in
from policy.decide import Decision, SnapshotRef

CORRELATION = "00000000-0000-4000-8000-000000000001"


class _Shown:
    """A token source for tests: the token a person's sign-in would give."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    async def token(self) -> Secret:
        return self._token

    def forget(self) -> None:
        return None


class Lab:
    """One tenant, its directory to look behind the curtain, and Graph as any of its people."""

    def __init__(self, cloud: Cloud, wire: GraphWire, clock: UnsafeShiftedClock) -> None:
        self.cloud, self.wire, self.clock = cloud, wire, clock
        self.tenant = next(iter(cloud.estate.tenants.values()))
        self.id = TenantId(self.tenant.id)

    def oid(self, who: str) -> PersonId:
        return PersonId(str(self.tenant.directory.user_id(f"{who}@alderfinch.example")))

    def graph(self, who: str) -> PersonGraph:
        upn = f"{who}@alderfinch.example"
        shown = sign_in(self.cloud, TokenAsk(upn=upn, audience="graph"))["token"]
        source = _Shown(shown)
        return PersonGraph(
            self.wire,
            source,
            self.clock,
            tenant=self.id,
            person=self.oid(who),
            correlation=CORRELATION,
        )

    def state(self) -> dict[str, Any]:
        """Everything that actions may change, as plain values."""
        directory = self.tenant.directory
        return {
            "members": {g: tuple(sorted(m)) for g, m in directory.members.items()},
            "owners": {g: tuple(sorted(o)) for g, o in directory.owners.items()},
            "users": {u: dict(v) for u, v in directory.users.items()},
        }

    def unsafe_warrant_for(self, action: Action[Any], who: str) -> Warrant:
        """Leave to act without a decision: for tests only, as its name says."""
        digest = action.digest
        return mint(
            PERMIT,
            tenant=self.id,
            authority=Authority(mode=AuthorityMode.REQUESTER, person=self.oid(who), why="a test"),
            digest=digest,
            owed=(),
            intent=intent_of(digest),
            now=self.clock.now(),
        )


PERMIT = Decision(
    effect="permit",
    layers=(),
    obligations=(),
    shadow=(),
    unknown=(),
    snapshot=SnapshotRef(id="test", seq=1),
    reason="a test permits it",
    remedy=None,
)
LATE = timedelta(seconds=61)


def intent_of(digest: str) -> Written:
    """A durable intent record of a change, as the trail would return it."""
    return Written.of({"phase": "intent", "digest": digest}, 1)


@pytest.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    folder: Path = tmp_path_factory.mktemp("laws")
    files = certificates.ensure(folder)
    write_offset(folder / "clock", 0.0)
    cloud = open_cloud(read_seed(DEFAULT_SEED), folder, folder / "clock")
    stop = await start(cloud, Ports(), files.cert, files.key)
    wire = GraphWire(cloud.graph_url, Wire(str(files.ca)), unsafe_http_loopback=True)
    yield Lab(cloud, wire, UnsafeShiftedClock(folder / "clock"))
    await wire.close()
    await stop()


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.cloud.reset()
    running.tenant = next(iter(running.cloud.estate.tenants.values()))
    return running
