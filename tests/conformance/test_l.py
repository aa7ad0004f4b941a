"""Block L, Firmware management: secure updates, and firmware that local controllers publish."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now
from tests.support.firmware import CERTIFICATE, LOCATION, SHA256, SIGNATURE, signed_firmware

CHECKSUM = "0cc175b9c0f1b6a831c399e269772661"

TO_INSTALLING = ("Downloading", "Downloaded", "SignatureVerified", "Installing")


def later(hours: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime.now(UTC) + timedelta(hours=hours))
    return time


async def update(
    station: ConformanceStation, api: Citrine, status: str, firmware: ocpp.Firmware | None = None
) -> dict[str, Any]:
    """Have a station asked for an update, which it answers; return what it was sent."""
    request = pb.UpdateFirmwareRequest(
        target=CommandTarget(station_id=station.station_id),
        request=ocpp.UpdateFirmwareRequest(firmware=firmware or signed_firmware()),
        sha256=SHA256,
    )
    rpc = api.firmware_management.UpdateFirmware(request)
    asked, response = await station.asked_by(rpc, "UpdateFirmware", {"status": status})
    assert response.request_id == asked["requestId"]
    assert asked["firmware"]["location"] == LOCATION
    assert asked["firmware"]["signingCertificate"] == CERTIFICATE
    assert asked["firmware"]["signature"] == SIGNATURE
    return asked


async def tell(station: ConformanceStation, asked: dict[str, Any], *statuses: str) -> None:
    for status in statuses:
        told = {"status": status, "requestId": asked["requestId"]}
        assert await station.call("FirmwareStatusNotification", told) == {}


async def reboot(station: ConformanceStation, asked: dict[str, Any], outcome: str) -> None:
    """Reboot into the firmware, tell the state of the connectors, and how it went."""
    await tell(station, asked, "InstallRebooting")
    answer = await states.booted(station, reason="FirmwareUpdate")
    assert answer["status"] == "Accepted"
    await tell(station, asked, outcome)


async def state_of(station: ConformanceStation, api: Citrine, asked: dict[str, Any]) -> tuple[str, str]:
    """Return the state of an update and why it is in it."""
    shown = await api.firmware_management.GetFirmwareUpdate(
        pb.GetFirmwareUpdateRequest(station_id=station.station_id, request_id=asked["requestId"])
    )
    return pb.FirmwareUpdateState.Name(shown.state).removeprefix("FIRMWARE_UPDATE_STATE_"), shown.reason


async def security_event(station: ConformanceStation, api: Citrine, kind: str) -> None:
    assert await station.call("SecurityEventNotification", {"type": kind, "timestamp": now()}) == {}
    events = await api.security.ListSecurityEvents(ListSecurityEventsRequest(station_id=station.station_id))
    assert [event.request.type for event in events.security_events] == [kind]


async def test_TC_L_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A signed firmware is downloaded and installed."""
    await states.booted(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, *TO_INSTALLING)
    await reboot(station, asked, "Installed")

    assert await state_of(station, api, asked) == ("INSTALLED", "")


async def test_TC_L_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A signed firmware is installed at a time that is set."""
    await states.booted(station)
    firmware = signed_firmware()
    firmware.install_date_time.CopyFrom(later(1))

    asked = await update(station, api, "Accepted", firmware)
    assert asked["firmware"]["installDateTime"] > now()
    await tell(station, asked, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled")
    assert await state_of(station, api, asked) == ("INSTALL_SCHEDULED", "")
    await tell(station, asked, "Installing")
    await reboot(station, asked, "Installed")

    assert await state_of(station, api, asked) == ("INSTALLED", "")


async def test_TC_L_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A signed firmware is downloaded at a time that is set."""
    await states.booted(station)
    firmware = signed_firmware()
    firmware.retrieve_date_time.CopyFrom(later(1))

    asked = await update(station, api, "Accepted", firmware)
    assert asked["firmware"]["retrieveDateTime"] > now()
    await tell(station, asked, "DownloadScheduled")
    assert await state_of(station, api, asked) == ("DOWNLOAD_SCHEDULED", "")
    await tell(station, asked, *TO_INSTALLING)
    await reboot(station, asked, "Installed")

    assert await state_of(station, api, asked) == ("INSTALLED", "")


async def test_TC_L_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The station says that the signing certificate is revoked."""
    await states.booted(station)

    asked = await update(station, api, "RevokedCertificate")

    assert await state_of(station, api, asked) == ("REFUSED", "RevokedCertificate")


async def test_TC_L_05_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The station says that the signing certificate is invalid."""
    await states.booted(station)

    asked = await update(station, api, "InvalidCertificate")
    await security_event(station, api, "InvalidFirmwareSigningCertificate")

    assert await state_of(station, api, asked) == ("REFUSED", "InvalidCertificate")


async def test_TC_L_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The station says that the signature is invalid."""
    await states.booted(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, "Downloading", "Downloaded", "InvalidSignature")
    await security_event(station, api, "InvalidFirmwareSignature")

    assert await state_of(station, api, asked) == ("FAILED", "InvalidSignature")


async def test_TC_L_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The station can't download the firmware."""
    await states.booted(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, "Downloading", "DownloadFailed")

    assert await state_of(station, api, asked) == ("FAILED", "DownloadFailed")


async def test_TC_L_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The firmware does not pass the station's check before its installation."""
    await states.booted(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, *TO_INSTALLING, "InstallVerificationFailed")

    assert await state_of(station, api, asked) == ("FAILED", "InstallVerificationFailed")


async def test_TC_L_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The installation fails after the reboot."""
    await states.booted(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, *TO_INSTALLING)
    await reboot(station, asked, "InstallationFailed")

    assert await state_of(station, api, asked) == ("FAILED", "InstallationFailed")


async def test_TC_L_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A second update cancels the one that is under way."""
    await states.booted(station)

    first = await update(station, api, "Accepted")
    await tell(station, first, "Downloading")
    second = await update(station, api, "AcceptedCanceled")
    assert second["requestId"] != first["requestId"]
    await tell(station, second, *TO_INSTALLING)
    await reboot(station, second, "Installed")

    assert (await state_of(station, api, first))[0] == "SUPERSEDED"
    assert await state_of(station, api, second) == ("INSTALLED", "")


async def test_TC_L_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A second update is rejected, and the one that is under way goes on."""
    await states.booted(station)

    first = await update(station, api, "Accepted")
    await tell(station, first, "Downloading")
    second = await update(station, api, "Rejected")
    await tell(station, first, "Downloaded", "SignatureVerified", "Installing")
    await reboot(station, first, "Installed")

    assert await state_of(station, api, first) == ("INSTALLED", "")
    assert await state_of(station, api, second) == ("REFUSED", "Rejected")


async def test_TC_L_13_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An update waits for a transaction to end, while other EVSEs take no new one."""
    await states.booted(station)
    await states.connector_status(station, "Available", evse_id=2)
    await states.energy_transfer_started(station)

    asked = await update(station, api, "Accepted")
    await tell(station, asked, "DownloadScheduled")
    await states.connector_status(station, "Unavailable", evse_id=2)
    await states.stop_authorized(station)
    await states.ev_connected_post_session(station)
    await states.ev_disconnected(station)
    await tell(station, asked, *TO_INSTALLING)
    await reboot(station, asked, "Installed")

    assert await state_of(station, api, asked) == ("INSTALLED", "")


async def publish(station: ConformanceStation, api: Citrine, *statuses: str) -> pb.FirmwarePublication:
    """Have firmware published, and the local controller tell statuses of it; return what is shown then."""
    await states.booted(station)
    request = pb.PublishFirmwareRequest(
        target=CommandTarget(station_id=station.station_id),
        request=ocpp.PublishFirmwareRequest(location=LOCATION, checksum=CHECKSUM),
    )
    rpc = api.firmware_management.PublishFirmware(request)
    asked, response = await station.asked_by(rpc, "PublishFirmware", {"status": "Accepted"})
    assert asked == {"location": LOCATION, "checksum": CHECKSUM, "requestId": response.request_id}
    for status in statuses:
        told: dict[str, Any] = {"status": status, "requestId": asked["requestId"]}
        if status == "Published":
            told["location"] = [LOCATION]
        assert await station.call("PublishFirmwareStatusNotification", told) == {}
    return await api.firmware_management.GetFirmwarePublication(
        pb.GetFirmwarePublicationRequest(station_id=station.station_id, request_id=asked["requestId"])
    )


async def test_TC_L_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller publishes firmware."""
    shown = await publish(station, api, "Downloading", "Downloaded", "ChecksumVerified", "Published")

    assert shown.state == pb.PUBLICATION_STATE_PUBLISHED
    assert shown.locations == [LOCATION]


async def test_TC_L_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller finds that the checksum of the firmware is wrong."""
    shown = await publish(station, api, "Downloading", "Downloaded", "InvalidChecksum")

    assert (shown.state, shown.reason) == (pb.PUBLICATION_STATE_FAILED, "InvalidChecksum")


async def test_TC_L_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller can't publish the firmware."""
    shown = await publish(station, api, "Downloading", "Downloaded", "ChecksumVerified", "PublishFailed")

    assert (shown.state, shown.reason) == (pb.PUBLICATION_STATE_FAILED, "PublishFailed")


async def unpublish(station: ConformanceStation, api: Citrine, status: str) -> pb.UnpublishFirmwareResponse:
    """Have firmware unpublished, which the local controller answers; return that answer."""
    await states.booted(station)
    request = pb.UnpublishFirmwareRequest(
        target=CommandTarget(station_id=station.station_id),
        request=ocpp.UnpublishFirmwareRequest(checksum=CHECKSUM),
    )
    rpc = api.firmware_management.UnpublishFirmware(request)
    asked, response = await station.asked_by(rpc, "UnpublishFirmware", {"status": status})
    assert asked == {"checksum": CHECKSUM}
    return response


async def test_TC_L_21_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller publishes firmware no longer."""
    response = await unpublish(station, api, "Unpublished")

    assert response.response.status == ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_UNPUBLISHED


async def test_TC_L_22_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller is to unpublish firmware that it does not publish."""
    response = await unpublish(station, api, "NoFirmware")

    assert response.response.status == ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_NO_FIRMWARE


async def test_TC_L_23_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller goes on publishing firmware that a station downloads."""
    response = await unpublish(station, api, "DownloadOngoing")

    assert response.response.status == ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_ONGOING


async def test_TC_L_24_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A local controller can't download the firmware."""
    shown = await publish(station, api, "Downloading", "DownloadFailed")

    assert (shown.state, shown.reason) == (pb.PUBLICATION_STATE_FAILED, "DownloadFailed")
