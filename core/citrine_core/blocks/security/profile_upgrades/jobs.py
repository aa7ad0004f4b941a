"""The job that finds out how upgrades end: the station is back by the new profile, by the old one, or not in time."""

import logging
from datetime import datetime, timedelta

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.sending import StationSteps
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError
from citrine_core.resources.stations.queries import find_profile
from citrine_core.services import Services

__all__ = ["FollowUpgrades", "finish"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=5)
"""Interval at which a station that restarts is looked at."""

LEASE = timedelta(minutes=2)
"""How long a core has for the next step of an upgrade; beyond that it counts as gone."""

MOST = 100

_SENDING = pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING
_SUCCEEDED = pb.SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED
_FAILED = pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED


class FollowUpgrades:
    """Ends upgrades. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def run(self) -> None:
        """Look at each upgrade that is due."""
        async with self._unit_of_work(read_only=True) as work:
            due = await ProfileUpgradeRepository(work.session).find_due(self._clock(), MOST)
        for tenant_id, upgrade_id in due:
            async with self._unit_of_work() as work:
                row = await ProfileUpgradeRepository(work.session).get(tenant_id, upgrade_id, for_update=True)
                now = self._clock()
                if row.next_time is None or row.next_time > now:
                    # Another core was first.
                    continue
                restores = await self._look(work, row, now)
                await work.commit()
            if restores:
                await restore(self._services, row)

    async def _look(self, work: UnitOfWork, row: SecurityProfileUpgradeRow, now: datetime) -> bool:
        """End an upgrade if it can be; return whether the station has to be sent its old order of slots."""
        if row.state == _SENDING:
            finish(row, _FAILED, "its core ended while the station was sent what it needs", now)
            return row.is_prioritized
        found = await find_profile(work.session, row.tenant_id, row.station_id)
        if found is not None and found.security_profile >= row.security_profile:
            finish(row, _SUCCEEDED, "", now)
            return False
        has_restarted = (
            found is not None
            and found.boot_time is not None
            and row.reset_time is not None
            and found.boot_time > row.reset_time
        )
        if found is None or has_restarted or now >= row.deadline_time:
            problem = "it restarted, and came back by its profile before" if has_restarted else "it did not come back"
            finish(row, _FAILED, problem, now)
            return found is not None
        row.next_time = min(now + LOOK_AGAIN, row.deadline_time)
        return False


def finish(row: SecurityProfileUpgradeRow, state: int, reason: str, now: datetime) -> None:
    """Set the end of an upgrade."""
    row.state, row.reason, row.finish_time, row.next_time = state, reason[:255], now, None


async def restore(services: Services, row: SecurityProfileUpgradeRow) -> None:
    """Send a station its old order of slots, now or when it is back."""
    try:
        await StationSteps(services, row.tenant_id, row.station_id).restore_priority(row.previous_priority)
    except CoreError as error:
        about = {"station_id": row.station_id, "problem": str(error)}
        logger.warning("the order of a station's network profiles could not be taken back", extra=about)
