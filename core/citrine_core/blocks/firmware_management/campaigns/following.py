"""Changes of campaigns' stations by changes of their updates, in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from citrine_core.blocks.firmware_management.campaigns.repository import CampaignRepository
from citrine_core.blocks.firmware_management.campaigns.rules import follow_update, put_back
from citrine_core.blocks.firmware_management.models import FirmwareUpdate
from citrine_core.db import UnitOfWork

__all__ = ["follow", "let_wait_again"]


async def follow(work: UnitOfWork, updates: Iterable[FirmwareUpdate], now: datetime) -> bool:
    """Change the stations of campaigns after their updates changed; return whether any update is of a campaign."""
    by_tenant: dict[str, dict[tuple[str, str], FirmwareUpdate]] = defaultdict(dict)
    for update in updates:
        if update.campaign_id is not None:
            by_tenant[update.tenant_id][update.campaign_id, update.station_id] = update
    repository = CampaignRepository(work.session)
    for tenant_id, found in by_tenant.items():
        campaigns = await repository.find_all(tenant_id, {campaign_id for campaign_id, _ in found})
        for station in await repository.stations_for_update(tenant_id, found):
            update = found[station.campaign_id, station.station_id]
            # The update of an earlier attempt does not count any more.
            if station.request_id == update.request_id:
                follow_update(station, update, campaigns[station.campaign_id], now)
    return bool(by_tenant)


async def let_wait_again(work: UnitOfWork, update: FirmwareUpdate, reason: str, now: datetime) -> None:
    """Return the station of a campaign's update to PENDING, because the command did not reach it."""
    assert update.campaign_id is not None
    repository = CampaignRepository(work.session)
    campaigns = await repository.find_all(update.tenant_id, [update.campaign_id])
    for station in await repository.stations_for_update(update.tenant_id, [(update.campaign_id, update.station_id)]):
        if station.request_id == update.request_id:
            put_back(station, campaigns[station.campaign_id], reason, now)
