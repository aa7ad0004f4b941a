"""A station at which reservations are made."""

from collections.abc import AsyncIterator

import pytest

from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from tests.support.core import PASSWORD, RunningCore
from tests.support.reservations import Desk


@pytest.fixture
async def desk(core: RunningCore) -> AsyncIterator[Desk]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # Answered once the core knows that the station is connected.
        await session.call(HeartbeatRequest())
        yield Desk(core, session)
