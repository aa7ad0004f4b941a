"""What stations say of connectors beside their status: stored, shown and told to subscribers; on a whole core."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from citrine.api.v1.availability_pb2 import ConnectorDetail, ConnectorStatus, ListConnectorsRequest
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.events.v1.events_pb2 import ConnectorStatusChanged, Event
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    CONNECTOR_STATUS_ENUM_OCCUPIED,
    StatusNotificationRequest,
)
from citrine_core.events import OutboxEvent
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge
from tests.support.unnumbered import UnnumberedStation


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    async with core.edge() as edge:
        yield edge


@pytest.fixture
async def station(core: RunningCore, edge: FakeEdge) -> UnnumberedStation:
    await core.add_station("CS-1", registration=1)
    return UnnumberedStation(await edge.connect("CS-1", PASSWORD))


async def connectors(core: RunningCore) -> Sequence[ConnectorStatus]:
    found: Any = await core.stub(AvailabilityServiceStub).ListConnectors(ListConnectorsRequest())
    connectors: Sequence[ConnectorStatus] = found.connectors
    return connectors


async def changes(core: RunningCore) -> list[ConnectorStatusChanged]:
    async with core.core.unit_of_work(read_only=True) as work:
        payloads = await work.session.scalars(select(OutboxEvent.payload).order_by(OutboxEvent.id))
        events = [Event.FromString(payload) for payload in payloads]
    return [one.connector_status_changed for one in events if one.HasField("connector_status_changed")]


async def test_a_finer_state_is_shown_beside_the_status(core: RunningCore, station: UnnumberedStation) -> None:
    await station.status("OCCUPIED", 0, state="SUSPENDED_EV")

    (found,) = await connectors(core)
    assert (found.status, found.detail.state) == (CONNECTOR_STATUS_ENUM_OCCUPIED, ConnectorDetail.STATE_SUSPENDED_EV)
    shown = await core.stub(StationsServiceStub).GetStation(GetStationRequest(station_id="CS-1"))
    assert shown.evses[0].connectors[0].detail == found.detail


async def test_an_error_is_shown_as_the_station_says_it(core: RunningCore, station: UnnumberedStation) -> None:
    said: dict[str, Any] = {
        "error_code": "OtherError",
        "vendor_error_code": "E-17",
        "vendor_id": "com.example",
        "info": "fan",
    }
    await station.status("FAULTED", 0, **said)

    (found,) = await connectors(core)
    assert found.detail == ConnectorDetail(**said)


async def test_a_change_of_the_finer_state_alone_is_an_event(core: RunningCore, station: UnnumberedStation) -> None:
    for minutes, state in enumerate(["PREPARING", "CHARGING", "CHARGING", "FINISHING"]):
        await station.status("OCCUPIED", minutes, state=state)

    states = [ConnectorDetail.State.Name(one.detail.state) for one in await changes(core)]
    assert states == ["STATE_PREPARING", "STATE_CHARGING", "STATE_FINISHING"]


async def test_an_older_report_changes_nothing(core: RunningCore, station: UnnumberedStation) -> None:
    await station.status("OCCUPIED", 10, state="CHARGING")
    await station.status("OCCUPIED", 5, state="PREPARING")

    (found,) = await connectors(core)
    assert found.detail.state == ConnectorDetail.STATE_CHARGING


async def test_the_state_of_the_station_itself_is_that_of_evse_0(core: RunningCore, station: UnnumberedStation) -> None:
    await station.status("AVAILABLE", 0, evse_id=0)

    (found,) = await connectors(core)
    assert (found.evse_id, found.connector_id, found.status) == (0, 0, CONNECTOR_STATUS_ENUM_AVAILABLE)


async def test_a_report_without_a_time_counts_when_it_arrived(core: RunningCore, station: UnnumberedStation) -> None:
    message = StatusNotificationRequest(connector_status=CONNECTOR_STATUS_ENUM_AVAILABLE, evse_id=1, connector_id=1)
    arrived = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)
    await station.session.call(message, receive_time=arrived)

    (found,) = await connectors(core)
    assert found.time.ToDatetime(UTC) == arrived
