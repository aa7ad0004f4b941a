"""EVSEs of locations: they come and go with stations, and show what operator and station say of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import text

from citrine.api.v1 import locations_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.stations_pb2 import DeleteStationRequest, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token, TokenRules, TokenTimes
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import availability_pb2 as availability
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine_core.db import database_of
from citrine_core.resources.locations.repository import EvseRepository
from citrine_core.resources.stations.models import Station as StoredStation
from tests.core.resources.locations.test_servicer import place
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession, timestamp
from tests.support.waiting import PAUSE, WAIT

CHARGING, AVAILABLE = pb.EVSE_STATUS_CHARGING, pb.EVSE_STATUS_AVAILABLE

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
"""Sessions of PostgreSQL that wait for a row."""


def fact(
    component: str, variable: str, value: str, evse: tuple[int, int] | None = None, power: float = 0
) -> provisioning.ReportData:
    """What a station says of a variable; evse: the EVSE and connector (0: none) that it is of."""
    data = provisioning.ReportData(
        component=types.Component(name=component),
        variable=types.Variable(name=variable),
        variable_attribute=[provisioning.VariableAttribute(value=value)],
    )
    if evse is not None:
        data.component.evse.id = evse[0]
        if evse[1]:
            data.component.evse.connector_id = evse[1]
    if power:
        characteristics = provisioning.VariableCharacteristics(unit="kW", max_limit=power)
        characteristics.data_type = provisioning.DATA_ENUM_DECIMAL
        data.variable_characteristics.CopyFrom(characteristics)
    return data


class Site:
    """The locations of a core, and its stations."""

    def __init__(self, core: RunningCore) -> None:
        self.locations = core.stub(LocationsServiceStub)
        self.stations = core.stub(StationsServiceStub)

    async def create(self, location_id: str, **fields: Any) -> None:
        await self.locations.CreateLocation(pb.CreateLocationRequest(location=place(location_id, **fields)))

    async def put(self, station_id: str, location_id: str) -> None:
        station = Station(station_id=station_id, location_id=location_id)
        mask = FieldMask(paths=["location_id"])
        await self.stations.UpdateStation(UpdateStationRequest(station=station, update_mask=mask))

    async def evses(self, **filters: Any) -> list[pb.LocationEvse]:
        found = await self.locations.ListLocationEvses(pb.ListLocationEvsesRequest(**filters))
        return sorted(found.evses, key=lambda one: (one.location_id, one.station_id, one.evse_id))

    async def evse(self, uid: str) -> pb.LocationEvse:
        return await self.locations.GetLocationEvse(pb.GetLocationEvseRequest(uid=uid))

    async def change(self, paths: list[str], **fields: Any) -> pb.LocationEvse:
        request = pb.UpdateLocationEvseRequest(evse=pb.LocationEvse(**fields), update_mask=FieldMask(paths=paths))
        return await self.locations.UpdateLocationEvse(request)

    async def refused(self, **fields: Any) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.locations.CreateLocationEvse(pb.CreateLocationEvseRequest(evse=pb.LocationEvse(**fields)))
        return raised.value.code()


async def report(session: FakeSession, evse_id: int, connector_id: int, status: int) -> None:
    await session.call(
        availability.StatusNotificationRequest(
            timestamp=timestamp(),
            evse_id=evse_id,
            connector_id=connector_id,
            connector_status=availability.ConnectorStatusEnum.ValueType(status),
        )
    )


async def test_evses_of_a_station_are_those_of_its_location(core: RunningCore) -> None:
    """From its first report on, with a uid that ends when it moves; what is said offline is stale."""
    site = Site(core)
    await site.create("north")
    await site.create("south")
    await core.add_station("CS-1")
    await core.add_station("CS-2", location_id="north")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)
        await report(session, 1, 2, availability.CONNECTOR_STATUS_ENUM_OCCUPIED)
        assert await site.evses() == []

        await site.put("CS-1", "north")
        await report(session, 2, 1, availability.CONNECTOR_STATUS_ENUM_FAULTED)
        first, second = await site.evses(station_id="CS-1")
        assert [(one.location_id, one.evse_id) for one in (first, second)] == [("north", 1), ("north", 2)]
        assert (first.status, second.status) == (CHARGING, pb.EVSE_STATUS_OUT_OF_ORDER)
        assert not first.HasField("stale_since")

        await report(session, 1, 2, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)
        await report(session, 2, 0, availability.CONNECTOR_STATUS_ENUM_UNAVAILABLE)
        assert [one.status for one in await site.evses()] == [AVAILABLE, pb.EVSE_STATUS_INOPERATIVE]

        await session.close()
        async with asyncio.timeout(WAIT):
            while not (shown := await site.evse(first.uid)).HasField("stale_since"):
                await asyncio.sleep(PAUSE)
        assert shown.status == AVAILABLE

    await site.put("CS-1", "south")
    moved = await site.evses(station_id="CS-1")
    assert [(one.location_id, one.evse_id) for one in moved] == [("south", 1), ("south", 2)]
    assert {one.uid for one in moved}.isdisjoint({first.uid, second.uid})
    removed = await site.evse(first.uid)
    assert removed.status == pb.EVSE_STATUS_REMOVED
    assert removed.HasField("delete_time")
    location = await site.locations.GetLocation(pb.GetLocationRequest(location_id="south"))
    assert [one.uid for one in location.evses] == [one.uid for one in moved]

    since = TimeRange(start=removed.update_time)
    assert {one.uid for one in await site.evses(include_deleted=True, update_time=since)} >= {first.uid, moved[0].uid}
    await site.stations.DeleteStation(DeleteStationRequest(station_id="CS-1"))
    assert await site.evses() == []
    assert len(await site.evses(include_deleted=True, station_id="CS-1")) == 4
    assert await site.refused(location_id="north", uid=first.uid) is grpc.StatusCode.ALREADY_EXISTS


async def test_an_evse_is_offline_until_the_websocket_of_its_station_is_open(core: RunningCore) -> None:
    """Also once the station was let in again; and a station with the id of a deleted one was never connected."""
    site = Site(core)
    await site.create("north")
    await core.add_station("CS-1", location_id="north")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)
        await session.close()
        async with asyncio.timeout(WAIT):
            while not (closed := (await site.evses())[0]).HasField("stale_since"):
                await asyncio.sleep(PAUSE)

        assert isinstance(await edge.admit("CS-1", PASSWORD), link.Admitted)
        [admitted] = await site.evses()
        session = await edge.connect("CS-1", PASSWORD)
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)
        [opened] = await site.evses()
        await site.stations.DeleteStation(DeleteStationRequest(station_id="CS-1"))

    assert (admitted.status, admitted.HasField("stale_since"), opened.HasField("stale_since")) == (
        AVAILABLE,
        True,
        False,
    )
    assert admitted.stale_since.ToNanoseconds() >= closed.stale_since.ToNanoseconds()
    await core.add_station("CS-1", location_id="north")
    evse = pb.LocationEvse(location_id="north", station_id="CS-1", evse_id=1)
    planned = await site.locations.CreateLocationEvse(pb.CreateLocationEvseRequest(evse=evse))
    assert (planned.status, planned.HasField("stale_since")) == (pb.EVSE_STATUS_PLANNED, False)


async def test_what_the_operator_leaves_open_is_filled_by_the_station(core: RunningCore) -> None:
    """And nothing that he says is overwritten, nor made his own by reading and writing it back."""
    site = Site(core)
    await site.create("north", tariff_ids=["day"])
    await core.add_station("CS-1", location_id="north")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)
        facts = [
            fact("Connector", "ConnectorType", "cCCS2", (1, 1)),
            fact("Connector", "ConnectorType", "sType2", (1, 2)),
            fact("EVSE", "SupplyPhases", "3", (1, 0)),
            fact("EVSE", "Power", "", (1, 0), power=150),
            fact("EVSE", "EvseId", "NL*TNM*E1*1", (1, 0)),
            fact("ReservationCtrlr", "Available", "true"),
            fact("SmartChargingCtrlr", "Available", "false"),
        ]
        await session.call(
            provisioning.NotifyReportRequest(request_id=1, generated_at=timestamp(), seq_no=0, report_data=facts)
        )

    (shown,) = await site.evses(location_id="north")
    assert shown.public_id == "NL*TNM*E1*1"
    assert list(shown.capabilities) == [
        pb.EVSE_CAPABILITY_REMOTE_START_STOP_CAPABLE,
        pb.EVSE_CAPABILITY_RESERVABLE,
    ]
    assert [
        (one.connector_id, one.standard, one.format, one.power_type, one.max_electric_power, list(one.tariff_ids))
        for one in shown.connectors
    ] == [
        (1, pb.CONNECTOR_STANDARD_IEC_62196_T2_COMBO, pb.CONNECTOR_FORMAT_CABLE, pb.POWER_TYPE_DC, 150_000, ["day"]),
        (2, pb.CONNECTOR_STANDARD_IEC_62196_T2, pb.CONNECTOR_FORMAT_SOCKET, pb.POWER_TYPE_AC_3_PHASE, 150_000, ["day"]),
    ]
    assert {"public_id", "capabilities", "connectors"} == set(shown.filled.paths)

    written = pb.LocationEvse.FromString(shown.SerializeToString())
    written.floor_level = "-1"
    written.connectors[0].max_electric_power = 120_000
    written.connectors[0].filled.paths.remove("max_electric_power")
    written.connectors[0].max_voltage = 920
    updated = await site.locations.UpdateLocationEvse(pb.UpdateLocationEvseRequest(evse=written))
    said = updated.connectors[0]
    assert (said.max_electric_power, said.max_voltage, said.power_type) == (120_000, 920, pb.POWER_TYPE_DC)
    assert "power_type" in said.filled.paths
    assert not {"max_electric_power", "max_voltage"} & set(said.filled.paths)
    assert set(updated.filled.paths) == {"public_id", "capabilities"}
    assert updated.connectors[1] == shown.connectors[1]

    cleared = await site.change(["connectors", "floor_level"], uid=shown.uid)
    assert cleared.connectors == shown.connectors
    assert not cleared.floor_level


@pytest.mark.in_turn
@pytest.mark.parametrize(("power", "phases"), [(1.7e305, "\u00b2"), (2.2e6, "9" * 500), (-150, "none")])
async def test_numbers_that_no_hardware_has_fill_nothing(core: RunningCore, power: float, phases: str) -> None:
    site = Site(core)
    await site.create("north")
    await core.add_station("CS-1", location_id="north")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        facts = [
            fact("Connector", "ConnectorType", "sType2", (1, 1)),
            fact("EVSE", "SupplyPhases", phases, (1, 0)),
            fact("EVSE", "Power", "", (1, 0), power=power),
        ]
        await session.call(
            provisioning.NotifyReportRequest(request_id=1, generated_at=timestamp(), seq_no=0, report_data=facts)
        )
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_AVAILABLE)

    (shown,) = await site.evses(location_id="north")
    assert [(one.standard, one.power_type, one.max_electric_power) for one in shown.connectors] == [
        (pb.CONNECTOR_STANDARD_IEC_62196_T2, pb.POWER_TYPE_UNSPECIFIED, 0)
    ]


async def test_an_evse_is_planned_before_its_station_is_there(core: RunningCore) -> None:
    """Its uid and its public id are its own, and the station's EVSE is no second one."""
    site = Site(core)
    await site.create("north", parking_places=[pb.ParkingPlace(parking_id="P1", vehicle_types=[pb.VEHICLE_TYPE_VAN])])
    await site.create("south")
    planned = await site.locations.CreateLocationEvse(
        pb.CreateLocationEvseRequest(
            evse=pb.LocationEvse(
                uid="E-1",
                location_id="north",
                public_id="nl*tnm*e9",
                parking=[pb.EvseParking(parking_id="P1")],
                status_schedule=[pb.StatusSchedule(period_begin=timestamp(), status=AVAILABLE)],
            )
        )
    )
    assert planned.status == pb.EVSE_STATUS_PLANNED
    assert await site.refused(location_id="north", uid="E-1") is grpc.StatusCode.ALREADY_EXISTS
    assert await site.refused(location_id="north", public_id="NLTNME9") is grpc.StatusCode.ALREADY_EXISTS
    assert await site.refused(location_id="north", public_id="E9") is grpc.StatusCode.INVALID_ARGUMENT
    assert await site.refused(location_id="north", parking=[{"parking_id": "P2"}]) is grpc.StatusCode.INVALID_ARGUMENT
    assert await site.refused(location_id="west") is grpc.StatusCode.NOT_FOUND
    assert [one.uid for one in await site.evses(public_id="NL*TNM*E9")] == ["E-1"]

    await core.add_station("CS-1", location_id="south")
    with pytest.raises(grpc.aio.AioRpcError) as elsewhere:
        await site.change(["station_id", "evse_id"], uid="E-1", station_id="CS-1", evse_id=1)
    assert elsewhere.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await site.put("CS-1", "north")
    bound = await site.change(["station_id", "evse_id"], uid="E-1", station_id="CS-1", evse_id=1)
    assert (bound.status, bound.station_id) == (pb.EVSE_STATUS_PLANNED, "CS-1")
    taken = {"location_id": "north", "station_id": "CS-1", "evse_id": 1}
    assert await site.refused(**taken) is grpc.StatusCode.ALREADY_EXISTS

    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await report(session, 1, 1, availability.CONNECTOR_STATUS_ENUM_RESERVED)
        (only,) = await site.evses(station_id="CS-1")
        assert (only.uid, only.status) == ("E-1", pb.EVSE_STATUS_RESERVED)

    await site.locations.DeleteLocationEvse(pb.DeleteLocationEvseRequest(uid="E-1"))
    reused = await site.locations.CreateLocationEvse(
        pb.CreateLocationEvseRequest(evse=pb.LocationEvse(location_id="north", public_id="NL*TNM*E9"))
    )
    assert reused.uid != "E-1"


async def test_times_of_day_without_a_zone_are_those_of_the_location(core: RunningCore) -> None:
    """An hour either side of now by UTC is night or evening in Tokyo; a station that stands nowhere goes by UTC."""
    site = Site(core)
    await site.create("tokyo", time_zone="Asia/Tokyo")
    await site.create("accra", time_zone="Africa/Accra")
    now = datetime.now(UTC)
    hours = [(now + timedelta(hours=by)).strftime("%H:%M") for by in (-1, 1)]
    rules = TokenRules(times=[TokenTimes(start_time=hours[0], end_time=hours[1])])
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token="CAFE0001", type="ISO14443", rules=rules)))
    found = {}
    async with core.edge() as edge:
        for station_id, location_id in (("CS-1", "tokyo"), ("CS-2", "accra"), ("CS-3", None)):
            await core.add_station(station_id, location_id=location_id, registration=1)
            session = await edge.connect(station_id, PASSWORD)
            asked = AuthorizeRequest(id_token=types.IdToken(id_token="CAFE0001", type="ISO14443"))
            found[location_id] = (await session.call(asked)).id_token_info.status

    statuses = types.AuthorizationStatusEnum
    assert found == {
        "tokyo": statuses.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_TIME,
        "accra": statuses.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
        None: statuses.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
    }


async def test_an_evse_is_changed_while_its_station_moves_without_a_deadlock(core: RunningCore) -> None:
    """Both lock the station first, so the one waits for the other and neither is refused."""
    site = Site(core)
    await site.create("north")
    await core.add_station("CS-1", registration=1)
    await site.put("CS-1", "north")
    evse = pb.LocationEvse(uid="E-1", location_id="north", station_id="CS-1", evse_id=1)
    await site.locations.CreateLocationEvse(pb.CreateLocationEvseRequest(evse=evse))

    async with core.core.unit_of_work() as work:
        await work.session.get(StoredStation, ("default", "CS-1"), with_for_update=True)
        changing = asyncio.create_task(site.change(["floor_level"], uid="E-1", floor_level="2"))
        if not database_of(core.core.engine).has_one_writer:
            async with asyncio.timeout(10):
                while not await work.session.scalar(text(WAITING)):
                    await asyncio.sleep(PAUSE)
        await EvseRepository(work.session).of_station("default", "CS-1")
        await work.commit()

    assert (await changing).floor_level == "2"
