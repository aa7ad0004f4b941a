"""FirmwareCampaignsService: who is meant, and what is refused."""

from typing import Any

import grpc
import pytest

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from tests.support.firmware import SHA256, Garage, signed_firmware


def campaign_of(**fields: Any) -> pb.FirmwareCampaign:
    selection = pb.FirmwareSelection(station_ids=["CS-1"])
    return pb.FirmwareCampaign(**{"firmware": signed_firmware(), "sha256": SHA256, "selection": selection, **fields})


async def refused(garage: Garage, campaign: pb.FirmwareCampaign) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await garage.campaigns.CreateFirmwareCampaign(pb.CreateFirmwareCampaignRequest(campaign=campaign))
    return error.value.code(), error.value.details() or ""


async def test_the_stations_of_a_campaign_exist(garage: Garage) -> None:
    await garage.add("CS-1")
    named = pb.FirmwareSelection(station_ids=["CS-1", "CS-2"])
    other = pb.FirmwareSelection(station_ids=["CS-1"], firmware_version="9.9")

    assert await refused(garage, campaign_of(selection=named)) == (
        grpc.StatusCode.NOT_FOUND,
        "station CS-2 does not exist",
    )
    assert (await refused(garage, campaign_of(selection=other)))[0] == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_campaign_has_its_id_alone_and_does_not_come_back_when_it_has_ended(garage: Garage) -> None:
    """The password in the location is for stations only."""
    await garage.add("CS-1")
    campaign = campaign_of(campaign_id="spring")
    campaign.firmware.location = "ftp://user:secret@firmware.example/one.bin"
    request = pb.CreateFirmwareCampaignRequest(campaign=campaign)
    created = await garage.campaigns.CreateFirmwareCampaign(request)
    assert created.firmware.location == "ftp://user:********@firmware.example/one.bin"
    assert (created.max_parallel, created.max_attempts) == (10, 1)
    assert (await refused(garage, campaign))[0] == grpc.StatusCode.ALREADY_EXISTS

    await garage.campaigns.CancelFirmwareCampaign(pb.CancelFirmwareCampaignRequest(campaign_id="spring"))
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await garage.campaigns.ResumeFirmwareCampaign(pb.ResumeFirmwareCampaignRequest(campaign_id="spring"))
    assert ended.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await garage.campaigns.GetFirmwareCampaign(pb.GetFirmwareCampaignRequest(campaign_id="autumn"))
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


async def test_campaigns_are_listed_by_what_their_ids_begin_with(garage: Garage) -> None:
    await garage.add("CS-1")
    for name in ("spring-2", "autumn", "spring-1", "SPRING"):
        campaign = campaign_of(campaign_id=name)
        await garage.campaigns.CreateFirmwareCampaign(pb.CreateFirmwareCampaignRequest(campaign=campaign))
        await garage.campaigns.CancelFirmwareCampaign(pb.CancelFirmwareCampaignRequest(campaign_id=name))

    listed = await garage.campaigns.ListFirmwareCampaigns(pb.ListFirmwareCampaignsRequest(campaign_id_prefix="spring"))

    assert [one.campaign_id for one in listed.campaigns] == ["spring-1", "spring-2"]
