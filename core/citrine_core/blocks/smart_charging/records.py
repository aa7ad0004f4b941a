"""The record of charging profiles: the states of a profile that was set."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.smart_charging_pb2 import ChargingProfileState
from citrine.events.v1.events_pb2 import ChargingProfileChanged, Event
from citrine.ocpp.v2.types_pb2 import ChargingProfile, StatusInfo
from citrine_core.blocks.smart_charging.models import ProfileRecord
from citrine_core.blocks.smart_charging.repository import ProfileRepository
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.jobs import Job

__all__ = ["ProfileExpiry", "move", "new_record", "said", "same_profile", "supersede"]

EXPIRY_INTERVAL = timedelta(seconds=30)
"""Interval at which the end of profiles is stored and published. The API shows the end at once."""

EXPIRY_STEP = 500
"""Most profiles whose state changes in one transaction."""

START_TIME = timedelta(hours=1)
"""How long after a remote start its transaction may begin."""

QUERY_TIME = timedelta(days=1)
"""How long the report of a GetChargingProfiles may take."""

ACCEPTED = pb.CHARGING_PROFILE_STATE_ACCEPTED
WANTED = pb.CHARGING_PROFILE_STATE_WANTED


def new_record(
    tenant_id: str,
    station_id: str,
    evse_id: int,
    profile: ChargingProfile,
    state: pb.ChargingProfileState.ValueType,
    now: datetime,
    *,
    transaction_id: str = "",
) -> ProfileRecord:
    """Return a new row for a profile."""
    return ProfileRecord(
        tenant_id=tenant_id,
        station_id=station_id,
        profile_id=profile.id,
        evse_id=evse_id,
        purpose=profile.charging_profile_purpose,
        stack_level=profile.stack_level,
        transaction_id=profile.transaction_id or transaction_id or None,
        valid_to=profile.valid_to.ToDatetime(UTC) if profile.HasField("valid_to") else None,
        profile=profile.SerializeToString(deterministic=True),
        state=state,
        reason="",
        found=False,
        planned=False,
        throttles=False,
        uncertain=False,
        source="CSO",
        create_time=now,
        update_time=now,
    )


def move(
    work: UnitOfWork, row: ProfileRecord, state: pb.ChargingProfileState.ValueType, now: datetime, reason: str = ""
) -> None:
    """Change the state of a profile, and publish the change."""
    row.state, row.reason, row.update_time = state, reason[:600], now
    changed = ChargingProfileChanged(
        record_id=row.id or 0,
        charging_profile_id=row.profile_id,
        evse_id=row.evse_id,
        transaction_id=row.transaction_id or "",
        state=ChargingProfileState.ValueType(state),
        reason=row.reason,
        cause=row.cause or "",
    )
    work.emit(Event(tenant_id=row.tenant_id, station_id=row.station_id, charging_profile_changed=changed))


def supersede(work: UnitOfWork, row: ProfileRecord, others: Sequence[ProfileRecord], now: datetime) -> None:
    """Record that a profile replaces installed ones with the same id (K01.FR.05)."""
    for other in others:
        if other is row or other.profile_id != row.profile_id:
            continue
        if other.state == ACCEPTED:
            move(work, other, pb.CHARGING_PROFILE_STATE_REPLACED, now)
        elif other.uncertain and other.id < row.id:
            other.uncertain = False
    row.uncertain = False
    move(work, row, ACCEPTED, now)


def said(status: str, info: StatusInfo) -> str:
    """Return the reason that a station gave for a refusal, in one line."""
    parts = [status, info.reason_code, info.additional_info]
    return ": ".join(part for part in parts if part)


def same_profile(one: ChargingProfile, other: ChargingProfile) -> bool:
    """Return whether two profiles are equivalent, regardless of the spelling in a station's report."""
    return _gist(one) == _gist(other)


def _gist(profile: ChargingProfile) -> tuple[object, ...]:
    schedules = [
        (
            schedule.charging_rate_unit,
            schedule.start_schedule.seconds,
            [
                (period.start_period, round(period.limit, 1), period.number_phases or 3, period.phase_to_use)
                for period in schedule.charging_schedule_period
            ],
        )
        for schedule in profile.charging_schedule
    ]
    return (
        profile.charging_profile_purpose,
        profile.charging_profile_kind,
        profile.stack_level,
        profile.transaction_id,
        schedules,
    )


class ProfileExpiry:
    """The job that records ends without a message: profiles expire, and end with their transactions (K02.FR.05)."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self.job = Job("charging profiles that are over", EXPIRY_INTERVAL, self.run, due=ProfileRepository.live_since())

    async def run(self) -> None:
        """End all profiles that are due."""
        now = self._clock()
        async with self._unit_of_work() as work:
            profiles = ProfileRepository(work.session)
            for row, transaction_id in await profiles.find_transactions_of_starts():
                row.transaction_id = row.transaction_id or transaction_id
            await profiles.drop_queries(now - QUERY_TIME)
            await work.commit()
        while await self._step(now):
            pass

    async def _step(self, now: datetime) -> bool:
        async with self._unit_of_work() as work:
            rows = await ProfileRepository(work.session).find_over(now, now - START_TIME, EXPIRY_STEP)
            for row in rows:
                _end(work, row, now)
            await work.commit()
        return len(rows) == EXPIRY_STEP


def _end(work: UnitOfWork, row: ProfileRecord, now: datetime) -> None:
    if row.valid_to is not None and row.valid_to <= now:
        move(work, row, pb.CHARGING_PROFILE_STATE_EXPIRED, now)
    elif row.state == WANTED and row.wanted_until is not None and row.wanted_until <= now:
        row.uncertain = True
        move(work, row, pb.CHARGING_PROFILE_STATE_FAILED, now, "nothing was heard of its command")
    else:
        reason = "" if row.transaction_id else "no transaction began"
        move(work, row, pb.CHARGING_PROFILE_STATE_ENDED, now, reason)
