"""The scripted app, loaded once for each module."""

from collections.abc import Iterator

import pytest

from local.host.app import App
from tests.durable.machine import scripted_app


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with scripted_app() as loaded:
        yield loaded
