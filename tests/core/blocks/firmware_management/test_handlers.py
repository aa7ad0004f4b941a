"""What becomes of updates by what stations say, or do not say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2 import DeleteStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1.link_pb2 import CallError, Command, CommandFailure
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import StatusInfo
from citrine_core.blocks.firmware_management import Silence
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession
from tests.support.firmware import LOCATION, Garage, boot, tell
from tests.support.statements import statements


async def silence(garage: Garage, **later: float) -> None:
    """Do what is due after a time in which nothing was heard."""
    services = garage.core.core.services
    ahead = timedelta(**later)
    await Silence(replace(services, clock=lambda: services.clock() + ahead)).run()


async def history(garage: Garage, request_id: int | None = None) -> list[str]:
    request = pb.ListFirmwareStatusesRequest(station_id="CS-1", request_id=request_id)
    page = await garage.updates.ListFirmwareStatuses(request)
    names = [ocpp.FirmwareStatusEnum.Name(row.message.status) for row in page.statuses]
    return [name.removeprefix("FIRMWARE_STATUS_ENUM_") for name in names]


async def test_an_update_follows_what_its_station_says(garage: Garage, station: FakeSession) -> None:
    """A status that comes again, as on TriggerMessage (L01.FR.26), is there once; the message is kept whole."""
    update = await garage.update(firmware_version="2.0")
    assert await garage.state() == "ACCEPTED"

    await tell(station, update, "DOWNLOADING", "DOWNLOADING", "DOWNLOADED", "SIGNATURE_VERIFIED", "INSTALLING")
    await tell(station, update, "INSTALL_REBOOTING")
    await boot(station, "2.0")
    await tell(station, update, "INSTALLED")

    found = await garage.get(update)
    assert found.state == pb.FIRMWARE_UPDATE_STATE_INSTALLED
    assert (found.version_before, found.version_after) == ("1.0", "2.0")
    assert found.version_check == pb.VERSION_CHECK_MATCHES
    assert found.HasField("finish_time")
    assert not found.HasField("deadline_time")
    assert await history(garage, update) == [
        "DOWNLOADING", "DOWNLOADED", "SIGNATURE_VERIFIED", "INSTALLING", "INSTALL_REBOOTING", "INSTALLED"
    ]  # fmt: skip
    event = await garage.until(lambda event: name_in(event.firmware_update_changed, "state") == "INSTALLED")
    assert event.firmware_update_changed.version_after == "2.0"


async def test_statuses_of_many_stations_take_a_handful_of_statements(garage: Garage) -> None:
    garage.answer()
    sessions = []
    for number in range(20):
        await garage.add(f"CS-{number}")
        sessions.append(await garage.connect(f"CS-{number}"))
    ids = [await garage.update(session.station_id) for session in sessions]
    engine = garage.core.core.engine

    with statements(engine) as seen:
        calls = [
            garage.edge.put_call(
                session.ref,
                ocpp.FirmwareStatusNotificationRequest(
                    status=ocpp.FIRMWARE_STATUS_ENUM_DOWNLOADING, request_id=request_id
                ),
            )
            for session, request_id in zip(sessions, ids, strict=True)
        ]
        for call in calls:
            await garage.edge.answer_to(call)

    assert len([sql for sql, _ in seen if "INSERT INTO firmware_statuses" in sql]) <= 4
    assert len([sql for sql, _ in seen if sql.lstrip().startswith("UPDATE firmware_updates")]) <= 4


async def test_the_version_of_the_next_boot_is_checked_against_what_was_wanted(
    garage: Garage, station: FakeSession
) -> None:
    """L01.FR.32 (b): Installed may come before the reboot that activates it."""
    update = await garage.update(firmware_version="2.0")
    await tell(station, update, "INSTALLED")
    assert (await garage.get()).version_check == pb.VERSION_CHECK_UNSPECIFIED

    await boot(station, "1.0")
    await boot(station, "3.0")

    found = await garage.get()
    assert (found.state, found.version_check) == (pb.FIRMWARE_UPDATE_STATE_INSTALLED, pb.VERSION_CHECK_DIFFERS)
    assert found.version_after == "1.0"


async def test_L01_FR_24_an_update_that_was_cancelled_may_still_be_said_to_have_failed(
    garage: Garage, station: FakeSession
) -> None:
    first = await garage.update()
    await tell(station, first, "DOWNLOADING")
    garage.answer("ACCEPTED_CANCELED")

    second = await garage.update()
    await tell(station, first, "DOWNLOAD_FAILED")

    found = await garage.get(first)
    assert (found.state, found.superseded_by) == (pb.FIRMWARE_UPDATE_STATE_SUPERSEDED, second)
    assert await history(garage, first) == ["DOWNLOADING", "DOWNLOAD_FAILED"]
    assert await garage.state(second) == "ACCEPTED"


async def test_nobody_knows_what_became_of_an_update_when_another_is_plainly_accepted(
    garage: Garage, station: FakeSession
) -> None:
    first = await garage.update()

    await garage.update()
    assert await garage.state(first) == "UNKNOWN"

    await tell(station, first, "INSTALLED")
    assert await garage.state(first) == "INSTALLED"


async def test_idle_ends_an_update_that_the_station_forgot(garage: Garage, station: FakeSession) -> None:
    """L01.FR.20: Idle comes without a request id. It says Installed where the boot showed that."""
    idle = ocpp.FirmwareStatusNotificationRequest(status=ocpp.FIRMWARE_STATUS_ENUM_IDLE)
    await station.call(idle)
    first = await garage.update(firmware_version="2.0")
    await tell(station, first, "INSTALLING")
    await station.call(idle)
    assert await garage.state(first) == "UNKNOWN"

    second = await garage.update(firmware_version="2.0")
    await tell(station, second, "INSTALLING")
    await boot(station, "2.0")
    await station.call(idle)

    assert await garage.state(second) == "INSTALLED"
    assert await history(garage, first) == ["INSTALLING", "IDLE"]
    assert (await history(garage))[0] == "IDLE"


async def test_an_update_that_somebody_else_asked_for_is_shown(garage: Garage, station: FakeSession) -> None:
    await tell(station, 7, "DOWNLOADING", "INVALID_SIGNATURE")

    found = await garage.get(7)
    assert (found.state, found.reason) == (pb.FIRMWARE_UPDATE_STATE_FAILED, "InvalidSignature")
    assert not found.HasField("request")
    assert found.requested_by == ""


async def test_an_update_by_call_station_is_followed(garage: Garage, station: FakeSession) -> None:
    payload: dict[str, Any] = {
        "requestId": 9,
        "firmware": {"location": LOCATION, "retrieveDateTime": "2026-01-01T00:00:00Z"},
    }
    call = CallStationRequest(target=CommandTarget(station_id="CS-1"), action="UpdateFirmware")
    call.payload.update(payload)
    api = garage.core.stub(CommandsServiceStub)

    await api.CallStation(call)
    await tell(station, 9, "DOWNLOADING", "DOWNLOAD_FAILED")
    assert await garage.state(9) == "FAILED"

    with pytest.raises(grpc.aio.AioRpcError) as again:
        await api.CallStation(call)
    assert again.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_a_refusal_is_told_with_its_reason(garage: Garage, station: FakeSession) -> None:
    garage.edge.on_command = lambda command: ocpp.UpdateFirmwareResponse(
        status=ocpp.UPDATE_FIRMWARE_STATUS_ENUM_REJECTED, status_info=StatusInfo(reason_code="Busy")
    )
    update = await garage.update()

    found = await garage.get(update)
    assert (found.state, found.answer) == (
        pb.FIRMWARE_UPDATE_STATE_REFUSED,
        ocpp.UPDATE_FIRMWARE_STATUS_ENUM_REJECTED,
    )
    assert found.reason == "Rejected: Busy"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("failure", "state"),
    [
        pytest.param(
            CommandFailure(reason=CommandFailure.REASON_CALL_ERROR, error=CallError(code="NotImplemented")),
            "NOT_SENT",
            id="call-error",
        ),
        pytest.param(CommandFailure(reason=CommandFailure.REASON_LOST), "UNKNOWN", id="lost"),
        pytest.param(CommandFailure(reason=CommandFailure.REASON_GONE), "NOT_SENT", id="gone"),
    ],
)
async def test_a_request_that_is_not_answered_ends_the_update(
    garage: Garage, station: FakeSession, failure: CommandFailure, state: str
) -> None:
    """Where the connection broke the station may have begun, and says so then."""

    def fail(command: Command) -> Message:
        return failure

    garage.edge.on_command = fail
    with pytest.raises(grpc.aio.AioRpcError):
        await garage.update()

    found = await garage.get()
    assert await garage.state() == state
    assert found.reason
    await tell(station, found.request_id, "DOWNLOADING")
    assert await garage.state() == "DOWNLOADING"


async def test_an_update_that_nothing_is_heard_of_is_unknown_after_a_time(garage: Garage, station: FakeSession) -> None:
    """The time until a scheduled installation does not count; what the boot showed does."""
    request = pb.UpdateFirmwareRequest(target=CommandTarget(station_id="CS-1"))
    request.request.firmware.location = LOCATION
    request.request.firmware.install_date_time.FromDatetime(garage.core.core.services.clock() + timedelta(days=2))
    update = (await garage.updates.UpdateFirmware(request)).request_id
    await tell(station, update, "INSTALL_SCHEDULED")

    await silence(garage, hours=71)
    assert await garage.state() == "INSTALL_SCHEDULED"
    await silence(garage, hours=73)
    assert await garage.state() == "UNKNOWN"

    update = await garage.update(firmware_version="2.0")
    await tell(station, update, "INSTALLING")
    await boot(station, "2.0")
    await silence(garage, hours=25)
    assert await garage.state() == "INSTALLED"


async def test_a_station_that_is_registered_again_inherits_nothing(garage: Garage, station: FakeSession) -> None:
    update = await garage.update()
    await tell(station, update, "DOWNLOADING")

    await garage.core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-1"))

    page = await garage.updates.ListFirmwareUpdates(pb.ListFirmwareUpdatesRequest())
    assert list(page.updates) == []
    await garage.core.add_station("CS-1")
    assert await history(garage) == []
