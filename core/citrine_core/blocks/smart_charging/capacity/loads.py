"""The most that EVSEs may draw by the profiles that a station has, or may have. Without input or output."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.schedules import (
    NOMINAL_VOLTAGE,
    Curve,
    Supply,
    constant,
    curve_of_profile,
    highest,
    stacked,
)

__all__ = ["NOTHING", "UNLIMITED", "WATTS_PER_AMPERE", "Installed", "Load", "either", "total", "worst_case"]

WATTS_PER_AMPERE = 3 * NOMINAL_VOLTAGE
"""Power in W of 1 A on each phase, if the number of phases on which a vehicle charges is not known."""

MOST_CASES = 128
"""Most combinations of profiles that are examined; with more of them, a load counts as unlimited."""


class _Amperes(Supply):
    """Conversion of limits to A on the phase with the greatest current."""

    __slots__ = ()

    def rate(self, limit: float, unit: int, phases: int) -> float:
        """Return a limit in A. A limit in W may all be on one phase if its phases are not given."""
        in_watts = unit == types.CHARGING_RATE_UNIT_ENUM_W
        return limit / (NOMINAL_VOLTAGE * max(1, phases)) if in_watts else limit


class _Watts(Supply):
    """Conversion of limits to W."""

    __slots__ = ()

    def rate(self, limit: float, unit: int, phases: int) -> float:
        """Return a limit in W. A limit in A is for three phases if they are not given."""
        return limit if unit == types.CHARGING_RATE_UNIT_ENUM_W else limit * NOMINAL_VOLTAGE * (phases or 3)


@dataclass(frozen=True, slots=True)
class Load:
    """The most that may be drawn over time."""

    amperes: Curve
    """Limits in A on each phase."""
    watts: Curve


NOTHING = Load(constant(0.0), constant(0.0))
UNLIMITED = Load(constant(math.inf), constant(math.inf))


@dataclass(frozen=True)
class Installed:
    """A profile that a station has, or may have."""

    record_id: int
    profile: types.ChargingProfile
    certain: bool
    """False: the station did not answer whether it accepted it."""


def either(loads: Sequence[Load]) -> Load:
    """Return the most that is drawn if one of several loads applies, and it is not known which."""
    return Load(highest([load.amperes for load in loads]), highest([load.watts for load in loads]))


def total(curves: Sequence[Curve]) -> Curve:
    """Return the sum of curves."""
    starts = sorted({0.0, *(start for curve in curves for start, _ in curve)})
    return tuple((start, sum(_at(curve, start) for curve in curves)) for start in starts)


def _at(curve: Curve, time: float) -> float:
    return next((limit for start, limit in reversed(curve) if start <= time), curve[0][1])


def worst_case(
    of_transaction: Sequence[Installed], defaults: Sequence[Installed], now: datetime, *, phases: int = 1
) -> Load:
    """Return the most that an EVSE may draw.

    For a profile that the station may have, the cases with and without it are combined. TxProfiles overrule
    TxDefaultProfiles (K02.FR.04), a higher level overrules a lower one (K01.FR.17), and where a profile has no limit,
    the next one applies (K02.FR.08).

    Args:
        of_transaction: TxProfiles of the transaction on the EVSE. Empty: there is no transaction.
        defaults: TxDefaultProfiles of the EVSE and of the station.
        now: The time at second 0 of the curves.
        phases: Phases of limits in W without numberPhases.
    """
    found: list[Load] = []
    cases = itertools.product(*_choices(of_transaction), *_choices(defaults))
    split = len(_choices(of_transaction))
    for case in itertools.islice(cases, MOST_CASES):
        ordered = [*_by_level(case[:split]), *_by_level(case[split:])]
        for variant in _variants(ordered):
            found.append(Load(_stack(variant, now, _Amperes(), phases), _stack(variant, now, _Watts(), 3)))
    return either(found) if next(cases, None) is None else UNLIMITED


def _choices(profiles: Sequence[Installed]) -> list[list[Installed | None]]:
    """Return, for each profile id, the profiles that the station may have; None: it may have none."""
    by_id: dict[int, list[Installed | None]] = {}
    for one in sorted(profiles, key=lambda one: one.record_id):
        if one.certain:
            # It replaced earlier profiles with its id (K01.FR.05); later ones may have replaced it.
            by_id[one.profile.id] = [one]
        else:
            by_id.setdefault(one.profile.id, [None]).append(one)
    return list(by_id.values())


def _by_level(case: Iterable[Installed | None]) -> list[types.ChargingProfile]:
    there = [one for one in case if one is not None]
    return [one.profile for one in sorted(there, key=lambda one: (-one.profile.stack_level, -one.record_id))]


def _variants(profiles: Sequence[types.ChargingProfile]) -> Iterable[Sequence[types.ChargingProfile]]:
    """Yield the profiles with and without a relative one that ends, because its start is not known."""
    ending = [
        one for one in profiles if _is_relative(one) and any(s.HasField("duration") for s in one.charging_schedule)
    ]
    yield profiles
    for one in ending:
        yield [other for other in profiles if other is not one]


def _stack(profiles: Sequence[types.ChargingProfile], now: datetime, supply: Supply, phases: int) -> Curve:
    return stacked([_curve(profile, now, supply, phases) for profile in profiles if profile.charging_schedule])


def _curve(profile: types.ChargingProfile, now: datetime, supply: Supply, phases: int) -> Curve:
    if _is_relative(profile):
        return constant(
            max(
                supply.rate(period.limit, schedule.charging_rate_unit, period.number_phases or phases)
                if period.HasField("limit")
                else math.inf
                for schedule in profile.charging_schedule
                for period in schedule.charging_schedule_period
            )
        )
    # A vehicle may choose any of several schedules.
    numbers = range(len(profile.charging_schedule))
    return highest([curve_of_profile(profile, now, supply, schedule=number, phases=phases) for number in numbers])


def _is_relative(profile: types.ChargingProfile) -> bool:
    return profile.charging_profile_kind == types.CHARGING_PROFILE_KIND_ENUM_RELATIVE
