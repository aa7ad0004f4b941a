from typing import Any

from citrine_simulator.answers.firmware import STEP
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock

PAST = "2020-01-01T00:00:00Z"

LOCATION = "https://firmware.example/one-2.5.bin"


def firmware(request_id: int, location: str = LOCATION, **more: Any) -> dict[str, Any]:
    return {"requestId": request_id, "firmware": {"location": location, "retrieveDateTime": PAST, **more}}


async def pass_steps(csms: Csms, clock: ManualClock, action: str, first: int, last: int) -> None:
    for count in range(first, last + 1):
        await clock.pass_by(STEP)
        await csms.until_count(action, count)


async def test_an_update_is_installed_with_a_reboot(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    station = await make_station()
    booted = station.expect("accepted")

    answer = await csms.call("CS-1", "UpdateFirmware", firmware(7, signingCertificate="c", signature="s"))
    await pass_steps(csms, clock, "FirmwareStatusNotification", 1, 5)
    await booted
    await csms.until_count("FirmwareStatusNotification", 6)

    assert answer == {"status": "Accepted"}
    told = csms.of("FirmwareStatusNotification")
    assert [one["status"] for one in told] == [
        "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"
    ]  # fmt: skip
    assert {one["requestId"] for one in told} == {7}
    boot = csms.of("BootNotification")[1]
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "2.5")


async def test_L01_FR_24_another_update_cancels_the_one_under_way(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    await make_station()
    await csms.call("CS-1", "UpdateFirmware", firmware(1))
    await pass_steps(csms, clock, "FirmwareStatusNotification", 1, 1)

    answer = await csms.call("CS-1", "UpdateFirmware", firmware(2, "ftp://firmware.invalid/one.bin"))
    await pass_steps(csms, clock, "FirmwareStatusNotification", 2, 3)

    assert answer == {"status": "AcceptedCanceled"}
    told = [(one["requestId"], one["status"]) for one in csms.of("FirmwareStatusNotification")]
    assert told == [(1, "Downloading"), (2, "Downloading"), (2, "DownloadFailed")]


async def test_L01_FR_06_an_installation_waits_for_the_transaction(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    station = await make_station()
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await csms.call("CS-1", "UpdateFirmware", firmware(1))
    await pass_steps(csms, clock, "FirmwareStatusNotification", 1, 2)
    await csms.until_count("FirmwareStatusNotification", 3)
    await csms.call("CS-1", "TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    await csms.until_count("FirmwareStatusNotification", 4)

    await station.stop_transaction(transaction_id)
    await pass_steps(csms, clock, "FirmwareStatusNotification", 5, 5)

    told = [one["status"] for one in csms.of("FirmwareStatusNotification")]
    assert told[2:] == ["InstallScheduled", "InstallScheduled", "Installing"]


async def test_firmware_is_published_and_unpublished(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    await make_station()
    checksum = "0cc175b9c0f1b6a831c399e269772661"
    publish = {"location": LOCATION, "checksum": checksum, "requestId": 3}

    await csms.call("CS-1", "PublishFirmware", publish)
    await pass_steps(csms, clock, "PublishFirmwareStatusNotification", 1, 4)

    assert csms.of("PublishFirmwareStatusNotification")[-1] == {
        "status": "Published", "requestId": 3, "location": [LOCATION]
    }  # fmt: skip
    answers = [await csms.call("CS-1", "UnpublishFirmware", {"checksum": checksum}) for _ in range(2)]
    assert [answer["status"] for answer in answers] == ["Unpublished", "NoFirmware"]
