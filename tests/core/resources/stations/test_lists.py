"""ListStations by what somebody looks for, on a whole core."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.ocpp.v2.availability_pb2 import (
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    CONNECTOR_STATUS_ENUM_FAULTED,
    StatusNotificationRequest,
)
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_POWER_UP,
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    REGISTRATION_STATUS_ENUM_PENDING,
    BootNotificationRequest,
    ChargingStation,
)
from citrine_core.resources.stations.sightings import Sightings
from citrine_sdk import pages
from tests.support.charging import at
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession


def boot(vendor: str, model: str, firmware: str) -> BootNotificationRequest:
    station = ChargingStation(vendor_name=vendor, model=model, firmware_version=firmware)
    return BootNotificationRequest(charging_station=station, reason=BOOT_REASON_ENUM_POWER_UP)


def status(status: Any, minute: float) -> StatusNotificationRequest:
    return StatusNotificationRequest(evse_id=1, connector_id=1, connector_status=status, timestamp=at(minute))


async def test_stations_are_listed_by_what_somebody_looks_for(core: RunningCore) -> None:
    api: Any = core.stub(StationsServiceStub)

    async def ids(**fields: Any) -> list[str]:
        listed = await api.ListStations(pb.ListStationsRequest(**fields))
        return [one.station_id for one in listed.stations]

    async def walked(order: Any, size: int, *, descending: bool = False) -> list[str]:
        request = pb.ListStationsRequest(order=order, descending=descending, page_size=size)
        return [one.station_id async for page in pages(api.ListStations, request) for one in page.stations]

    for station_id in ("A-1", "A-2", "B-1", "B-2"):
        await core.add_station(station_id, boot_policy=pb.BOOT_POLICY_PENDING if station_id == "A-2" else 1)
    async with core.edge() as edge:
        sessions: dict[str, FakeSession] = {one: await edge.connect(one, PASSWORD) for one in ("A-1", "A-2", "B-1")}
        await sessions["A-1"].call(boot("Acme", "One", "1.0"))
        await sessions["A-2"].call(boot("Acme", "Two", "2.0"))
        await sessions["B-1"].call(boot("Bolt", "Two", "1.0"))
        await sessions["A-1"].call(status(CONNECTOR_STATUS_ENUM_FAULTED, 1))
        await sessions["B-1"].call_all(
            [status(CONNECTOR_STATUS_ENUM_FAULTED, 1), status(CONNECTOR_STATUS_ENUM_AVAILABLE, 2)]
        )

        assert await ids(station_id_prefix="A-") == ["A-1", "A-2"]
        assert await ids(vendor_name="Acme") == ["A-1", "A-2"]
        assert await ids(model="Two") == ["A-2", "B-1"]
        assert await ids(firmware_version="1.0") == ["A-1", "B-1"]
        assert await ids(vendor_name="Acme", firmware_version="1.0") == ["A-1"]
        assert await ids(registration=REGISTRATION_STATUS_ENUM_PENDING) == ["A-2"]
        assert await ids(registration=REGISTRATION_STATUS_ENUM_ACCEPTED) == ["A-1", "B-1"]
        assert await ids(faulted_only=True) == ["A-1"]
        assert await ids(ocpp_version="2.0.1") + await ids(ocpp_version="2.1") == ["A-1", "A-2", "B-1"]
        assert await ids(ocpp_version="1.6") == []
        assert await ids(connection=pb.STATION_CONNECTION_OPEN) == ["A-1", "A-2", "B-1"]
        assert await ids(connection=pb.STATION_CONNECTION_NEVER) == ["B-2"]
        assert await ids(connection=pb.STATION_CONNECTION_CLOSED) == []
        await sessions["B-1"].close()
        # What follows on the link is handled after the close.
        await sessions["A-1"].call(status(CONNECTOR_STATUS_ENUM_AVAILABLE, 3))
        await core.core.lanes.drained()
        assert await ids(connection=pb.STATION_CONNECTION_CLOSED) == ["B-1"]
        assert await ids(connected_only=True) == ["A-1", "A-2"]
        assert await ids(faulted_only=True) == []

        # Later than they are seen by their messages.
        async with core.core.unit_of_work() as work:
            begin = datetime(2100, 1, 1, tzinfo=UTC)
            seen = {("default", one): begin + timedelta(days=day) for day, one in enumerate(("A-2", "B-1", "A-1"))}
            await Sightings(work.session).see_all(seen)
            await work.commit()
        orders = {
            pb.STATION_ORDER_ID: ["A-1", "A-2", "B-1", "B-2"],
            pb.STATION_ORDER_STATE: ["B-1", "B-2", "A-1", "A-2"],
            pb.STATION_ORDER_MODEL: ["A-1", "A-2", "B-1", "B-2"],
            pb.STATION_ORDER_FIRMWARE: ["A-1", "B-1", "A-2", "B-2"],
            pb.STATION_ORDER_LAST_SEEN: ["A-2", "B-1", "A-1", "B-2"],
        }
        turned = {
            pb.STATION_ORDER_ID: ["B-2", "B-1", "A-2", "A-1"],
            pb.STATION_ORDER_STATE: ["A-1", "A-2", "B-2", "B-1"],
            pb.STATION_ORDER_MODEL: ["B-1", "A-2", "A-1", "B-2"],
            pb.STATION_ORDER_FIRMWARE: ["A-2", "B-1", "A-1", "B-2"],
            pb.STATION_ORDER_LAST_SEEN: ["A-1", "B-1", "A-2", "B-2"],
        }
        for size in (1, 2, 3, 100):
            assert {order: await walked(order, size) for order in orders} == orders
            assert {order: await walked(order, size, descending=True) for order in orders} == turned
        await sessions["A-2"].call(status(CONNECTOR_STATUS_ENUM_FAULTED, 4))
        assert await ids(order=pb.STATION_ORDER_STATE) == ["A-2", "B-1", "B-2", "A-1"]
        assert await ids(order=pb.STATION_ORDER_STATE, model="Two") == ["A-2", "B-1"]
        assert await ids(order=pb.STATION_ORDER_STATE, connection=pb.STATION_CONNECTION_OPEN) == ["A-2", "A-1"]

    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await ids(order=99)
    assert unknown.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    first = await api.ListStations(pb.ListStationsRequest(page_size=1, model="Two"))
    rest = await api.ListStations(pb.ListStationsRequest(model="Two", page_token=first.next_page_token))
    assert [one.station_id for page in (first, rest) for one in page.stations] == ["A-2", "B-1"]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ids(ocpp_version="3.0")
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
