"""A station with a display."""

from collections.abc import AsyncIterator

import pytest

from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.core import PASSWORD, RunningCore
from tests.support.displays import Display


@pytest.fixture
async def display(core: RunningCore) -> AsyncIterator[Display]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # Answered once the core knows that the station is connected.
        await session.call(HeartbeatRequest())
        yield Display(core, session)
