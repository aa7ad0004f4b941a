"""What becomes of firmware that local controllers publish."""

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GENERIC_STATUS_ENUM_ACCEPTED, GENERIC_STATUS_ENUM_REJECTED
from citrine_core.blocks.firmware_management import Silence
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession
from tests.support.firmware import LOCATION, Garage

CHECKSUM = "0CC175B9C0F1B6A831C399E269772661"

LOCAL = ["https://controller.example/one.bin", "ftp://controller.example/one.bin"]


async def publish(garage: Garage) -> pb.FirmwarePublication:
    request = pb.PublishFirmwareRequest(
        target=CommandTarget(station_id="CS-1"),
        request=ocpp.PublishFirmwareRequest(location=LOCATION, checksum=CHECKSUM),
    )
    await garage.updates.PublishFirmware(request)
    return await get(garage)


async def get(garage: Garage) -> pb.FirmwarePublication:
    return await garage.updates.GetFirmwarePublication(pb.GetFirmwarePublicationRequest(station_id="CS-1"))


async def unpublish(garage: Garage, status: str) -> None:
    answer = ocpp.UnpublishFirmwareResponse(
        status=ocpp.UnpublishFirmwareStatusEnum.Value(f"UNPUBLISH_FIRMWARE_STATUS_ENUM_{status}")
    )
    garage.edge.on_command = lambda command: answer
    await garage.updates.UnpublishFirmware(
        pb.UnpublishFirmwareRequest(
            target=CommandTarget(station_id="CS-1"), request=ocpp.UnpublishFirmwareRequest(checksum=CHECKSUM.lower())
        )
    )


async def tell(session: FakeSession, request_id: int | None, status: str, *locations: str) -> None:
    await session.call(
        ocpp.PublishFirmwareStatusNotificationRequest(
            status=ocpp.PublishFirmwareStatusEnum.Value(f"PUBLISH_FIRMWARE_STATUS_ENUM_{status}"),
            request_id=request_id,
            location=locations,
        )
    )


async def test_firmware_is_published_and_unpublished(garage: Garage, station: FakeSession) -> None:
    """L04.FR.04: it stays where a station downloads it just now."""
    garage.edge.on_command = lambda command: ocpp.PublishFirmwareResponse(status=GENERIC_STATUS_ENUM_ACCEPTED)
    shown = await publish(garage)
    assert shown.state == pb.PUBLICATION_STATE_ACCEPTED

    for status in ("DOWNLOADING", "DOWNLOADING", "DOWNLOADED", "CHECKSUM_VERIFIED"):
        await tell(station, shown.request_id, status)
    await tell(station, shown.request_id, "PUBLISHED", *LOCAL)
    await tell(station, None, "IDLE")
    await unpublish(garage, "DOWNLOAD_ONGOING")
    published = await get(garage)
    await unpublish(garage, "UNPUBLISHED")

    assert (published.state, list(published.locations)) == (pb.PUBLICATION_STATE_PUBLISHED, LOCAL)
    assert published.checksum == CHECKSUM.lower()
    assert (await get(garage)).state == pb.PUBLICATION_STATE_UNPUBLISHED
    page = await garage.updates.ListFirmwarePublicationStatuses(
        pb.ListFirmwarePublicationStatusesRequest(station_id="CS-1", request_id=shown.request_id)
    )
    assert len(page.statuses) == 5
    event = await garage.until(lambda event: name_in(event.firmware_publication_changed, "state") == "PUBLISHED")
    assert list(event.firmware_publication_changed.locations) == LOCAL


async def test_a_publication_may_be_refused_fail_or_be_forgotten(garage: Garage, station: FakeSession) -> None:
    garage.edge.on_command = lambda command: ocpp.PublishFirmwareResponse(status=GENERIC_STATUS_ENUM_REJECTED)
    refused = await publish(garage)
    garage.edge.on_command = lambda command: ocpp.PublishFirmwareResponse(status=GENERIC_STATUS_ENUM_ACCEPTED)
    failed = await publish(garage)
    await tell(station, failed.request_id, "INVALID_CHECKSUM")
    forgotten = await publish(garage)
    services = garage.core.core.services
    await Silence(replace(services, clock=lambda: services.clock() + timedelta(hours=25))).run()

    page = await garage.updates.ListFirmwarePublications(pb.ListFirmwarePublicationsRequest(station_id="CS-1"))

    assert [(shown.request_id, shown.state, shown.reason) for shown in page.publications] == [
        (forgotten.request_id, pb.PUBLICATION_STATE_UNKNOWN, "the local controller said nothing more of it"),
        (failed.request_id, pb.PUBLICATION_STATE_FAILED, "InvalidChecksum"),
        (refused.request_id, pb.PUBLICATION_STATE_REFUSED, "Rejected"),
    ]


async def test_a_checksum_is_an_md5(garage: Garage, station: FakeSession) -> None:
    request = pb.PublishFirmwareRequest(
        target=CommandTarget(station_id="CS-1"),
        request=ocpp.PublishFirmwareRequest(location=LOCATION, checksum=CHECKSUM[1:]),
    )

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.updates.PublishFirmware(request)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "request.checksum" in (refused.value.details() or "")
