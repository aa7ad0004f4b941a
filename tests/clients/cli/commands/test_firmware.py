"""`citrine firmware`: what is asked, what is printed, how it ends."""

from pathlib import Path

from citrine.api.v1 import firmware_campaigns_pb2 as campaigns
from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.common_pb2 import Command
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GENERIC_STATUS_ENUM_ACCEPTED, StatusInfo
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

URL = "https://firmware.example/one.bin"

MD5 = "0cc175b9c0f1b6a831c399e269772661"

COMMAND = Command(command_id="c-1", station_id="CS-1")

CAMPAIGN = campaigns.FirmwareCampaign(
    campaign_id="spring",
    state=campaigns.FIRMWARE_CAMPAIGN_STATE_STOPPED,
    reason="2 stations failed, and at most 1 may",
    progress=campaigns.FirmwareCampaignProgress(total=5, failed=2, succeeded=1, pending=2, offline=1),
)


def test_a_station_is_asked_to_update(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    answer = ocpp.UpdateFirmwareResponse(status=ocpp.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED)
    core.on("UpdateFirmware", pb.UpdateFirmwareResponse(command=COMMAND, response=answer, request_id=7))
    certificate = tmp_path / "signing.pem"
    certificate.write_text("a certificate")

    ran = citrine(
        "firmware", "update", "CS-1", URL, "--certificate", str(certificate), "--signature", "c2ln",
        "--sha256", "00" * 32,
        "--install", "2026-03-01T02:00:00Z", "--version", "2.0", "--retries", "0",
    )  # fmt: skip

    assert ran.lines == ["CS-1 answered Accepted", "update 7: citrine firmware status CS-1 7"]
    (request,) = core.requests("UpdateFirmware")
    firmware = request.request.firmware
    assert (firmware.location, firmware.signing_certificate, firmware.signature) == (URL, "a certificate", "c2ln")
    assert (request.sha256, request.skip_signature) == ("00" * 32, False)
    assert firmware.install_date_time.ToJsonString() == "2026-03-01T02:00:00Z"
    assert not firmware.HasField("retrieve_date_time")
    assert (request.request.HasField("retries"), request.firmware_version) == (True, "2.0")


def test_a_refusal_is_an_error(citrine: Cli, core: ScriptedCore) -> None:
    answer = ocpp.UpdateFirmwareResponse(
        status=ocpp.UPDATE_FIRMWARE_STATUS_ENUM_REJECTED, status_info=StatusInfo(reason_code="Busy")
    )
    core.on("UpdateFirmware", pb.UpdateFirmwareResponse(command=COMMAND, response=answer, request_id=7))

    ran = citrine("firmware", "update", "CS-1", URL)

    assert ran.code == 1
    assert "CS-1 answered Rejected (Busy)" in ran.err
    assert (
        "no-such-file can't be read" in citrine("firmware", "update", "CS-1", URL, "--certificate", "no-such-file").err
    )


def test_an_update_is_shown_with_its_history(citrine: Cli, core: ScriptedCore) -> None:
    update = pb.FirmwareUpdate(
        station_id="CS-1",
        request_id=7,
        state=pb.FIRMWARE_UPDATE_STATE_FAILED,
        reason="DownloadFailed",
        firmware_version="2.0",
        version_after="1.0",
        version_check=pb.VERSION_CHECK_DIFFERS,
    )
    statuses = [
        pb.FirmwareStatus(message=ocpp.FirmwareStatusNotificationRequest(status=status))
        for status in (ocpp.FIRMWARE_STATUS_ENUM_DOWNLOADING, ocpp.FIRMWARE_STATUS_ENUM_DOWNLOAD_FAILED)
    ]
    core.on("GetFirmwareUpdate", update)
    core.on("ListFirmwareStatuses", pb.ListFirmwareStatusesResponse(statuses=statuses))
    core.on("ListFirmwareUpdates", pb.ListFirmwareUpdatesResponse(updates=[update]))

    ran = citrine("firmware", "status", "CS-1")

    facts = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in ran.lines}
    assert (facts["state"], facts["because"], facts["version after"]) == ("failed", "DownloadFailed", "1.0 (differs)")
    assert [line.split()[-1] for line in ran.lines[-2:]] == ["Downloading", "DownloadFailed"]
    assert citrine("firmware", "status", "CS-1", "7", "--json").json["reason"] == "DownloadFailed"
    listed = citrine("firmware", "list", "--state", "failed", "--active")
    assert listed.lines[1].split()[:4] == ["7", "CS-1", "failed", "DownloadFailed"]
    (asked,) = core.requests("ListFirmwareUpdates")
    assert (asked.state, asked.active_only) == (pb.FIRMWARE_UPDATE_STATE_FAILED, True)
    assert "--state: 'gone' is none of" in citrine("firmware", "list", "--state", "gone").err


def test_firmware_is_published_and_unpublished(citrine: Cli, core: ScriptedCore) -> None:
    published = ocpp.PublishFirmwareResponse(status=GENERIC_STATUS_ENUM_ACCEPTED)
    core.on("PublishFirmware", pb.PublishFirmwareResponse(command=COMMAND, response=published, request_id=8))
    busy = ocpp.UnpublishFirmwareResponse(status=ocpp.UNPUBLISH_FIRMWARE_STATUS_ENUM_DOWNLOAD_ONGOING)
    core.on("UnpublishFirmware", pb.UnpublishFirmwareResponse(command=COMMAND, response=busy))
    publication = pb.FirmwarePublication(
        request_id=8, station_id="CS-1", state=pb.PUBLICATION_STATE_PUBLISHED, locations=[URL]
    )
    core.on("ListFirmwarePublications", pb.ListFirmwarePublicationsResponse(publications=[publication]))

    assert citrine("firmware", "publish", "CS-1", URL, MD5).lines == ["CS-1 answered Accepted", "publication 8"]
    refused = citrine("firmware", "unpublish", "CS-1", MD5)
    listed = citrine("firmware", "publications")

    assert core.requests("PublishFirmware")[0].request.checksum == MD5
    assert (refused.code, "CS-1 answered DownloadOngoing" in refused.err) == (1, True)
    assert listed.lines[1].split() == ["8", "CS-1", "published", URL]


def test_a_campaign_is_created(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateFirmwareCampaign", CAMPAIGN)

    ran = citrine(
        "firmware", "campaign", "create", URL, "--station", "CS-1", "--station", "CS-2", "--vendor", "Example",
        "--version", "2.0", "--parallel", "5", "--max-failures", "1", "--max-failure-percent", "12.5",
        "--attempts", "3", "--attempt-delay", "90", "--hours", "22:00-05:30", "--zone", "Europe/Berlin",
    )  # fmt: skip

    assert ran.lines == [
        "campaign spring is stopped: 1 succeeded, 2 failed, 2 waiting (1 of them offline) of 5 (60 % done)"
    ]
    (request,) = core.requests("CreateFirmwareCampaign")
    asked = request.campaign
    assert asked.selection == campaigns.FirmwareSelection(station_ids=["CS-1", "CS-2"], vendor_name="Example")
    assert (asked.max_parallel, asked.max_failures, asked.max_failure_percent) == (5, 1, 12.5)
    assert (asked.max_attempts, asked.attempt_delay.seconds) == (3, 90)
    assert asked.hours == campaigns.DailyHours(begin="22:00", end="05:30", time_zone="Europe/Berlin")
    assert "are no hours" in citrine("firmware", "campaign", "create", URL, "--all", "--hours", "night").err


def test_campaigns_are_listed_shown_and_changed(citrine: Cli, core: ScriptedCore) -> None:
    for method in ("Get", "Pause", "Resume", "Cancel"):
        core.on(f"{method}FirmwareCampaign", CAMPAIGN)
    core.on("ListFirmwareCampaigns", campaigns.ListFirmwareCampaignsResponse(campaigns=[CAMPAIGN]))
    station = campaigns.FirmwareCampaignStation(
        station_id="CS-1", state=campaigns.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED, reason="failed: DownloadFailed"
    )
    stations = campaigns.ListFirmwareCampaignStationsResponse(stations=[station])
    core.on("ListFirmwareCampaignStations", stations)

    shown = citrine("firmware", "campaign", "show", "spring")
    listed = citrine("firmware", "campaign", "list", "--state", "stopped")
    for word in ("pause", "resume", "cancel"):
        assert citrine("firmware", "campaign", word, "spring").lines[0].startswith("campaign spring is stopped")

    assert shown.lines[-1].split() == ["CS-1", "failed", "failed:", "DownloadFailed", "no"]
    assert listed.lines[1].split()[:2] == ["spring", "stopped"]
    assert core.requests("ListFirmwareCampaigns")[0].state == campaigns.FIRMWARE_CAMPAIGN_STATE_STOPPED
    assert citrine("firmware", "campaign", "pause", "spring", "--json").json["campaignId"] == "spring"
