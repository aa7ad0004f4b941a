"""Requests for upgrades: checked and stored before the station is sent anything."""

from collections.abc import Sequence
from datetime import timedelta

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.ocpp.v2.provisioning_pb2 import MUTABILITY_ENUM_READ_WRITE, VariableCharacteristics
from citrine_core.blocks.provisioning.queries import find_variables
from citrine_core.blocks.security.orders import IssuedCertificateRepository
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.blocks.security.profile_upgrades.progress import LEASE, UpgradeSteps, slots_of
from citrine_core.blocks.security.profile_upgrades.protos import changed_event
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.profile_upgrades.sending import (
    COMPONENT,
    PRIORITY,
    PROFILE,
    SECURITY,
    Refused,
    StationSteps,
)
from citrine_core.db import UnitOfWork
from citrine_core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, StationUnavailable
from citrine_core.ids import new_id
from citrine_core.resources.stations.queries import find_profile, lock_station
from citrine_core.rpc import Caller
from citrine_core.services import Services

__all__ = ["UpgradeRequests"]

PATIENCE = timedelta(days=1)

LONGEST_PATIENCE = timedelta(days=30)

_ORDERING = pb.SECURITY_PROFILE_UPGRADE_STATE_ORDERING
_SENDING = pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING


class UpgradeRequests:
    """Begins upgrades.

    Args:
        services: Services of the core.
        signs: Whether an authority signs certificates of stations here.
    """

    def __init__(self, services: Services, *, signs: bool) -> None:
        self._signs = signs
        self._steps = UpgradeSteps(services)
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
            orders = await self._check_station(work, who.tenant_id, request)
            has_slots = not await _sets_profile(work, who.tenant_id, request.station_id)
        try:
            priority = await steps.read_priority() if has_slots else ""
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
                slot=await _slot(work, who.tenant_id, request, slots_of(priority)) if has_slots else 0,
                state=_ORDERING if orders else _SENDING,
                reason="",
                previous_priority=priority[:255],
                connection_data=request.connection_data.SerializeToString(),
                resets_immediately=request.reset_immediately,
                is_prioritized=False,
                requested_by=who.name[:255],
                create_time=now,
                next_time=now + LEASE,
                deadline_time=now + patience,
            )
            upgrades.add(row)
            work.emit(changed_event(row))
            await work.commit()
        return await (self._steps.order(row) if orders else self._steps.send(row))

    async def _check_station(
        self, work: UnitOfWork, tenant_id: str, request: pb.CreateSecurityProfileUpgradeRequest
    ) -> bool:
        """Return whether the station has to order a certificate first.

        Raises:
            CoreError: When it can't be upgraded.
        """
        profile = request.connection_data.security_profile
        found = await find_profile(work.session, tenant_id, request.station_id)
        if found is None:
            raise NotFound("station", request.station_id)
        if found.security_profile >= profile:
            raise FailedPrecondition(f"the station connected by security profile {found.security_profile} before")
        if profile < 3 or request.has_certificate or found.certificate_sha256 is not None:
            return False
        if await IssuedCertificateRepository(work.session).has_usable(tenant_id, request.station_id, self._clock()):
            return False
        if not self._signs:
            raise FailedPrecondition(
                "the station has no certificate that is known, and no authority signs certificates of stations here: "
                "give it one by other means, and set has_certificate"
            )
        return True


async def _sets_profile(work: UnitOfWork, tenant_id: str, station_id: str) -> bool:
    """Return whether a station has no slots, but a security profile that can be set, as its device model says."""
    rows = await find_variables(work.session, tenant_id, station_id, {COMPONENT.lower(), SECURITY.lower()})
    names = {(row.component.lower(), row.variable.lower()): row for row in rows}
    profile = names.get((SECURITY.lower(), PROFILE.lower()))
    has_slots = (COMPONENT.lower(), PRIORITY.lower()) in names
    return not has_slots and profile is not None and profile.mutability == MUTABILITY_ENUM_READ_WRITE


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
            known = slots_of(VariableCharacteristics.FromString(row.characteristics).values_list)
            free = [slot for slot in known if slot not in used and slot.isdecimal()]
            if free:
                return int(free[0])
    raise FailedPrecondition("no configuration slot of the station is known to be free: choose one")
