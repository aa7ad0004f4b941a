"""The steps of an upgrade; what a station agreed to is stored before the next step is sent."""

import logging
from datetime import datetime, timedelta

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import NetworkConnectionProfile
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.blocks.security.profile_upgrades.protos import changed_event
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.sending import Refused, StationSteps
from citrine_core.db import UnitOfWork
from citrine_core.errors import CoreError
from citrine_core.services import Services

__all__ = ["LEASE", "LOOK_AGAIN", "UpgradeSteps", "finish", "restore", "slots_of"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=5)
"""Interval at which a station is looked at that orders its certificate, or restarts."""

LEASE = timedelta(minutes=2)
"""How long a core has for the next step of an upgrade; beyond that it counts as gone."""

_ORDERING = pb.SECURITY_PROFILE_UPGRADE_STATE_ORDERING
_SENDING = pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING
_RESTARTING = pb.SECURITY_PROFILE_UPGRADE_STATE_RESTARTING
_FAILED = pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED


class UpgradeSteps:
    """Sends the steps of upgrades whose rows this core has claimed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def order(self, row: SecurityProfileUpgradeRow) -> SecurityProfileUpgradeRow:
        """Have the station order a certificate, the first step to profile 3; return the row as it is then."""
        try:
            await StationSteps(self._services, row.tenant_id, row.station_id).order_certificate()
        except Refused as error:
            return await self._fail(row, str(error))
        return await self._move(row, _ORDERING, _ORDERING)

    async def resume(self, row: SecurityProfileUpgradeRow) -> None:
        """Go on with a station that has its certificate now, or later if it does not answer."""
        try:
            if _has_slots(row):
                await StationSteps(self._services, row.tenant_id, row.station_id).read_priority()
        except Refused as error:
            # It reconnects with its certificate, as like as not.
            about = {"station_id": row.station_id, "problem": str(error)}
            logger.info("the upgrade of a station goes on later", extra=about)
            await self._move(row, _SENDING, _ORDERING)
            return
        await self.send(row)

    async def send(self, row: SecurityProfileUpgradeRow) -> SecurityProfileUpgradeRow:
        """Send the station what it needs, and have it restart; return the row as it is then."""
        steps = StationSteps(self._services, row.tenant_id, row.station_id)
        slots = [str(row.slot), *(slot for slot in slots_of(row.previous_priority) if slot != str(row.slot))]
        try:
            restarts = True
            if _has_slots(row):
                await steps.set_profile(row.slot, NetworkConnectionProfile.FromString(row.connection_data or b""))
                await self._store(row, is_prioritized=True)
                await steps.set_priority(",".join(slots))
            else:
                restarts = await steps.set_security_profile(row.security_profile)
            if restarts:
                await self._store(row, is_prioritized=_has_slots(row), resets=True)
                await steps.reset(immediately=row.resets_immediately)
        except Refused as error:
            failed = await self._fail(row, str(error))
            if failed.is_prioritized:
                await restore(self._services, failed)
            return failed
        return await self._move(row, _SENDING, _RESTARTING)

    async def _store(self, row: SecurityProfileUpgradeRow, *, is_prioritized: bool, resets: bool = False) -> None:
        now = self._clock()
        async with self._unit_of_work() as work:
            stored = await _stored(work, row)
            if stored.state != _SENDING:
                raise Refused("it took too long")
            stored.is_prioritized, stored.next_time = is_prioritized, now + LEASE
            stored.reset_time = now if resets else None
            await work.commit()

    async def _move(self, row: SecurityProfileUpgradeRow, before: int, after: int) -> SecurityProfileUpgradeRow:
        async with self._unit_of_work() as work:
            stored = await _stored(work, row)
            if stored.state == before:
                stored.state, stored.next_time = after, self._clock() + LOOK_AGAIN
                if after == _RESTARTING:
                    work.emit(changed_event(stored))
            await work.commit()
        return stored

    async def _fail(self, row: SecurityProfileUpgradeRow, reason: str) -> SecurityProfileUpgradeRow:
        async with self._unit_of_work() as work:
            stored = await _stored(work, row)
            if stored.next_time is not None:
                finish(work, stored, _FAILED, reason, self._clock())
            await work.commit()
        return stored


def _has_slots(row: SecurityProfileUpgradeRow) -> bool:
    """Return whether the station has network profiles in slots; without any, it is told the security profile alone."""
    return bool(row.slot or row.previous_priority)


async def _stored(work: UnitOfWork, row: SecurityProfileUpgradeRow) -> SecurityProfileUpgradeRow:
    return await ProfileUpgradeRepository(work.session).get(row.tenant_id, row.upgrade_id, for_update=True)


def finish(work: UnitOfWork, row: SecurityProfileUpgradeRow, state: int, reason: str, now: datetime) -> None:
    """Set the end of an upgrade."""
    row.state, row.reason, row.finish_time, row.next_time = state, reason[:255], now, None
    work.emit(changed_event(row))


async def restore(services: Services, row: SecurityProfileUpgradeRow) -> None:
    """Send a station its old order of slots, now or when it is back."""
    try:
        await StationSteps(services, row.tenant_id, row.station_id).restore_priority(row.previous_priority)
    except CoreError as error:
        about = {"station_id": row.station_id, "problem": str(error)}
        logger.warning("the order of a station's network profiles could not be taken back", extra=about)


def slots_of(priority: str) -> list[str]:
    """Return the slots of a list, as of NetworkConfigurationPriority."""
    return [slot for each in priority.split(",") if (slot := each.strip())]
