"""Passwords and signatures in the URLs of files: a station gets them, and nobody else ever sees them."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from sqlalchemy import text

from citrine.api.v1 import commands_pb2, diagnostics_pb2, firmware_campaigns_pb2, firmware_management_pb2
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.secrets import mask_secrets
from citrine.ocpp.v2 import diagnostics_pb2 as diagnostics
from citrine.ocpp.v2 import firmware_management_pb2 as firmware
from citrine.ocpp.v2.types_pb2 import GENERIC_STATUS_ENUM_ACCEPTED
from citrine_core.db.tables import own_tables
from tests.core.resources.commands.test_sender import online
from tests.support.core import RunningCore

URL = (
    "https://user:hidden-password@files.example/one?X-Amz-Credential=hidden-id&part=1&X-Amz-Signature=hidden-signature"
)
SHOWN = "https://user:********@files.example/one?X-Amz-Credential=********&part=1&X-Amz-Signature=********"
MD5 = "0cc175b9c0f1b6a831c399e269772661"


_ANSWERS = {
    firmware.UpdateFirmwareRequest: firmware.UpdateFirmwareResponse(
        status=firmware.UPDATE_FIRMWARE_STATUS_ENUM_ACCEPTED
    ),
    firmware.PublishFirmwareRequest: firmware.PublishFirmwareResponse(status=GENERIC_STATUS_ENUM_ACCEPTED),
    diagnostics.GetLogRequest: diagnostics.GetLogResponse(status=diagnostics.LOG_STATUS_ENUM_ACCEPTED),
}


async def whole(core: RunningCore) -> str:
    """Return all that is stored."""
    rows: list[Any] = []
    async with core.core.unit_of_work(read_only=True) as work:
        for table in sorted(own_tables()):
            rows += (await work.session.execute(text(f"SELECT * FROM {table}"))).all()
    return repr([tuple(row) for row in rows])


async def test_urls_with_secrets_reach_the_station_alone(core: RunningCore) -> None:
    """By each rpc that has one, for a station that is there and for one that is not."""
    await core.add_station("CS-2")
    location, log = firmware.Firmware(location=URL), diagnostics.LogParameters(remote_location=URL)
    update, publication = firmware.UpdateFirmwareRequest(firmware=location), firmware.PublishFirmwareRequest()
    publication.location, publication.checksum = URL, MD5
    upload = diagnostics.GetLogRequest(log=log, log_type=diagnostics.LOG_ENUM_DIAGNOSTICS_LOG)
    campaign = firmware_campaigns_pb2.FirmwareCampaign(firmware=location)
    campaign.selection.station_ids.append("CS-2")
    by_name = commands_pb2.CallStationRequest(action="GetLog")
    ParseDict({"requestId": 9, "logType": "SecurityLog", "log": {"remoteLocation": URL}}, by_name.payload)
    updates, logs = core.stub(FirmwareManagementServiceStub), core.stub(DiagnosticsServiceStub)
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await online(edge)
        edge.on_command = lambda command: _ANSWERS[type(unwrap(command.request))]
        for target in (CommandTarget(station_id="CS-1"), CommandTarget(station_id="CS-2", when_online=True)):
            await updates.UpdateFirmware(firmware_management_pb2.UpdateFirmwareRequest(target=target, request=update))
            await updates.PublishFirmware(
                firmware_management_pb2.PublishFirmwareRequest(target=target, request=publication)
            )
            await logs.GetLog(diagnostics_pb2.GetLogRequest(target=target, request=upload))
            by_name.target.CopyFrom(target)
            await core.stub(CommandsServiceStub).CallStation(by_name)
        created = await core.stub(FirmwareCampaignsServiceStub).CreateFirmwareCampaign(
            firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=campaign)
        )
        uploads = (await logs.ListLogUploads(diagnostics_pb2.ListLogUploadsRequest())).log_uploads
    stored = await whole(core)

    sent = [str(unwrap(command.request)) for command in edge.commands]
    assert len(sent) == 4
    assert all(URL in message for message in sent)
    assert created.firmware.location == SHOWN
    assert {upload.remote_location for upload in uploads} == {SHOWN}
    for secret in ("hidden-password", "hidden-id", "hidden-signature"):
        assert secret not in stored


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://user:p@ss@files.example/a@b", "ftp://user:***@files.example/a@b"),
        ("https://files.example/a?sig=1&sv=2&se=3", "https://files.example/a?sig=***&sv=2&se=3"),
        ("https://files.example/a?b=1&access_token=x#y", "https://files.example/a?b=1&access_token=***#y"),
        ("https://files.example/signature/token=1", "https://files.example/signature/token=1"),
    ],
)
def test_what_lets_somebody_in_is_masked_and_the_rest_is_shown(url: str, shown: str) -> None:
    """Also in messages of other versions, whose fields have the same names."""
    message = {"location": url, "retrieveDate": "2026-01-01T00:00:00Z"}

    assert mask_secrets(message, "***") == (url != shown)
    assert message["location"] == shown
