"""Hosts to test against: one shared by all tests of behaviour, a fresh one for kills and clocks."""

from collections.abc import AsyncIterator

import pytest

from tests.host.driver import Driver


@pytest.fixture(scope="session")
async def shared_host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driver]:
    driver = await Driver(tmp_path_factory.mktemp("shared")).up()
    yield driver
    assert await driver.down() == 0


@pytest.fixture
async def own_host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driver]:
    driver = await Driver(tmp_path_factory.mktemp("own")).up()
    yield driver
    await driver.down()
