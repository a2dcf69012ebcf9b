"""The whole local world, once a session, for the tests marked `stack`."""

from collections.abc import Iterator

import pytest

from local import up
from local.stage import Stage
from local.up import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running local world; its state is shared, so each story uses people of its own."""
    with up.world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def stage(world: World) -> Stage:
    """The stage manager, with every planted fault taken away."""
    stage = Stage(world.facts)
    stage.heal()
    return stage
