"""The charging profiles of a plan. Without input or output."""

import math
from datetime import datetime

from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.capacity.loads import WATTS_PER_AMPERE
from citrine_core.blocks.smart_charging.capacity.situation import TX_DEFAULT, Running, Situation
from citrine_core.blocks.smart_charging.checks import Abilities
from citrine_core.blocks.smart_charging.schedules import MOST_RATE, NOMINAL_VOLTAGE, Curve

__all__ = ["default_profile", "rate_unit", "share_profile"]

_A, _W = types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W


def rate_unit(abilities: Abilities, *, is_dc: bool) -> types.ChargingRateUnitEnum.ValueType:
    """Return the unit to send: A for AC and W for DC, unless the station accepts only the other one (K01.FR.26)."""
    units = abilities.rate_units
    in_watts = _W in units if is_dc and units else is_dc or (bool(units) and _A not in units)
    return _W if in_watts else _A


def share_profile(situation: Situation, one: Running, curve: Curve, profile_id: int) -> types.ChargingProfile:
    """Return the TxProfile of a transaction (K01.FR.03, K02.FR.03).

    Args:
        situation: Situation of the station.
        one: The transaction.
        curve: Limits in A on each phase, from `situation.now` on.
        profile_id: Id of the profile.
    """
    in_watts = rate_unit(situation.abilities, is_dc=one.supply.is_dc) == _W
    phases = one.supply.phases if one.phases_known and not one.supply.is_dc else None
    profile = _profile(situation.now, curve, in_watts, phases, is_dc=one.supply.is_dc)
    profile.id, profile.stack_level = profile_id, one.level or 0
    profile.charging_profile_purpose = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
    profile.transaction_id = one.transaction_id
    return profile


def default_profile(situation: Situation, curve: Curve, profile_id: int) -> types.ChargingProfile:
    """Return the TxDefaultProfile of a station, for transactions that are not planned yet (K01.FR.14).

    Args:
        situation: Situation of the station.
        curve: Limits in A on each phase, from `situation.now` on.
        profile_id: Id of the profile.
    """
    in_watts = rate_unit(situation.abilities, is_dc=False) == _W
    profile = _profile(situation.now, curve, in_watts, None, is_dc=False)
    profile.id, profile.stack_level = profile_id, situation.default_level or 0
    profile.charging_profile_purpose = TX_DEFAULT
    return profile


def _profile(now: datetime, curve: Curve, in_watts: bool, phases: int | None, *, is_dc: bool) -> types.ChargingProfile:
    schedule = types.ChargingSchedule(id=1, charging_rate_unit=_W if in_watts else _A)
    factor = 1.0
    if in_watts:
        factor = WATTS_PER_AMPERE if phases is None else NOMINAL_VOLTAGE * phases
        # K01.FR.50: numberPhases, by which the station divides, is set. K01.FR.44: not for DC.
        phases = None if is_dc else phases or 3
    for start, limit in curve:
        period = schedule.charging_schedule_period.add(
            start_period=int(start), limit=math.floor(min(limit, MOST_RATE) * factor * 10 + 1e-6) / 10
        )
        if phases is not None:
            period.number_phases = phases
    kind = types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE
    if len(curve) == 1:
        # A constant limit applies whatever the clock of the station (K01.FR.30, K01.FR.41).
        kind = types.CHARGING_PROFILE_KIND_ENUM_RELATIVE
    else:
        schedule.start_schedule.FromDatetime(now)
    return types.ChargingProfile(charging_profile_kind=kind, charging_schedule=[schedule])
