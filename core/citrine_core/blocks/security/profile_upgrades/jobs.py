"""The job that takes upgrades on: the station has its certificate, is back by the new profile, or neither in time."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from citrine.api.v1 import security_pb2
from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine_core.background import Apart
from citrine_core.blocks.security.orders import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.blocks.security.profile_upgrades.progress import LEASE, LOOK_AGAIN, UpgradeSteps, finish, restore
from citrine_core.blocks.security.profile_upgrades.protos import changed_event
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.db import UnitOfWork
from citrine_core.resources.connections.queries import connected_stations
from citrine_core.resources.stations.queries import find_profile
from citrine_core.services import Services

__all__ = ["FollowUpgrades"]

MOST = 100

_ORDERING = pb.SECURITY_PROFILE_UPGRADE_STATE_ORDERING
_SENDING = pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING
_SUCCEEDED = pb.SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED
_FAILED = pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED

_FRUITLESS = (security_pb2.CERTIFICATE_ORDER_STATE_REJECTED, security_pb2.CERTIFICATE_ORDER_STATE_FAILED)

Then = Callable[[], Awaitable[None]]
"""What follows after the commit."""


class FollowUpgrades:
    """Takes upgrades on, and ends them. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._steps = UpgradeSteps(services)
        self._apart: Apart[tuple[str, str]] = Apart("upgrades of security profiles")

    async def run(self) -> None:
        """Look at each upgrade that is due."""
        async with self._unit_of_work(read_only=True) as work:
            due = await ProfileUpgradeRepository(work.session).find_due(self._clock(), MOST)
        for key in due:
            if self._apart.may_be_tried(key):
                await self._apart.run(key, self._look_at, *key)
                if not self._apart.may_be_tried(key):
                    await self._postpone(key)

    async def _postpone(self, key: tuple[str, str]) -> None:
        """Have one that failed be due later, or those that fail would be all that is looked at."""
        now = self._clock()
        async with self._unit_of_work() as work:
            until = now + self._apart.pause_of(key)
            await ProfileUpgradeRepository(work.session).postpone(*key, now, until)
            await work.commit()

    async def _look_at(self, tenant_id: str, upgrade_id: str) -> None:
        async with self._unit_of_work() as work:
            row = await ProfileUpgradeRepository(work.session).get(tenant_id, upgrade_id, for_update=True)
            now = self._clock()
            if row.next_time is None or row.next_time > now:
                # Another core was first.
                return
            then = await self._look(work, row, now)
            await work.commit()
        if then is not None:
            await then()

    async def _look(self, work: UnitOfWork, row: SecurityProfileUpgradeRow, now: datetime) -> Then | None:
        """End an upgrade or take it on, if that can be done; return what follows after the commit."""
        restoring = partial(restore, self._services, row)
        if row.state == _SENDING:
            finish(work, row, _FAILED, "its core ended while the station was sent what it needs", now)
            return restoring if row.is_prioritized else None
        found = await find_profile(work.session, row.tenant_id, row.station_id)
        if found is not None and found.security_profile >= row.security_profile:
            finish(work, row, _SUCCEEDED, "", now)
            return None
        if row.state == _ORDERING:
            return await self._look_for_certificate(work, row, now)
        has_restarted = (
            found is not None
            and found.boot_time is not None
            and row.reset_time is not None
            and found.boot_time > row.reset_time
        )
        if found is None or has_restarted or now >= row.deadline_time:
            problem = "it restarted, and came back by its profile before" if has_restarted else "it did not come back"
            finish(work, row, _FAILED, problem, now)
            return restoring if found is not None and row.is_prioritized else None
        row.next_time = min(now + LOOK_AGAIN, row.deadline_time)
        return None

    async def _look_for_certificate(
        self, work: UnitOfWork, row: SecurityProfileUpgradeRow, now: datetime
    ) -> Then | None:
        """Go on with a station that has its certificate and is connected."""
        key = (row.tenant_id, row.station_id)
        if await IssuedCertificateRepository(work.session).has_usable(*key, now):
            if key in await connected_stations(work.session, [key]):
                row.state, row.next_time = _SENDING, now + LEASE
                work.emit(changed_event(row))
                return partial(self._steps.resume, row)
        else:
            order = await CertificateOrderRepository(work.session).latest(*key, row.create_time)
            if order is not None and order.state in _FRUITLESS:
                finish(work, row, _FAILED, f"it got no certificate: {order.reason}", now)
                return None
        if now >= row.deadline_time:
            finish(work, row, _FAILED, "it got no certificate in time", now)
            return None
        row.next_time = min(now + LOOK_AGAIN, row.deadline_time)
        return None
