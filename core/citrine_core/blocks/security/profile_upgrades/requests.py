"""Requests for upgrades: checked, stored, and sent to the station step by step."""

from collections.abc import Sequence
from datetime import timedelta

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import VariableCharacteristics
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.blocks.security.orders import IssuedCertificateRepository
from citrine_core.blocks.security.profile_upgrades.jobs import LEASE, LOOK_AGAIN, finish, restore
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.sending import COMPONENT, PRIORITY, Refused, StationSteps
from citrine_core.db import UnitOfWork
from citrine_core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, StationUnavailable
from citrine_core.ids import new_id
from citrine_core.resources.stations.queries import find_profile, lock_station
from citrine_core.rpc import Caller
from citrine_core.services import Services

__all__ = ["UpgradeRequests"]

PATIENCE = timedelta(days=1)

LONGEST_PATIENCE = timedelta(days=30)

_SENDING = pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING
_RESTARTING = pb.SECURITY_PROFILE_UPGRADE_STATE_RESTARTING
_FAILED = pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED


class UpgradeRequests:
    """Begins upgrades. What a station agreed to is stored before the next step is sent."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock

    async def begin(self, who: Caller, request: pb.CreateSecurityProfileUpgradeRequest) -> SecurityProfileUpgradeRow:
        """Serve CreateSecurityProfileUpgrade.

        Raises:
            CoreError: As documented there.
        """
        patience = _check(request)
        steps = StationSteps(self._services, who.tenant_id, request.station_id)
        async with self._unit_of_work() as work:
            await self._check_station(work, who.tenant_id, request)
        try:
            priority = await steps.read_priority()
        except Refused as error:
            raise StationUnavailable(f"the upgrade was not begun: {error}") from error
        now = self._clock()
        async with self._unit_of_work() as work:
            if not await lock_station(work.session, who.tenant_id, request.station_id):
                raise NotFound("station", request.station_id)
            upgrades = ProfileUpgradeRepository(work.session)
            if await upgrades.is_under_way(who.tenant_id, request.station_id):
                raise AlreadyExists("security profile upgrade of station", request.station_id)
            row = SecurityProfileUpgradeRow(
                tenant_id=who.tenant_id,
                upgrade_id=new_id(),
                station_id=request.station_id,
                security_profile=request.connection_data.security_profile,
                slot=await _slot(work, who.tenant_id, request, _slots(priority)),
                state=_SENDING,
                reason="",
                previous_priority=priority[:255],
                is_prioritized=False,
                requested_by=who.name[:255],
                create_time=now,
                next_time=now + LEASE,
                deadline_time=now + patience,
            )
            upgrades.add(row)
            await work.commit()
        return await self._send(row, steps, request)

    async def _send(
        self, row: SecurityProfileUpgradeRow, steps: StationSteps, request: pb.CreateSecurityProfileUpgradeRequest
    ) -> SecurityProfileUpgradeRow:
        key = (row.tenant_id, row.upgrade_id)
        slots = [str(row.slot), *(slot for slot in _slots(row.previous_priority) if slot != str(row.slot))]
        try:
            await steps.set_profile(row.slot, request.connection_data)
            await self._store(key, is_prioritized=True)
            await steps.set_priority(",".join(slots))
            await self._store(key, is_prioritized=True, resets=True)
            await steps.reset(immediately=request.reset_immediately)
        except Refused as error:
            failed = await self._fail(key, str(error))
            if failed.is_prioritized:
                await restore(self._services, failed)
            return failed
        async with self._unit_of_work() as work:
            stored = await ProfileUpgradeRepository(work.session).get(*key, for_update=True)
            if stored.state == _SENDING:
                stored.state, stored.next_time = _RESTARTING, self._clock() + LOOK_AGAIN
            await work.commit()
        return stored

    async def _store(self, key: tuple[str, str], *, is_prioritized: bool, resets: bool = False) -> None:
        now = self._clock()
        async with self._unit_of_work() as work:
            row = await ProfileUpgradeRepository(work.session).get(*key, for_update=True)
            if row.state != _SENDING:
                raise Refused("it took too long")
            row.is_prioritized, row.next_time = is_prioritized, now + LEASE
            row.reset_time = now if resets else None
            await work.commit()

    async def _fail(self, key: tuple[str, str], reason: str) -> SecurityProfileUpgradeRow:
        async with self._unit_of_work() as work:
            row = await ProfileUpgradeRepository(work.session).get(*key, for_update=True)
            if row.next_time is not None:
                finish(row, _FAILED, reason, self._clock())
            await work.commit()
        return row

    async def _check_station(
        self, work: UnitOfWork, tenant_id: str, request: pb.CreateSecurityProfileUpgradeRequest
    ) -> None:
        profile = request.connection_data.security_profile
        found = await find_profile(work.session, tenant_id, request.station_id)
        if found is None:
            raise NotFound("station", request.station_id)
        if found.security_profile >= profile:
            raise FailedPrecondition(f"the station connected by security profile {found.security_profile} before")
        if profile == 3 and not request.has_certificate and found.certificate_sha256 is None:
            issued = await IssuedCertificateRepository(work.session).of_station(tenant_id, request.station_id)
            now = self._clock()
            if not any(one.install_time and one.valid_until > now and one.revoke_time is None for one in issued):
                raise FailedPrecondition(
                    "the station has no certificate that is known: have it ask for one first "
                    "(TriggerMessage SignChargingStationCertificate), or set has_certificate"
                )


def _check(request: pb.CreateSecurityProfileUpgradeRequest) -> timedelta:
    if not request.station_id:
        raise InvalidArgument("station_id", "must not be empty")
    if request.connection_data.security_profile not in (2, 3):
        raise InvalidArgument("connection_data.security_profile", "must be 2 or 3")
    if not request.HasField("patience"):
        return PATIENCE
    patience = request.patience.ToTimedelta()
    if not timedelta(0) < patience <= LONGEST_PATIENCE:
        raise InvalidArgument("patience", f"must be more than 0 and at most {LONGEST_PATIENCE.days} days")
    return patience


async def _slot(
    work: UnitOfWork, tenant_id: str, request: pb.CreateSecurityProfileUpgradeRequest, used: Sequence[str]
) -> int:
    """Return the slot for the new profile."""
    if request.HasField("configuration_slot"):
        return request.configuration_slot
    for row in await find_variables(work.session, tenant_id, request.station_id, {COMPONENT.lower()}):
        if row.variable.lower() == PRIORITY.lower() and row.characteristics is not None:
            known = _slots(VariableCharacteristics.FromString(row.characteristics).values_list)
            free = [slot for slot in known if slot not in used and slot.isdecimal()]
            if free:
                return int(free[0])
    raise FailedPrecondition("no slot of the station is known to be free: set configuration_slot")


def _slots(priority: str) -> list[str]:
    return [slot for each in priority.split(",") if (slot := each.strip())]
