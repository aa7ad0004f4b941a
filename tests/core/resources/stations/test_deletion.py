"""What is left of a deleted station, and what one that is registered again under its id gets to see."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import commands_pb2, common_pb2, provisioning_pb2, transactions_pb2
from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.availability_pb2 import ListConnectorStatusesRequest
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.reports_pb2 import ListReportRunsRequest
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_AVAILABLE, StatusNotificationRequest
from citrine.ocpp.v2.types_pb2 import Component, Variable
from tests.support.blocks import events, stamp
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.waiting import PAUSE, WAIT

STATUS = StatusNotificationRequest(
    evse_id=1, connector_id=1, connector_status=CONNECTOR_STATUS_ENUM_AVAILABLE, timestamp=stamp()
)
REPORT = ocpp.NotifyReportRequest(
    request_id=1,
    generated_at=stamp(),
    report_data=[
        ocpp.ReportData(
            component=Component(name="ClockCtrlr"),
            variable=Variable(name="TimeZone"),
            variable_attribute=[ocpp.VariableAttribute(value="UTC")],
        )
    ],
)


async def delete(core: RunningCore) -> None:
    await core.stub(StationsServiceStub).DeleteStation(pb.DeleteStationRequest(station_id="CS-1"))


async def create(core: RunningCore, password: str) -> Any:
    request = pb.CreateStationRequest(station=pb.Station(station_id="CS-1"), password=password)
    return await core.stub(StationsServiceStub).CreateStation(request)


async def reset_when_online(core: RunningCore) -> common_pb2.Command:
    target = common_pb2.CommandTarget(station_id="CS-1", timeout=Duration(seconds=5), when_online=True)
    request = provisioning_pb2.ResetRequest(target=target, request=ocpp.ResetRequest(type=ocpp.RESET_ENUM_IMMEDIATE))
    command: common_pb2.Command = (await core.stub(ProvisioningServiceStub).Reset(request)).command
    return command


async def until_gone(core: RunningCore) -> None:
    """Wait until the core has heard that the station's websocket is closed; each look is a round trip."""
    request = pb.GetStationRequest(station_id="CS-1")
    async with asyncio.timeout(WAIT):
        while (await core.stub(StationsServiceStub).GetStation(request)).connected:
            await asyncio.sleep(PAUSE)


async def use(edge: FakeEdge, password: str = PASSWORD) -> FakeSession:
    session = await edge.connect("CS-1", password)
    await session.call_all([STATUS, REPORT, started(0)])
    return session


async def test_successor_has_nothing_of_its_predecessor(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await use(edge)
        await session.close()
        await until_gone(core)
        queued = await reset_when_online(core)
        assert queued.state == common_pb2.COMMAND_STATE_QUEUED

        await delete(core)
        await create(core, "password-of-the-second")

        station = await core.stub(StationsServiceStub).GetStation(pb.GetStationRequest(station_id="CS-1"))
        assert (list(station.evses), station.connected, station.ocpp_version) == ([], False, "")
        api = core.stub(ProvisioningServiceStub)
        variables = await api.ListVariables(provisioning_pb2.ListVariablesRequest(station_id="CS-1"))
        runs = await core.stub(ReportsServiceStub).ListReportRuns(ListReportRunsRequest(station_id="CS-1"))
        statuses = await core.stub(AvailabilityServiceStub).ListConnectorStatuses(
            ListConnectorStatusesRequest(station_id="CS-1")
        )
        assert not [*variables.variables, *runs.report_runs, *statuses.statuses]

        command = await core.stub(CommandsServiceStub).GetCommand(
            commands_pb2.GetCommandRequest(command_id=queued.command_id)
        )
        assert command.state == common_pb2.COMMAND_STATE_CANCELLED
        assert command.error_description == "the station was deleted"
        kept = await core.stub(TransactionsServiceStub).ListTransactions(
            transactions_pb2.ListTransactionsRequest(station_id="CS-1")
        )
        assert len(kept.transactions) == 1
    told = [event for event in await events(core.core.unit_of_work) if event.HasField("command_finished")]
    assert [name_in(event.command_finished, "state") for event in told] == ["CANCELLED"]


async def test_session_ends_with_its_station_and_epochs_go_on(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        first = await use(edge)

        await delete(core)

        disconnect = await edge.next("disconnect")
        assert (disconnect.session, disconnect.reason) == (first.ref, "the station was deleted")
        refused = await edge.admit("CS-1", PASSWORD)
        assert isinstance(refused, link.Refused)
        assert refused.status == 401

        await create(core, "password-of-the-second")
        # Remembered of the predecessor, whose password it was.
        assert isinstance(await edge.admit("CS-1", PASSWORD), link.Refused)
        late = edge.put_call(first.ref, STATUS)
        second = await edge.connect("CS-1", "password-of-the-second")
        assert second.ref.epoch > first.ref.epoch + 1
        await second.call(REPORT)
        with pytest.raises(TimeoutError):
            await edge.answer_to(late, limit=0.05)
        station = await core.stub(StationsServiceStub).GetStation(pb.GetStationRequest(station_id="CS-1"))
        assert not station.evses
    gone = [event for event in await events(core.core.unit_of_work) if event.HasField("station_disconnected")]
    assert [event.station_disconnected.epoch for event in gone][:1] == [first.ref.epoch]


async def test_station_of_nobody_can_not_be_commanded(core: RunningCore) -> None:
    await core.add_station("CS-1")
    await delete(core)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await reset_when_online(core)

    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
