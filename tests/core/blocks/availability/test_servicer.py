"""AvailabilityService on a whole core, with stations played by the test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from citrine.api.v1 import availability_pb2 as pb
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine.ocpp.v2.diagnostics_pb2 import EventData, EventNotificationEnum, EventTriggerEnum, NotifyEventRequest
from citrine.ocpp.v2.provisioning_pb2 import BootNotificationRequest, BootReasonEnum
from citrine.ocpp.v2.types_pb2 import EVSE, Component, StatusInfo, Variable
from citrine_core.blocks.availability import AvailabilityReminders
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
    with pytest.raises(grpc.aio.AioRpcError) as past:
        await api.ListConnectorStatuses(
            pb.ListConnectorStatusesRequest(station_id="CS-1"), metadata=core.metadata("other")
        )

    assert len(listed.connectors) == 0
    assert past.value.code() is grpc.StatusCode.NOT_FOUND


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


def change(what: str, evse_id: int = 0, connector_id: int = 0) -> pb.ChangeAvailabilityRequest:
    request = ocpp.ChangeAvailabilityRequest(
        operational_status=ocpp.OperationalStatusEnum.Value(f"OPERATIONAL_STATUS_ENUM_{what}")
    )
    if evse_id:
        request.evse.id = evse_id
    if connector_id:
        request.evse.connector_id = connector_id
    return pb.ChangeAvailabilityRequest(target=CommandTarget(station_id="CS-1"), request=request)


def answers(station: FakeSession, *statuses: str) -> None:
    given = iter(statuses)
    station.edge.on_command = lambda command: ocpp.ChangeAvailabilityResponse(
        status=ocpp.ChangeAvailabilityStatusEnum.Value(f"CHANGE_AVAILABILITY_STATUS_ENUM_{next(given)}"),
        status_info=StatusInfo(reason_code="Busy"),
    )


def event(component: str, value: str, minutes: int, evse: EVSE | None = None) -> NotifyEventRequest:
    data = EventData(
        event_id=1,
        timestamp=stamp(NOW + timedelta(minutes=minutes)),
        trigger=EventTriggerEnum.EVENT_TRIGGER_ENUM_DELTA,
        actual_value=value,
        event_notification_type=EventNotificationEnum.EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
        component=Component(name=component, evse=evse),
        variable=Variable(name="AvailabilityState"),
    )
    return NotifyEventRequest(generated_at=stamp(), event_data=[data])


async def states(api: "AvailabilityServiceAsyncStub") -> list[tuple[int, int, str, str]]:
    listed = await api.ListAvailabilities(pb.ListAvailabilitiesRequest(station_id="CS-1"))
    return [
        (
            row.evse_id,
            row.connector_id,
            pb.AvailabilityState.Name(row.state).removeprefix("AVAILABILITY_STATE_"),
            ocpp.OperationalStatusEnum.Name(row.actual).removeprefix("OPERATIONAL_STATUS_ENUM_"),
        )
        for row in listed.availabilities
    ]


async def test_what_was_asked_for_is_kept_and_compared_with_what_is(
    core: RunningCore, station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    """Scheduled (G03.FR.05) until its connectors say so; refused stays refused; nothing is lost by another wish."""
    await station.call_all([status("OCCUPIED", 0, 1), status("AVAILABLE", 0, 2), status("AVAILABLE", 0, 2, 2)])
    answers(station, "SCHEDULED", "REJECTED", "ACCEPTED")

    for wish in (change("INOPERATIVE", 1), change("INOPERATIVE"), change("INOPERATIVE", 2, 2)):
        await api.ChangeAvailability(wish)

    assert await states(api) == [
        (0, 0, "REFUSED", "OPERATIVE"),
        (1, 0, "SCHEDULED", "OPERATIVE"),
        # The station took it; what it reported before says nothing about it.
        (2, 2, "REACHED", "OPERATIVE"),
    ]
    page = await api.ListAvailabilities(pb.ListAvailabilitiesRequest(page_size=1))
    assert page.next_page_token
    assert page.availabilities[0].problem == "Rejected: Busy"

    await station.call(status("UNAVAILABLE", 9, 1))
    assert (await states(api))[1] == (1, 0, "REACHED", "INOPERATIVE")
    shown = await core.stub(StationsServiceStub).GetStation(GetStationRequest(station_id="CS-1"))
    wanted = {(evse.evse_id, plug.connector_id): plug.wanted for evse in shown.evses for plug in evse.connectors}
    inoperative = ocpp.OperationalStatusEnum.OPERATIONAL_STATUS_ENUM_INOPERATIVE
    assert wanted == {(1, 1): inoperative, (2, 1): inoperative, (2, 2): inoperative}


async def test_connector_that_serves_again_after_a_reboot_differs_until_its_station_is_asked_again(
    core: RunningCore, station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    """What is set to inoperative stays so over a reboot (G03.FR.08), unless the station forgets."""
    answers(station, "ACCEPTED", "SCHEDULED")
    await api.ChangeAvailability(change("INOPERATIVE", 1))
    await api.ChangeAvailability(change("INOPERATIVE", 2))
    await station.call_all([now("UNAVAILABLE", 1), now("UNAVAILABLE", 2)])
    assert [state for *_, state, _ in await states(api)] == ["REACHED", "REACHED"]

    await station.call(BootNotificationRequest(reason=BootReasonEnum.BOOT_REASON_ENUM_POWER_UP))
    await station.call_all([now("AVAILABLE", 1), now("AVAILABLE", 2)])

    assert [state for *_, state, _ in await states(api)] == ["DIFFERS", "DIFFERS"]

    asked = len(station.edge.commands)
    answers(station, "ACCEPTED", "SCHEDULED")
    reminders = AvailabilityReminders(core.core.services)
    for _ in range(2):
        await reminders.run()

    requests = [command.request.change_availability for command in station.edge.commands[asked:]]
    assert sorted(request.evse.id for request in requests) == [1, 2], "once after a boot"
    await station.call_all([now("UNAVAILABLE", 1), now("UNAVAILABLE", 2)])
    assert [state for *_, state, _ in await states(api)] == ["REACHED", "REACHED"]


async def test_command_without_an_answer_is_kept_as_refused(
    core: RunningCore, station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    station.edge.on_command = lambda command: link.CommandFailure(
        reason=link.CommandFailure.REASON_CALL_ERROR, error=link.CallError(code="InternalError", description="broken")
    )

    with pytest.raises(grpc.aio.AioRpcError):
        await api.ChangeAvailability(change("OPERATIVE"))

    [shown] = (await api.ListAvailabilities(pb.ListAvailabilitiesRequest())).availabilities
    assert (shown.state, shown.HasField("answer")) == (pb.AVAILABILITY_STATE_REFUSED, False)
    assert shown.problem == "InternalError: broken"


async def test_G01_events_tell_states_of_connectors_evses_and_stations(
    station: FakeSession, api: "AvailabilityServiceAsyncStub"
) -> None:
    """The newest by the station's clock counts, whichever message it came in."""
    await station.call(status("AVAILABLE", 5, 1))
    await station.call(event("Connector", "Occupied", 3, EVSE(id=1, connector_id=1)))
    assert [row.status for row in await connectors(api)] == [ocpp.CONNECTOR_STATUS_ENUM_AVAILABLE]

    await station.call(event("connector", "unavailable", 7, EVSE(id=1, connector_id=1)))
    await station.call(event("EVSE", "Unavailable", 7, EVSE(id=1)))
    await station.call(event("ChargingStation", "Faulted", 7))
    await station.call(status("AVAILABLE", 6, 1))

    assert [(row.evse_id, row.connector_id, row.status) for row in await connectors(api)] == [
        (0, 0, ocpp.CONNECTOR_STATUS_ENUM_FAULTED),
        (1, 0, ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE),
        (1, 1, ocpp.CONNECTOR_STATUS_ENUM_UNAVAILABLE),
    ]


def now(what: str, evse_id: int) -> ocpp.StatusNotificationRequest:
    request = status(what, 0, evse_id)
    request.timestamp.GetCurrentTime()
    return request


async def connectors(api: "AvailabilityServiceAsyncStub") -> list[pb.ConnectorStatus]:
    return list((await api.ListConnectors(pb.ListConnectorsRequest())).connectors)
