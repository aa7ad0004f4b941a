"""Stations that nobody knows: held for an operator to accept, where their tenant wants that."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tenants_pb2 import UNKNOWN_STATIONS_HOLD, Tenant, UpdateTenantRequest
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.remote_control_pb2 import TriggerMessageResponse, TriggerMessageStatusEnum
from citrine_core.blocks.provisioning.jobs import HeldStations
from citrine_core.resources.stations import Station
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge

BOOT = ocpp.BootNotificationRequest(
    reason=ocpp.BOOT_REASON_ENUM_POWER_UP,
    charging_station=ocpp.ChargingStation(vendor_name="Example", model="Wallbox", serial_number="4711"),
)


async def hold(core: RunningCore, most: int = 100) -> None:
    tenant = Tenant(tenant_id="default", unknown_stations=UNKNOWN_STATIONS_HOLD, max_held_stations=most)
    stub = core.stub(TenantsServiceStub)
    changed = await stub.UpdateTenant(
        UpdateTenantRequest(tenant=tenant, update_mask=FieldMask(paths=["unknown_stations", "max_held_stations"]))
    )
    assert (changed.display_name, changed.max_held_stations) == ("Default", most)


async def status_of(edge: FakeEdge, *arguments: Any, **how: Any) -> int:
    """Return the HTTP status of a refusal, 101 for an admission."""
    answer = await edge.admit(*arguments, **how)
    return answer.status if isinstance(answer, link.Refused) else 101


async def listed(core: RunningCore, *, held: bool) -> list[pb.Station]:
    return list((await core.stub(StationsServiceStub).ListStations(pb.ListStationsRequest(held=held))).stations)


async def test_unknown_station_is_pending_until_an_operator_accepts_it(core: RunningCore) -> None:
    """It keeps the password that it came with, and boots again as soon as it is accepted."""
    await hold(core)
    async with core.edge() as edge:
        edge.on_command = lambda command: TriggerMessageResponse(
            status=TriggerMessageStatusEnum.TRIGGER_MESSAGE_STATUS_ENUM_ACCEPTED
        )
        session = await edge.connect("CS-1", PASSWORD)
        assert (await session.call(BOOT)).status == ocpp.REGISTRATION_STATUS_ENUM_PENDING
        [held] = await listed(core, held=True)
        assert (held.station_id, held.remote_address, held.hardware.serial_number) == ("CS-1", "192.0.2.1", "4711")
        assert held.HasField("held_time")
        assert await listed(core, held=False) == []
        assert await status_of(edge, "CS-1", "another password of it") == 401

        request = pb.AcceptStationRequest(station_id="CS-1", description="at the gate")
        accepted = await core.stub(StationsServiceStub).AcceptStation(request)

        assert (accepted.station.description, accepted.station.HasField("held_time")) == ("at the gate", False)
        command = await edge.next("command")
        assert command.request.WhichOneof("message") == "trigger_message"
        triggered = ocpp.BootNotificationRequest()
        triggered.CopyFrom(BOOT)
        triggered.reason = ocpp.BOOT_REASON_ENUM_TRIGGERED
        assert (await session.call(triggered)).status == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
        assert await status_of(edge, "CS-1", PASSWORD) == 101


async def test_whoever_does_not_come_as_a_station_is_not_held(core: RunningCore) -> None:
    """Without a password of its own, as another, under what can't be an id, or at a tenant that refuses."""
    await hold(core)
    await core.add_tenant("acme")
    async with core.edge() as edge:
        statuses = [
            await status_of(edge, "CS-1", None),
            await status_of(edge, "CS-1", "too short"),
            await status_of(edge, "CS-1", "x" * 65),
            await status_of(edge, "CS-1", PASSWORD, username="CS-2"),
            await status_of(edge, "no id", PASSWORD),
            await status_of(edge, "no:id", PASSWORD),
            await status_of(edge, "CS-1", PASSWORD, tenant_id="acme"),
        ]

    assert statuses == [401] * 7
    assert await listed(core, held=True) == []


async def test_no_more_are_held_than_the_tenant_allows(core: RunningCore) -> None:
    await hold(core, most=2)
    async with core.edge() as edge:
        statuses = [await status_of(edge, f"CS-{number}", PASSWORD) for number in (1, 2, 3, 1)]

    assert statuses == [101, 101, 401, 101]


async def test_held_station_can_be_let_in_by_acceptance_only(core: RunningCore) -> None:
    """Neither by another policy nor by a registration under its id, which is that of another station."""
    await hold(core)
    api = core.stub(StationsServiceStub)
    async with core.edge() as edge:
        await edge.admit("CS-1", PASSWORD)
        station = pb.Station(station_id="CS-1", boot_policy=pb.BOOT_POLICY_ACCEPTED)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await api.UpdateStation(pb.UpdateStationRequest(station=station))
        assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION

        await api.CreateStation(pb.CreateStationRequest(station=station, password="password-of-the-operator"))

        assert await status_of(edge, "CS-1", PASSWORD) == 401
        assert await status_of(edge, "CS-1", "password-of-the-operator") == 101
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.AcceptStation(pb.AcceptStationRequest(station_id="CS-1"))
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_password_that_an_operator_chooses_replaces_the_one_it_came_with(core: RunningCore) -> None:
    await hold(core)
    async with core.edge() as edge:
        await edge.admit("CS-1", PASSWORD)
        request = pb.AcceptStationRequest(station_id="CS-1", password="password-of-the-operator")
        await core.stub(StationsServiceStub).AcceptStation(request)

        assert await status_of(edge, "CS-1", PASSWORD) == 401
        assert await status_of(edge, "CS-1", "password-of-the-operator") == 101


async def test_held_stations_that_do_not_come_back_are_forgotten(core: RunningCore) -> None:
    await hold(core)
    async with core.edge() as edge:
        await edge.connect("CS-1", PASSWORD)
        await (await edge.connect("CS-2", PASSWORD)).call(BOOT)
        for station_id in ("CS-3", "CS-4"):
            await edge.admit(station_id, PASSWORD)
        async with core.core.unit_of_work() as work:
            for station_id in ("CS-2", "CS-3"):
                station = await work.session.get_one(Station, ("default", station_id))
                station.held_time = datetime.now(UTC) - timedelta(days=8)
            await work.commit()

        await HeldStations(core.core.services).run()

        assert [station.station_id for station in await listed(core, held=True)] == ["CS-1", "CS-2", "CS-4"]
