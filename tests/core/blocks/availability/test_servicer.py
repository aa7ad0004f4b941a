"""AvailabilityService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from citrine.api.v1 import availability_pb2 as pb
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import availability_pb2 as ocpp
from tests.support.blocks import NOW, stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession

if TYPE_CHECKING:
    from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceAsyncStub


def status(what: str, minutes: int, evse_id: int, connector_id: int = 1) -> ocpp.StatusNotificationRequest:
    return ocpp.StatusNotificationRequest(
        timestamp=stamp(NOW + timedelta(minutes=minutes)),
        connector_status=ocpp.ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{what}"),
        evse_id=evse_id,
        connector_id=connector_id,
    )


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # With its answer it is stored that the websocket is open, so that commands find it.
        await session.call(ocpp.HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> "AvailabilityServiceAsyncStub":
    return core.stub(AvailabilityServiceStub)


async def test_connectors_are_listed_page_by_page(station: FakeSession, api: "AvailabilityServiceAsyncStub") -> None:
    await station.call_all([status("AVAILABLE", 0, evse_id) for evse_id in (10, 9, 1)])

    first = await api.ListConnectors(pb.ListConnectorsRequest(page_size=2))
    second = await api.ListConnectors(pb.ListConnectorsRequest(page_size=2, page_token=first.next_page_token))

    assert [row.evse_id for row in first.connectors] == [1, 9]
    assert [row.evse_id for row in second.connectors] == [10]
    assert second.next_page_token == ""
    assert second.connectors[0].time == stamp(NOW)


async def test_history_is_listed_page_by_page_the_latest_first(
    station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    await station.call_all([status("OCCUPIED", 5, 1), status("AVAILABLE", 9, 1), status("FAULTED", 2, 1)])
    request = pb.ListConnectorStatusesRequest(station_id="CS-1", page_size=1)
    times = []
    while True:
        page = await api.ListConnectorStatuses(request)
        times += [row.time for row in page.statuses]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert times == [stamp(NOW + timedelta(minutes=minutes)) for minutes in (9, 5, 2)]


async def test_history_needs_a_station(core: RunningCore, api: "AvailabilityServiceAsyncStub") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.ListConnectorStatuses(pb.ListConnectorStatusesRequest())

    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_another_tenant_sees_nothing(
    core: RunningCore, station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    await core.add_tenant("other")
    await station.call(status("AVAILABLE", 0, 1))

    listed = await api.ListConnectors(pb.ListConnectorsRequest(), metadata=core.metadata("other"))
    past = await api.ListConnectorStatuses(
        pb.ListConnectorStatusesRequest(station_id="CS-1"), metadata=core.metadata("other")
    )

    assert (len(listed.connectors), len(past.statuses)) == (0, 0)


async def test_change_availability_returns_the_stations_answer(
    station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    """An EVSE that nobody has heard of is the station's to refuse."""
    station.edge.on_command = lambda command: ocpp.ChangeAvailabilityResponse(
        status=ocpp.ChangeAvailabilityStatusEnum.CHANGE_AVAILABILITY_STATUS_ENUM_REJECTED
    )
    request = ocpp.ChangeAvailabilityRequest(
        operational_status=ocpp.OperationalStatusEnum.OPERATIONAL_STATUS_ENUM_INOPERATIVE
    )
    request.evse.id = 4711

    response = await api.ChangeAvailability(
        pb.ChangeAvailabilityRequest(target=CommandTarget(station_id="CS-1"), request=request)
    )

    assert response.response.status == ocpp.ChangeAvailabilityStatusEnum.CHANGE_AVAILABILITY_STATUS_ENUM_REJECTED
    assert station.edge.commands[0].request.change_availability == request
