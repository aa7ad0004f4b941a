"""FirmwareManagementService: what is refused before a station is asked, and what is shown."""

import grpc
import pytest

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession
from tests.support.firmware import LOCATION, SHA256, SIGNATURE, Garage, signed_firmware, tell


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("message", "field"),
    [
        pytest.param(
            ocpp.UpdateFirmwareRequest(firmware=ocpp.Firmware(location=LOCATION, signature=SIGNATURE)),
            "request.firmware.signing_certificate",
            id="signature alone",
        ),
        pytest.param(
            ocpp.UpdateFirmwareRequest(firmware=ocpp.Firmware(location=LOCATION), retries=-1),
            "request.retries",
            id="retries",
        ),
        pytest.param(
            ocpp.UpdateFirmwareRequest(firmware=ocpp.Firmware(location=LOCATION), retry_interval=-1),
            "request.retry_interval",
            id="interval",
        ),
    ],
)
async def test_firmware_that_can_not_be_right_is_sent_to_nobody(
    garage: Garage, station: FakeSession, message: ocpp.UpdateFirmwareRequest, field: str
) -> None:
    request = pb.UpdateFirmwareRequest(target=CommandTarget(station_id="CS-1"), request=message)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.updates.UpdateFirmware(request)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith(f"{field}:")
    assert garage.edge.commands == []
    assert list((await garage.updates.ListFirmwareUpdates(pb.ListFirmwareUpdatesRequest())).updates) == []


async def test_the_core_chooses_the_request_id_and_the_time(garage: Garage, station: FakeSession) -> None:
    """What is sent is whole; what is shown has the password of the location masked."""
    firmware = signed_firmware()
    firmware.location = "ftp://user:secret@firmware.example/one.bin"
    request = pb.UpdateFirmwareRequest(
        target=CommandTarget(station_id="CS-1"),
        request=ocpp.UpdateFirmwareRequest(firmware=firmware, retries=3),
        sha256=SHA256,
    )

    response = await garage.updates.UpdateFirmware(request)

    sent = unwrap(garage.edge.commands[0].request)
    assert isinstance(sent, ocpp.UpdateFirmwareRequest)
    assert sent.request_id == response.request_id > 0
    assert sent.firmware.location == firmware.location
    assert sent.firmware.HasField("retrieve_date_time")
    found = await garage.get()
    assert found.request.firmware.location == "ftp://user:********@firmware.example/one.bin"
    assert (found.request.retries, found.command_id) == (3, response.command.command_id)


async def test_a_request_id_is_used_once(garage: Garage, station: FakeSession) -> None:
    request = pb.UpdateFirmwareRequest(
        target=CommandTarget(station_id="CS-1"),
        request=ocpp.UpdateFirmwareRequest(request_id=5, firmware=signed_firmware()),
        sha256=SHA256,
    )
    await garage.updates.UpdateFirmware(request)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.updates.UpdateFirmware(request)

    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS


async def test_an_update_waits_for_a_station_that_is_offline_where_it_is_asked_to(garage: Garage) -> None:
    await garage.add("CS-1")
    garage.answer()
    request = pb.UpdateFirmwareRequest(
        target=CommandTarget(station_id="CS-1", when_online=True),
        request=ocpp.UpdateFirmwareRequest(firmware=signed_firmware()),
        sha256=SHA256,
    )

    response = await garage.updates.UpdateFirmware(request)
    assert not response.HasField("response")
    assert await garage.state() == "REQUESTED"
    await garage.connect("CS-1")
    await garage.until(lambda event: name_in(event.firmware_update_changed, "state") == "ACCEPTED")

    request.target.when_online = False
    request.target.station_id = "CS-2"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.updates.UpdateFirmware(request)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_updates_and_statuses_are_listed_page_by_page(garage: Garage, station: FakeSession) -> None:
    ids = []
    for _ in range(3):
        ids.append(await garage.update())
        await tell(station, ids[-1], "DOWNLOADING", "INSTALLED")

    listed = []
    request = pb.ListFirmwareUpdatesRequest(page_size=2, station_id="CS-1")
    while True:
        page = await garage.updates.ListFirmwareUpdates(request)
        listed += [update.request_id for update in page.updates]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    active = await garage.updates.ListFirmwareUpdates(pb.ListFirmwareUpdatesRequest(active_only=True))
    first = await garage.updates.ListFirmwareStatuses(pb.ListFirmwareStatusesRequest(station_id="CS-1", page_size=5))

    assert listed == ids[::-1]
    assert list(active.updates) == []
    assert len(first.statuses) == 5
    assert first.next_page_token
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await garage.get(station_id="CS-2")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
