"""The job that runs campaigns: claims stations, sends UpdateFirmware, and stops or completes campaigns.

Every transaction locks the campaign's row, so that several cores that run the same campaign never exceed its limits.
If a core ends between a claim and the command, another core sends the command after the lease.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from citrine.api.v1 import common_pb2 as common
from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1 import firmware_management_pb2 as updates_pb
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.background import Apart, waits_for_database
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign, FirmwareCampaignStation
from citrine_core.blocks.firmware_management.campaigns.repository import (
    SECRET_LOCATIONS,
    CampaignRepository,
    Progress,
)
from citrine_core.blocks.firmware_management.campaigns.rules import (
    is_within,
    most_failures,
    move_campaign,
    too_many_failures,
)
from citrine_core.blocks.firmware_management.protos import masked_update
from citrine_core.blocks.firmware_management.repository import FirmwareRepository
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError, DatabaseUnavailable, NotFound
from citrine_core.ids import new_request_id
from citrine_core.parallel_actions import Action, Rounds, act_on_claimed
from citrine_core.resources.locations.queries import list_time_zones
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["CampaignRunner"]

logger = logging.getLogger(__name__)

NAME = "firmware campaigns"

LEASE = timedelta(minutes=2)
"""How long the claim of a core on a station lasts; its command must have ended by then."""

ANSWER_TIME = timedelta(minutes=15)
"""Time after which an update becomes UNKNOWN if the end of its command is not recorded."""

MOST = 100
"""Most stations of a campaign that are claimed in one transaction."""

_SCHEDULED = pb.FIRMWARE_CAMPAIGN_STATE_SCHEDULED
_RUNNING = pb.FIRMWARE_CAMPAIGN_STATE_RUNNING


@dataclass(frozen=True, slots=True)
class UpdateOrder:
    """A claimed station, with the UpdateFirmware to send."""

    tenant_id: str
    station_id: str
    campaign: str
    message: ocpp.UpdateFirmwareRequest
    secret_location: str | None
    """Its location with the password, encrypted. None: the message has it."""
    context: str
    """In which it is encrypted."""


class CampaignRunner:
    """Runs all campaigns. Several cores may run it concurrently.

    A campaign costs as much as it has stations: a step reads those that update and those that it claims, whatever the
    number of others.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._rounds: Rounds[tuple[str, str]] = Rounds()
        self._cipher = services.cipher
        self._apart: Apart[tuple[str, str]] = Apart(NAME)
        self._asking: Apart[tuple[str, str]] = Apart(NAME)

    async def run(self) -> bool:
        """Send UpdateFirmware to all stations that are ready, and to those that become ready while these answer.

        Returns whether any campaign is scheduled or running.
        """
        if not await self._campaigns():
            return False
        await act_on_claimed(self._claim)
        return True

    async def _campaigns(self) -> Sequence[tuple[str, str]]:
        async with self._unit_of_work(read_only=True) as work:
            return await CampaignRepository(work.session).at_work()

    async def _claim(self) -> list[Action]:
        orders: list[UpdateOrder] = []
        try:
            campaigns = await self._campaigns()
            self._rounds.retain(campaigns)
            for key in campaigns:
                if self._apart.may_be_tried(key):
                    with self._apart.trying(key):
                        async with self._unit_of_work() as work:
                            ordered = await self._step(work, *key)
                            await work.commit()
                        orders += ordered
        except DatabaseUnavailable:
            # What is under way goes on.
            waits_for_database(NAME)
        return [
            (f"update {one.station_id}", self._asking.run((one.tenant_id, one.station_id), self._ask, one))
            for one in orders
        ]

    async def _ask(self, order: UpdateOrder) -> None:
        """Send UpdateFirmware to a station. The handlers record the end of the command."""
        target = common.CommandTarget(station_id=order.station_id, reason=order.campaign[:255])
        try:
            if order.secret_location is not None:
                location = await self._cipher.decrypt(order.secret_location, order.context)
                order.message.firmware.location = location
            await self._commands.send(system_caller(order.tenant_id, "firmware campaign"), target, order.message)
        except CoreError as error:
            logger.info(
                "a station of a campaign could not be asked",
                extra={"station_id": order.station_id, "problem": str(error)},
            )

    async def _step(self, work: UnitOfWork, tenant_id: str, campaign_id: str) -> list[UpdateOrder]:
        """Advance a campaign, and return the orders to send after the commit."""
        now = self._clock()
        repository = CampaignRepository(work.session)
        try:
            campaign = await repository.get(tenant_id, campaign_id, for_update=True)
        except NotFound:
            # With its tenant.
            return []
        if campaign.state == _SCHEDULED and (campaign.start_time is None or campaign.start_time <= now):
            work.emit(move_campaign(campaign, _RUNNING, "", now))
        if campaign.state != _RUNNING:
            return []
        problem, progress = await self._progress(repository, campaign)
        if not progress.has_pending and not progress.busy:
            work.emit(move_campaign(campaign, pb.FIRMWARE_CAMPAIGN_STATE_COMPLETED, "", now))
            return []
        if problem:
            work.emit(move_campaign(campaign, pb.FIRMWARE_CAMPAIGN_STATE_STOPPED, problem, now))
            return []
        if campaign.end_time is not None and campaign.end_time <= now:
            skipped = pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED
            campaign.skipped += await repository.end_pending(campaign, skipped, "the campaign's end time passed", now)
        definition = pb.FirmwareCampaign.FromString(campaign.definition)
        orders = [
            _order(campaign, definition, station, now) for station in await self._left_behind(repository, campaign, now)
        ]
        zones = await _zones_within(work, campaign, definition, now)
        if zones is None or zones:
            free = campaign.max_parallel - progress.busy
            orders += await self._begin(work, campaign, definition, free, now, zones)
        progress = await repository.progress(campaign, 0)
        if not progress.has_pending and not progress.busy:
            work.emit(move_campaign(campaign, pb.FIRMWARE_CAMPAIGN_STATE_COMPLETED, "", now))
        return orders

    async def _progress(self, repository: CampaignRepository, campaign: FirmwareCampaign) -> tuple[str, Progress]:
        """Return which limit of failures is exceeded, and how far the campaign is."""
        most = most_failures(campaign)
        progress = await repository.progress(campaign, 0 if most is None else max(0, most) + 1)
        if most is None or progress.failed <= most:
            return "", progress
        counts = await repository.counts(campaign.tenant_id, [campaign.campaign_id])
        return too_many_failures(campaign, counts[campaign.campaign_id]), progress

    async def _left_behind(
        self, repository: CampaignRepository, campaign: FirmwareCampaign, now: datetime
    ) -> Sequence[FirmwareCampaignStation]:
        """Claim stations whose lease expired: their core ended before it sent the command."""
        stations = await repository.left_behind(campaign, now - LEASE)
        for station in stations:
            station.claim_time = now
        return stations

    async def _begin(
        self,
        work: UnitOfWork,
        campaign: FirmwareCampaign,
        definition: pb.FirmwareCampaign,
        free: int,
        now: datetime,
        zones: Collection[str] | None,
    ) -> list[UpdateOrder]:
        """Claim at most `free` stations; those that have the firmware already are skipped, and don't count."""
        repository, updates = CampaignRepository(work.session), FirmwareRepository(work.session)
        orders: list[UpdateOrder] = []
        rows: list[dict[str, Any]] = []
        while len(orders) < min(free, MOST):
            ready = await self._ready(repository, campaign, now, min(free, MOST) - len(orders), zones)
            if not ready:
                break
            versions = await updates.versions(campaign.tenant_id, [station.station_id for station in ready])
            for station in ready:
                version = versions.get(station.station_id, "")
                station.update_time = now
                station.next_time = None
                if definition.firmware_version and version == definition.firmware_version:
                    station.state = pb.FIRMWARE_CAMPAIGN_STATION_STATE_SKIPPED
                    station.reason = "it has the firmware already"
                    campaign.skipped += 1
                    continue
                station.state = pb.FIRMWARE_CAMPAIGN_STATION_STATE_STARTING
                station.reason = ""
                station.attempts += 1
                station.claim_time = now
                station.request_id = new_request_id()
                order = _order(campaign, definition, station, now)
                orders.append(order)
                rows.append(_update_row(campaign, definition, order, version, now))
            await work.session.flush()
        await updates.add_updates(rows)
        return orders

    async def _ready(
        self,
        repository: CampaignRepository,
        campaign: FirmwareCampaign,
        now: datetime,
        limit: int,
        zones: Collection[str] | None,
    ) -> Sequence[FirmwareCampaignStation]:
        """Return the next stations of the round; none while it pauses."""

        async def find(after: str, most: int) -> Sequence[FirmwareCampaignStation]:
            return await repository.ready(campaign, now, most, after, zones)

        key = (campaign.tenant_id, campaign.campaign_id)
        return await self._rounds.next(key, campaign.update_time, limit, find, lambda station: station.station_id)


async def _zones_within(
    work: UnitOfWork, campaign: FirmwareCampaign, definition: pb.FirmwareCampaign, now: datetime
) -> set[str] | None:
    """Return the time zones in which it is within the hours of a campaign; None if that is so in any."""
    if not definition.HasField("hours"):
        return None
    if definition.hours.time_zone:
        return None if is_within(definition.hours, now) else set()
    zones = await list_time_zones(work.session, campaign.tenant_id)
    return {zone for zone in zones if is_within(definition.hours, now, zone)}


def _order(
    campaign: FirmwareCampaign, definition: pb.FirmwareCampaign, station: FirmwareCampaignStation, now: datetime
) -> UpdateOrder:
    assert station.request_id is not None
    message = ocpp.UpdateFirmwareRequest(request_id=station.request_id, firmware=definition.firmware)
    if not message.firmware.HasField("retrieve_date_time"):
        message.firmware.retrieve_date_time.FromDatetime(now)
    if definition.HasField("retries"):
        message.retries = definition.retries
    if definition.HasField("retry_interval"):
        message.retry_interval = definition.retry_interval
    name = definition.display_name or campaign.campaign_id
    return UpdateOrder(
        campaign.tenant_id,
        station.station_id,
        f"firmware campaign {name}",
        message,
        campaign.secret_location,
        SECRET_LOCATIONS.context(campaign.tenant_id, campaign.campaign_id),
    )


def _update_row(
    campaign: FirmwareCampaign, definition: pb.FirmwareCampaign, order: UpdateOrder, version: str, now: datetime
) -> dict[str, Any]:
    silence = definition.silence.ToTimedelta() if definition.HasField("silence") else None
    return {
        "tenant_id": campaign.tenant_id,
        "station_id": order.station_id,
        "request_id": order.message.request_id,
        "state": updates_pb.FIRMWARE_UPDATE_STATE_REQUESTED,
        "request": masked_update(order.message).SerializeToString(),
        "firmware_version": definition.firmware_version,
        "verification": definition.verification,
        "version_before": version[:50],
        "silence": None if silence is None else round(silence.total_seconds()),
        "campaign_id": campaign.campaign_id,
        "requested_by": "firmware campaign",
        "create_time": now,
        "update_time": now,
        "deadline_time": now + ANSWER_TIME,
    }
