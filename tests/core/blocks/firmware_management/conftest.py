"""Stations that are asked to take firmware."""

from collections.abc import AsyncIterator

import pytest

from tests.support.core import RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.firmware import Garage


@pytest.fixture
async def garage(core: RunningCore) -> AsyncIterator[Garage]:
    """A core with an edge, and no stations yet."""
    async with core.edge() as edge:
        yield Garage(core, edge)


@pytest.fixture
async def station(garage: Garage) -> FakeSession:
    """CS-1, connected, with firmware 1.0; it accepts updates."""
    await garage.add("CS-1")
    garage.answer()
    return await garage.connect("CS-1")
