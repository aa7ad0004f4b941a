"""Charging profiles of OCPI as OCPP has them, and what a station plans as OCPI has it."""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.smart_charging_pb2 import CompositeSchedule
from citrine_ocpi.models import v2_2_1

__all__ = ["active_profile", "one_limit", "profile_id_of", "tx_profile"]

UNITS: Mapping[str, "types.ChargingRateUnitEnum.ValueType"] = {
    "W": types.CHARGING_RATE_UNIT_ENUM_W,
    "A": types.CHARGING_RATE_UNIT_ENUM_A,
}

STACK_LEVEL = 0
"""Below the profiles by which the core shares out what a station may draw, whose limits hold all the same."""

FIRST_ID = 1_000_000_000
"""Ids from here on, as many again, are those of partners' profiles: other ones begin at 1."""


def profile_id_of(station_id: str, transaction_id: str) -> int:
    """Return the id of the one profile that partners have for a transaction, so that a later one replaces it."""
    digest = hashlib.sha256(f"{station_id}\n{transaction_id}".encode()).digest()
    return FIRST_ID + int.from_bytes(digest[:8]) % FIRST_ID


def tx_profile(profile: v2_2_1.ChargingProfile, station_id: str, transaction_id: str) -> types.ChargingProfile:
    """Return a profile as a station gets it: for the transaction alone."""
    schedule = types.ChargingSchedule(
        id=1,
        charging_rate_unit=UNITS[profile.charging_rate_unit],
        charging_schedule_period=[
            types.ChargingSchedulePeriod(start_period=one.start_period, limit=float(round(one.limit, 1)))
            for one in profile.charging_profile_period
        ],
    )
    kind = types.CHARGING_PROFILE_KIND_ENUM_RELATIVE
    if profile.start_date_time is not None:
        kind = types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE
        schedule.start_schedule.FromDatetime(profile.start_date_time)
    if profile.duration is not None:
        schedule.duration = profile.duration
    if profile.min_charging_rate is not None:
        schedule.min_charging_rate = float(round(profile.min_charging_rate, 1))
    return types.ChargingProfile(
        id=profile_id_of(station_id, transaction_id),
        stack_level=STACK_LEVEL,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=kind,
        charging_schedule=[schedule],
        transaction_id=transaction_id,
    )


def active_profile(
    schedule: CompositeSchedule, most_current: Decimal | None = None
) -> v2_2_1.ActiveChargingProfile | None:
    """Return what a station plans. None: OCPI has no words for it, since a period has no limit.

    Args:
        schedule: As the station said it.
        most_current: What the EVSE can give, in A, for a station that limits nothing. None: it is not known.
    """
    if not schedule.charging_schedule_period and most_current is not None:
        unlimited = CompositeSchedule.FromString(schedule.SerializeToString())
        unlimited.charging_rate_unit = UNITS["A"]
        unlimited.charging_schedule_period.add(start_period=0, limit=float(most_current))
        return active_profile(unlimited)
    if not all(one.HasField("limit") for one in schedule.charging_schedule_period):
        return None
    start = schedule.schedule_start.ToDatetime(UTC)
    unit = next(name for name, value in UNITS.items() if value == schedule.charging_rate_unit)
    periods = [{"start_period": one.start_period, "limit": one.limit} for one in schedule.charging_schedule_period]
    return v2_2_1.ActiveChargingProfile.model_validate(
        {
            "start_date_time": start,
            "charging_profile": {
                "start_date_time": start,
                "duration": schedule.duration,
                "charging_rate_unit": unit,
                "charging_profile_period": periods,
            },
        }
    )


def one_limit(profile: v2_2_1.ActiveChargingProfile) -> str:
    """Return the limit of a plan that has one alone, as "16.0 A". Empty: it has several."""
    plan = profile.charging_profile
    limits = {one.limit for one in plan.charging_profile_period}
    return f"{limits.pop():.1f} {plan.charging_rate_unit}" if len(limits) == 1 else ""
