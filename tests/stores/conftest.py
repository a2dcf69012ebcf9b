"""A real Azurite, the real SDK and the real seal; a line in front of it that can lose answers."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from agent.adapters.sealing import EnvelopeSealing
from agent.adapters.tables import Account, Rows, create_tables, open_account
from agent.values import TenantId
from local import azurite
from local.azurite import StorageAccount
from local.processes import Processes
from tests.stores.pieces import FreshTable, HandClock, Line, OneDataKey

TENANT = TenantId("11111111-1111-4111-8111-111111111111")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageAccount]:
    with Processes() as processes:
        running = azurite.start(processes, tmp_path_factory.mktemp("azurite"), ["contoso"])
        yield running.accounts["contoso"]


@pytest.fixture(scope="session")
async def account(storage: StorageAccount) -> AsyncIterator[Account]:
    opened = open_account(storage.tables, None, storage.key)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def fresh_table(account: Account) -> FreshTable:
    async def fresh(name: str) -> Rows:
        table = f"{name}{next(_numbers)}"
        await create_tables(account, [table])
        return account.rows(table)

    return fresh


@pytest.fixture
async def line(storage: StorageAccount) -> AsyncIterator[Line]:
    host, _, path = storage.tables.removeprefix("http://").partition("/")
    forward = Line(f"http://{host}")
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{rest:.*}", forward.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    forward.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{path}"
    yield forward
    await runner.cleanup()


@pytest.fixture
async def over_line(line: Line, storage: StorageAccount) -> AsyncIterator[Account]:
    opened = open_account(line.url, None, storage.key)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def sealing() -> EnvelopeSealing:
    return EnvelopeSealing(TENANT, OneDataKey())  # type: ignore[arg-type]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
