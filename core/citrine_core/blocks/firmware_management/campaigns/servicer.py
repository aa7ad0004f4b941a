"""FirmwareCampaignsService: the gRPC face of firmware campaigns."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import grpc

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1 import firmware_campaigns_pb2_grpc
from citrine_core.blocks.firmware_management.campaigns.creation import campaign_row, check_campaign, chosen_stations
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign
from citrine_core.blocks.firmware_management.campaigns.protos import campaign_to_proto, station_to_proto
from citrine_core.blocks.firmware_management.campaigns.repository import SECRET_LOCATIONS, CampaignRepository
from citrine_core.blocks.firmware_management.campaigns.rules import ENDED, changed_event, first_state, move_campaign
from citrine_core.blocks.firmware_management.protos import masked_location
from citrine_core.blocks.firmware_management.verification import FirmwareVerifier
from citrine_core.db import UnitOfWork
from citrine_core.errors import AlreadyExists, FailedPrecondition
from citrine_core.ids import new_id
from citrine_core.rpc import caller, check_length, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["FirmwareCampaignsServicer"]

Context: TypeAlias = "grpc.aio.ServicerContext[Any, pb.FirmwareCampaign]"

LONGEST_REASON = 255


class FirmwareCampaignsServicer(firmware_campaigns_pb2_grpc.FirmwareCampaignsServiceServicer):
    """Serves firmware campaigns, and operations on them."""

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._cipher = services.cipher
        self._wake = wake
        self._verifier = FirmwareVerifier(services)

    async def CreateFirmwareCampaign(
        self, request: pb.CreateFirmwareCampaignRequest, context: Context
    ) -> pb.FirmwareCampaign:
        who, now = caller(context), self._clock()
        campaign = request.campaign
        check_campaign("campaign", campaign, now)
        campaign.verification = await self._verifier.verify(
            "campaign.firmware",
            who.tenant_id,
            campaign.firmware,
            sha256=campaign.sha256,
            skips_signature=campaign.skip_signature,
        )
        campaign.campaign_id = campaign.campaign_id or new_id()
        location, secret_location = campaign.firmware.location, None
        if masked_location(location) != location:
            context_of_row = SECRET_LOCATIONS.context(who.tenant_id, campaign.campaign_id)
            secret_location = await self._cipher.encrypt(location, context_of_row)
        async with self._unit_of_work() as work:
            repository = CampaignRepository(work.session)
            stations = await chosen_stations(repository, who.tenant_id, campaign, now)
            row = campaign_row(who, campaign, secret_location, len(stations), now)
            if not await repository.add(row, stations):
                raise AlreadyExists("firmware campaign", campaign.campaign_id)
            stored = await repository.get(who.tenant_id, campaign.campaign_id)
            work.emit(changed_event(stored))
            work.after_commit(self._wake)
            shown = (await _shown(repository, who.tenant_id, [stored]))[0]
            await work.commit()
        return shown

    async def GetFirmwareCampaign(
        self, request: pb.GetFirmwareCampaignRequest, context: Context
    ) -> pb.FirmwareCampaign:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            repository = CampaignRepository(work.session)
            row = await repository.get(tenant_id, required("campaign_id", request.campaign_id))
            return (await _shown(repository, tenant_id, [row]))[0]

    async def ListFirmwareCampaigns(
        self,
        request: pb.ListFirmwareCampaignsRequest,
        context: grpc.aio.ServicerContext[pb.ListFirmwareCampaignsRequest, pb.ListFirmwareCampaignsResponse],
    ) -> pb.ListFirmwareCampaignsResponse:
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            repository = CampaignRepository(work.session)
            rows, token = await repository.list(
                tenant_id,
                open_page(request),
                state=request.state,
                prefix=request.campaign_id_prefix,
                created=span_of(request.create_time),
            )
            campaigns = await _shown(repository, tenant_id, rows)
        return pb.ListFirmwareCampaignsResponse(campaigns=campaigns, next_page_token=token)

    async def ListFirmwareCampaignStations(
        self,
        request: pb.ListFirmwareCampaignStationsRequest,
        context: grpc.aio.ServicerContext[
            pb.ListFirmwareCampaignStationsRequest, pb.ListFirmwareCampaignStationsResponse
        ],
    ) -> pb.ListFirmwareCampaignStationsResponse:
        page = open_page(request)
        async with self._unit_of_work(read_only=True) as work:
            repository = CampaignRepository(work.session)
            campaign = await repository.get(caller(context).tenant_id, required("campaign_id", request.campaign_id))
            rows, token = await repository.list_stations(campaign, page, state=request.state)
        return pb.ListFirmwareCampaignStationsResponse(
            stations=[station_to_proto(*row) for row in rows], next_page_token=token
        )

    async def PauseFirmwareCampaign(
        self, request: pb.PauseFirmwareCampaignRequest, context: Context
    ) -> pb.FirmwareCampaign:
        check_length("reason", request.reason, LONGEST_REASON)

        async def pause(work: UnitOfWork, campaign: FirmwareCampaign) -> None:
            if campaign.state != pb.FIRMWARE_CAMPAIGN_STATE_PAUSED:
                work.emit(move_campaign(campaign, pb.FIRMWARE_CAMPAIGN_STATE_PAUSED, request.reason, self._clock()))

        return await self._change(context, request.campaign_id, pause)

    async def ResumeFirmwareCampaign(
        self, request: pb.ResumeFirmwareCampaignRequest, context: Context
    ) -> pb.FirmwareCampaign:
        async def resume(work: UnitOfWork, campaign: FirmwareCampaign) -> None:
            if campaign.state not in (pb.FIRMWARE_CAMPAIGN_STATE_PAUSED, pb.FIRMWARE_CAMPAIGN_STATE_STOPPED):
                return
            if campaign.state == pb.FIRMWARE_CAMPAIGN_STATE_STOPPED:
                counts = await CampaignRepository(work.session).counts(campaign.tenant_id, [campaign.campaign_id])
                failed = pb.FIRMWARE_CAMPAIGN_STATION_STATE_FAILED
                campaign.forgiven = counts[campaign.campaign_id].get(failed, 0)
            now = self._clock()
            work.emit(move_campaign(campaign, first_state(campaign.start_time, now), "", now))

        return await self._change(context, request.campaign_id, resume)

    async def CancelFirmwareCampaign(
        self, request: pb.CancelFirmwareCampaignRequest, context: Context
    ) -> pb.FirmwareCampaign:
        check_length("reason", request.reason, LONGEST_REASON)

        async def cancel(work: UnitOfWork, campaign: FirmwareCampaign) -> None:
            now = self._clock()
            cancelled = pb.FIRMWARE_CAMPAIGN_STATION_STATE_CANCELLED
            await CampaignRepository(work.session).end_pending(campaign, cancelled, request.reason, now)
            work.emit(move_campaign(campaign, pb.FIRMWARE_CAMPAIGN_STATE_CANCELLED, request.reason, now))

        return await self._change(context, request.campaign_id, cancel)

    async def _change(self, context: Context, campaign_id: str, change: Any) -> pb.FirmwareCampaign:
        """Lock a campaign that has not ended, change it, and return it."""
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work() as work:
            repository = CampaignRepository(work.session)
            campaign = await repository.get(tenant_id, required("campaign_id", campaign_id), for_update=True)
            if campaign.state in ENDED:
                raise FailedPrecondition("the campaign has ended")
            await change(work, campaign)
            work.after_commit(self._wake)
            shown = (await _shown(repository, tenant_id, [campaign]))[0]
            await work.commit()
        return shown


async def _shown(
    repository: CampaignRepository, tenant_id: str, rows: Sequence[FirmwareCampaign]
) -> list[pb.FirmwareCampaign]:
    ids = [row.campaign_id for row in rows]
    counts = await repository.counts(tenant_id, ids)
    offline = await repository.offline_counts(tenant_id, ids)
    return [campaign_to_proto(row, counts[row.campaign_id], offline.get(row.campaign_id, 0)) for row in rows]
