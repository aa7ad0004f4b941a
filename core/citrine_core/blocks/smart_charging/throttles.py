"""Throttles: a charging profile of limit 0, above all others of a transaction, until it is lifted (K01).

It is recorded like any other profile. For a plan it is an upper limit that may end at any time, so the plan sets its
own profile to 0, and raises it after the throttle ended, within the limits. If no stack level above the other profiles
is free, the throttle replaces the topmost profile, which is set again when the throttle is lifted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.capacity import PlanRepository
from citrine_core.blocks.smart_charging.capacity.loads import Installed, worst_case
from citrine_core.blocks.smart_charging.capacity.profiles import rate_unit
from citrine_core.blocks.smart_charging.capacity.situation import is_profile_of, read_situation
from citrine_core.blocks.smart_charging.capacity.steps import exceeds_more
from citrine_core.blocks.smart_charging.checks import TX, Abilities
from citrine_core.blocks.smart_charging.models import ProfileRecord
from citrine_core.blocks.smart_charging.planner import NotPossible, read_needs
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED, move, new_record
from citrine_core.blocks.smart_charging.repository import (
    ChargingContextRepository,
    NegotiationRepository,
    OpenTransaction,
    ProfileRepository,
)
from citrine_core.blocks.smart_charging.schedules import limit_at
from citrine_core.blocks.smart_charging.station_snapshot import read_abilities
from citrine_core.db import UnitOfWork
from citrine_core.errors import FailedPrecondition

__all__ = ["TransactionThrottle", "read_throttle"]

REPLACED = pb.CHARGING_PROFILE_STATE_REPLACED


@dataclass(frozen=True)
class TransactionThrottle:
    """The throttle of an open transaction: reads its profiles on the station, and records changes to send.

    It is valid within its unit of work, which has locked the profiles of the station.
    """

    work: UnitOfWork
    tenant_id: str
    station_id: str
    transaction: OpenTransaction
    abilities: Abilities
    rows: Sequence[ProfileRecord]
    """All TxProfiles of the transaction, in the order in which they were set."""
    has_plan: bool
    is_full: bool
    """True: the station has as many profiles as it can store."""
    now: datetime

    @property
    def records(self) -> list[ProfileRecord]:
        """Return the profiles that throttle the transaction: mostly one, or none."""
        return [row for row in self.rows if row.throttles]

    @property
    def is_on_its_way(self) -> bool:
        """Return whether a throttle was sent and is not answered yet."""
        return any(row.state == WANTED and (row.wanted_until or self.now) > self.now for row in self.records)

    @property
    def is_in_force(self) -> bool:
        """Return whether the transaction takes no power, by all profiles that the station has or may have."""
        profiles = [
            Installed(row.id, types.ChargingProfile.FromString(row.profile), row.state == ACCEPTED) for row in self.rows
        ]
        load = worst_case(profiles, [], self.now)
        return bool(self.records) and limit_at(load.amperes, 0.0) <= 0.0

    @property
    def is_in_place(self) -> bool:
        """Return whether the station accepted it above all profiles except for those of a plan, which follow it."""
        levels = [row.stack_level for row in self._binding()]
        return any(row.state == ACCEPTED and row.stack_level > max(levels, default=-1) for row in self.records)

    async def set(self, cause: str, until: datetime, *, anew: bool = False) -> ocpp.SetChargingProfileRequest:
        """Record the throttle, and return the message that sets it, which must be sent after the commit.

        Args:
            cause: The reason, for people.
            until: When its command must have ended.
            anew: True: the station may have lost the throttle that it accepted.

        Raises:
            FailedPrecondition: When the station's smart charging is not enabled, or the EVSE of the transaction is not
                known (K01.FR.16).
        """
        if not self.abilities.enabled:
            raise FailedPrecondition("the station says that its smart charging is not enabled")
        evse_id = self._evse_id()
        level = self._free_level()
        topmost = max((row for row in self.rows if not row.throttles), key=lambda row: row.stack_level, default=None)
        before = self.records[-1] if self.records else None
        profiles = ProfileRepository(self.work.session)
        if before is not None:
            profile_id = before.profile_id
        elif topmost is not None and (level is None or self.is_full):
            profile_id, level = topmost.profile_id, topmost.stack_level
        else:
            profile_id = await profiles.free_profile_id(self.tenant_id, self.station_id)
        if anew and before is not None and before.state == ACCEPTED:
            move(self.work, before, pb.CHARGING_PROFILE_STATE_MISSING, self.now, "the station booted")
        is_dc = await self._is_dc()
        profile = types.ChargingProfile(
            id=profile_id,
            stack_level=level or 0,
            charging_profile_purpose=TX,
            # It applies from now on, whatever the clock of the station (K01.FR.30, K01.FR.41).
            charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
            # K01.FR.03
            transaction_id=self.transaction.transaction_id,
            charging_schedule=[
                types.ChargingSchedule(
                    id=1,
                    charging_rate_unit=rate_unit(self.abilities, is_dc=is_dc),
                    charging_schedule_period=[types.ChargingSchedulePeriod(start_period=0, limit=0.0)],
                )
            ],
        )
        row = new_record(self.tenant_id, self.station_id, evse_id, profile, WANTED, self.now)
        row.throttles, row.cause, row.wanted_until = True, cause[:200], until
        profiles.add(row)
        return ocpp.SetChargingProfileRequest(evse_id=evse_id, charging_profile=profile)

    async def lift(
        self, until: datetime, *, restores: bool = True
    ) -> ocpp.ClearChargingProfileRequest | ocpp.SetChargingProfileRequest | None:
        """Return the message that lifts the throttle, which must be sent after the commit; None if there is none.

        Args:
            until: When its command must have ended.
            restores: False: it is cleared, even if it replaced another profile.
        """
        if not self.records:
            return None
        row = self.records[-1]
        restored = await self._restored(row, until) if restores else None
        if restored is None:
            return ocpp.ClearChargingProfileRequest(charging_profile_id=row.profile_id)
        profile = types.ChargingProfile.FromString(restored.profile)
        return ocpp.SetChargingProfileRequest(evse_id=restored.evse_id, charging_profile=profile)

    async def _restored(self, row: ProfileRecord, until: datetime) -> ProfileRecord | None:
        """Record the profile that the throttle replaced again, unless it has expired or exceeds the limits."""
        profiles, key = ProfileRepository(self.work.session), (self.tenant_id, self.station_id)
        found = await profiles.find_for_update(*key, profile_ids=[row.profile_id], states=(REPLACED,))
        others = [one for one in found if is_profile_of(one, self.transaction) and not one.throttles]
        if not others or (others[-1].planned and self.has_plan):
            # The plan sets its own profile again by itself.
            return None
        before = others[-1]
        if before.valid_to is not None and before.valid_to <= self.now:
            return None
        profile = types.ChargingProfile.FromString(before.profile)
        # The profile of a RequestStartTransaction has no transactionId.
        profile.transaction_id = self.transaction.transaction_id
        restored = new_record(*key, row.evse_id, profile, WANTED, self.now)
        restored.planned, restored.cause, restored.wanted_until = before.planned, before.cause, until
        situation = await read_situation(self.work, *key, self.now) if self.has_plan else None
        profiles.add(restored)
        await self.work.session.flush()
        if situation is not None and exceeds_more(await read_situation(self.work, *key, self.now), situation):
            await profiles.remove(restored)
            return None
        return restored

    def _binding(self) -> list[ProfileRecord]:
        """Return the profiles above which the throttle must be; those of a plan follow it by themselves."""
        return [row for row in self.rows if not row.throttles and not (self.has_plan and row.planned)]

    def _free_level(self) -> int | None:
        """Return a free stack level for the throttle; None if there is none. The highest is left to the plan."""
        most = self.abilities.max_stack_level
        used = {row.stack_level for row in self.rows if not row.throttles}
        if most is None:
            return max(used, default=0) + 1
        least = max((row.stack_level for row in self._binding()), default=-1) + 1
        free = next((level for level in range(most - 1, least - 1, -1) if level not in used), None)
        if free is None and not self.has_plan and least <= most:
            return most
        return free

    def _evse_id(self) -> int:
        at = self.transaction.evse_id
        if at is not None and at > 0:
            return at
        if len(self.abilities.evse_ids) > 1:
            raise FailedPrecondition("it is not known which EVSE the transaction is on")
        # The station refuses a wrong EVSE (K01.FR.09).
        return next(iter(self.abilities.evse_ids), 1)

    async def _is_dc(self) -> bool:
        needs = await NegotiationRepository(self.work.session).needs_of(
            self.tenant_id, self.station_id, [self.transaction.transaction_id]
        )
        try:
            message = ocpp.NotifyEVChargingNeedsRequest.FromString(needs[-1].needs or b"") if needs else None
            return message is not None and read_needs(message).supply.is_dc
        except NotPossible:
            return False


async def read_throttle(
    work: UnitOfWork, tenant_id: str, station_id: str, transaction_id: str, now: datetime
) -> TransactionThrottle | None:
    """Return the throttle of a transaction, and lock the profiles of its station until the commit.

    Returns:
        None if the transaction has ended, with which its profiles end (K02.FR.05).
    """
    context = ChargingContextRepository(work.session)
    await context.lock(tenant_id, station_id)
    begun = await context.open_transactions(tenant_id, station_id)
    transaction = next((one for one in begun if one.transaction_id == transaction_id), None)
    if transaction is None:
        return None
    abilities = await read_abilities(work, tenant_id, station_id)
    rows = await ProfileRepository(work.session).find_possible(tenant_id, station_id, now)
    installed = {row.profile_id for row in rows}
    return TransactionThrottle(
        work,
        tenant_id,
        station_id,
        transaction,
        abilities,
        [row for row in rows if row.purpose == TX and is_profile_of(row, transaction)],
        await PlanRepository(work.session).find(tenant_id, station_id) is not None,
        abilities.max_profiles is not None and len(installed) >= abilities.max_profiles,
        now,
    )
