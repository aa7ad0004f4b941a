"""OCPP 1.6, firmware and diagnostics, and the same of the security whitepaper."""

from collections.abc import Callable
from typing import Any

from citrine.api.v1 import diagnostics_pb2, firmware_management_pb2
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine.ocpp.v2 import diagnostics_pb2 as diagnostics
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now
from tests.support.firmware import CERTIFICATE, LOCATION, SHA256, SIGNATURE, signed_firmware

UPLOAD = "https://logs.example/inbox"


async def update(station: ConformanceStation, api: Citrine, firmware: ocpp.Firmware, action: str) -> dict[str, Any]:
    """Have firmware installed; return what the station is sent."""
    answer: dict[str, Any] = {} if action == "UpdateFirmware" else {"status": "Accepted"}
    rpc = api.firmware_management.UpdateFirmware(
        firmware_management_pb2.UpdateFirmwareRequest(
            target=states.target(station),
            request=ocpp.UpdateFirmwareRequest(firmware=firmware),
            sha256=SHA256 if firmware.signature else "",
        )
    )
    asked, _ = await station.asked_by(rpc, action, answer)
    return asked


async def tell(station: ConformanceStation, *told: str, reboots: bool = False) -> None:
    """Tell how an unsigned update goes; reboot before the last of it."""
    for number, status in enumerate(told):
        if reboots and number == len(told) - 1:
            await station.connect()
            await states.booted(station)
        assert await station.call("FirmwareStatusNotification", {"status": status}) == {}


async def state_of(station: ConformanceStation, api: Citrine) -> str:
    """Return the state of the latest update."""
    request = firmware_management_pb2.GetFirmwareUpdateRequest(station_id=station.station_id)
    found = await api.firmware_management.GetFirmwareUpdate(request)
    name = firmware_management_pb2.FirmwareUpdateState.Name(found.state)
    return name.removeprefix("FIRMWARE_UPDATE_STATE_")


async def security_events(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the types of the station's security events."""
    request = ListSecurityEventsRequest(station_id=station.station_id)
    return [event.request.type for event in (await api.security.ListSecurityEvents(request)).security_events]


async def test_TC_044_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Firmware is downloaded and installed."""
    await states.booted(station)

    asked = await update(station, api, ocpp.Firmware(location=LOCATION), "UpdateFirmware")
    await tell(station, "Downloading", "Downloaded", "Installing", "Installed", reboots=True)

    assert asked["location"] == LOCATION
    assert "retrieveDate" in asked
    assert await state_of(station, api) == "INSTALLED"


async def test_TC_044_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Firmware can't be downloaded."""
    await states.booted(station)

    await update(station, api, ocpp.Firmware(location=LOCATION), "UpdateFirmware")
    await tell(station, "Downloading", "DownloadFailed")

    assert await state_of(station, api) == "FAILED"


async def test_TC_044_3_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Firmware can't be installed."""
    await states.booted(station)

    await update(station, api, ocpp.Firmware(location=LOCATION), "UpdateFirmware")
    await tell(station, "Downloading", "Downloaded", "Installing", "InstallationFailed")

    assert await state_of(station, api) == "FAILED"


async def get_log(
    station: ConformanceStation,
    api: Citrine,
    kind: "diagnostics.LogEnum.ValueType",
    action: str,
    answer: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Have a log uploaded; return what the station is sent."""
    request = diagnostics.GetLogRequest(log=diagnostics.LogParameters(remote_location=UPLOAD), log_type=kind)
    rpc = api.diagnostics.GetLog(diagnostics_pb2.GetLogRequest(target=states.target(station), request=request))
    asked, _ = await station.asked_by(rpc, action, answer)
    return asked


async def uploads(station: ConformanceStation, api: Citrine) -> list[tuple[str, str]]:
    """Return file and status of the uploads of the station."""
    request = diagnostics_pb2.ListLogUploadsRequest(station_id=station.station_id)
    found = (await api.diagnostics.ListLogUploads(request)).log_uploads
    return [(one.filename, one.status) for one in found]


async def diagnostics_case(station: ConformanceStation, api: Citrine, status: str, shown: str) -> None:
    """Have diagnostics uploaded: the station does not know GetLog, which is asked for first."""
    await states.booted(station)
    rpc = api.diagnostics.GetLog(
        diagnostics_pb2.GetLogRequest(
            target=states.target(station),
            request=diagnostics.GetLogRequest(
                log=diagnostics.LogParameters(remote_location=UPLOAD), log_type=diagnostics.LOG_ENUM_DIAGNOSTICS_LOG
            ),
        )
    )

    asked = await station.asked_by_one_of(rpc, {"GetLog": None, "GetDiagnostics": {"fileName": "diagnostics.zip"}})
    for told in ("Uploading", status):
        assert await station.call("DiagnosticsStatusNotification", {"status": told}) == {}

    assert asked["location"] == UPLOAD
    assert await uploads(station, api) == [("diagnostics.zip", shown)]


async def test_TC_045_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Diagnostics are uploaded."""
    await diagnostics_case(station, api, "Uploaded", "Uploaded")


async def test_TC_045_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Diagnostics can't be uploaded."""
    await diagnostics_case(station, api, "UploadFailed", "UploadFailure")


async def test_TC_079_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The log of security events is uploaded."""
    await states.booted(station)

    asked = await get_log(
        station,
        api,
        diagnostics.LOG_ENUM_SECURITY_LOG,
        "GetLog",
        {"status": "Accepted", "filename": "security.zip"},
    )
    for status in ("Uploading", "Uploaded"):
        told = {"status": status, "requestId": asked["requestId"]}
        assert await station.call("LogStatusNotification", told) == {}

    assert (asked["logType"], asked["log"]["remoteLocation"]) == ("SecurityLog", UPLOAD)
    assert await uploads(station, api) == [("security.zip", "Uploaded")]


async def tell_signed(station: ConformanceStation, asked: dict[str, Any], *told: str) -> None:
    """Tell how a signed update goes."""
    for status in told:
        payload = {"status": status, "requestId": asked["requestId"]}
        assert await station.call("SignedFirmwareStatusNotification", payload) == {}


async def test_TC_080_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Signed firmware is downloaded, verified and installed."""
    await states.booted(station)

    asked = await update(station, api, signed_firmware(), "SignedUpdateFirmware")
    await tell_signed(
        station, asked, "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"
    )
    await station.connect()
    await states.booted(station)
    await tell_signed(station, asked, "Installed")

    firmware = asked["firmware"]
    assert (firmware["location"], firmware["signature"]) == (LOCATION, SIGNATURE)
    assert firmware["signingCertificate"] == CERTIFICATE
    assert await state_of(station, api) == "INSTALLED"


async def test_TC_081_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The signature of firmware is not right, which is a security event."""
    await states.booted(station)

    asked = await update(station, api, signed_firmware(), "SignedUpdateFirmware")
    await tell_signed(station, asked, "Downloading", "Downloaded", "InvalidSignature")
    event = {"type": "InvalidFirmwareSignature", "timestamp": now()}
    assert await station.call("SecurityEventNotification", event) == {}

    assert await state_of(station, api) == "FAILED"
    assert await security_events(station, api) == ["InvalidFirmwareSignature"]
