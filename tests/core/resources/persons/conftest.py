"""A station at which a driver has charged."""

from collections.abc import AsyncIterator

import pytest

from tests.support.core import RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.persons import Station, driver_station


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[tuple[Station, FakeSession]]:
    """A station, at which a driver has charged, with a list that has the card."""
    async with driver_station(core) as found:
        yield found
