"""Tests of secrets at rest in a whole core: what is stored of them, and what becomes of it with another key."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from sqlalchemy import text

from citrine.api.v1 import authorization_pb2, firmware_campaigns_pb2
from citrine.api.v1 import commands_pb2 as pb
from citrine.api.v1 import common_pb2 as common
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.encryption import KeyFile
from tests.core.resources.commands.test_sender import ended, online
from tests.support.core import RunningCore, running_core

PASSWORD = "a-new-password-for-it"
CREDENTIAL = "credential-of-the-authorizer"
LOCATION = "ftp://user:password-of-the-server@firmware.example/one.bin"

SET_PASSWORD = {
    "setVariableData": [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": PASSWORD,
        }
    ]
}


async def queue_password(core: RunningCore) -> common.Command:
    """Have a new password wait for the station."""
    request = pb.CallStationRequest(
        target=common.CommandTarget(station_id="CS-1", when_online=True), action="SetVariables"
    )
    ParseDict(SET_PASSWORD, request.payload)
    return (await core.stub(CommandsServiceStub).CallStation(request)).command


async def store_secrets(core: RunningCore) -> common.Command:
    """Store a secret of each kind."""
    await core.add_station("CS-1", registration=ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED)
    settings = authorization_pb2.AuthorizationSettings(
        authorizer=authorization_pb2.Authorizer(address="authorizer.example:1", credential=CREDENTIAL)
    )
    await core.stub(AuthorizationServiceStub).UpdateAuthorizationSettings(
        authorization_pb2.UpdateAuthorizationSettingsRequest(settings=settings)
    )
    campaign = firmware_campaigns_pb2.FirmwareCampaign(
        campaign_id="C1", selection=firmware_campaigns_pb2.FirmwareSelection(station_ids=["CS-1"])
    )
    campaign.firmware.location = LOCATION
    campaign.firmware.retrieve_date_time.FromDatetime(datetime.now(UTC))
    campaign.start_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    await core.stub(FirmwareCampaignsServiceStub).CreateFirmwareCampaign(
        firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=campaign)
    )
    return await queue_password(core)


async def stored(core: RunningCore) -> list[str]:
    """Return the secrets as they are stored."""
    found: list[str] = []
    async with core.core.unit_of_work(read_only=True) as work:
        for column, table in (
            ("authorizer_credential", "authorization_settings"),
            ("secret_location", "firmware_campaigns"),
            ("secret_payload", "commands"),
        ):
            found += (await work.session.scalars(text(f"SELECT {column} FROM {table}"))).all()
    return found


async def whole(core: RunningCore) -> str:
    """Return all that is stored of what has secrets."""
    async with core.core.unit_of_work(read_only=True) as work:
        rows: list[Any] = []
        for table in ("authorization_settings", "firmware_campaigns", "commands", "outbox"):
            rows += (await work.session.execute(text(f"SELECT * FROM {table}"))).all()
    return repr([tuple(row) for row in rows])


def key_file(core: RunningCore) -> KeyFile:
    path = core.core.settings.encryption_key_file
    assert path is not None
    return KeyFile(path)


async def test_every_secret_that_waits_is_stored_encrypted(core: RunningCore) -> None:
    await store_secrets(core)

    (key,) = key_file(core).read()
    secrets = await stored(core)
    assert len(secrets) == 3
    assert all(secret.startswith(f"$aes-256-gcm${key.key_id}$") for secret in secrets)
    everything = await whole(core)
    for secret in (PASSWORD, CREDENTIAL, "password-of-the-server"):
        assert secret not in everything


async def test_another_key_encrypts_what_is_stored_anew_and_it_is_sent_as_ever(core: RunningCore) -> None:
    queued = await store_secrets(core)
    before = await stored(core)
    added = key_file(core).rotate(datetime.now(UTC))

    await core.core.reencryption.run()

    after = await stored(core)
    assert all(f"${added.key_id}$" in secret for secret in after)
    assert not set(before) & set(after)
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.SetVariablesResponse()
        await online(edge, boot=False)
        await ended(core, queued.command_id)
    assert edge.commands[0].request.set_variables.set_variable_data[0].attribute_value == PASSWORD


async def test_what_was_stored_in_clear_is_encrypted_once_there_is_a_key(core: RunningCore) -> None:
    queued = await store_secrets(core)
    async with core.core.unit_of_work() as work:
        for table, column, clear in (
            ("commands", "secret_payload", json.dumps(SET_PASSWORD)),
            ("authorization_settings", "authorizer_credential", CREDENTIAL),
            ("firmware_campaigns", "secret_location", LOCATION),
        ):
            await work.session.execute(text(f"UPDATE {table} SET {column} = :clear"), {"clear": clear})
        await work.commit()

    await core.core.reencryption.run()

    assert all(secret.startswith("$aes-256-gcm$") for secret in await stored(core))
    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.SetVariablesResponse()
        await online(edge, boot=False)
        await ended(core, queued.command_id)
    assert edge.commands[0].request.set_variables.set_variable_data[0].attribute_value == PASSWORD


async def test_without_its_key_a_command_alone_fails_and_says_so(core: RunningCore) -> None:
    queued = await store_secrets(core)
    lost = key_file(core).read()[0].key_id
    key_file(core).path.unlink()
    behind = await queue_password(core)

    async with core.edge() as edge:
        edge.on_command = lambda command: ocpp.SetVariablesResponse()
        await online(edge, boot=False)
        first, second = await ended(core, queued.command_id), await ended(core, behind.command_id)

    assert (first.state, first.error_code) == (common.COMMAND_STATE_FAILED, "SecretUnreadable")
    assert f"key {lost}" in first.error_description
    assert second.state == common.COMMAND_STATE_ANSWERED
    assert len(edge.commands) == 1


async def test_a_core_without_a_key_stores_no_secret(database_url: str, tmp_path: Path) -> None:
    async with running_core(database_url, tmp_path, encryption_key_file=None) as core:
        await core.add_station("CS-1")

        with pytest.raises(grpc.aio.AioRpcError, match="set CITRINE_ENCRYPTION_KEY_FILE") as refused:
            await queue_password(core)

        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert PASSWORD not in await whole(core)
