"""What EVSEs may draw by the profiles that a station has, or may have, in the worst case. Without input or output."""

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
"""Power of an ampere on each phase, where it is not known on how many phases a vehicle charges."""

MOST_CASES = 128
"""More cases than so many are not looked at one by one."""


class _Amperes(Supply):
    """Limits in A on the phase that has most of it."""

    __slots__ = ()

    def rate(self, limit: float, unit: int, phases: int) -> float:
        """Return a limit in A. One in W may all be on one phase where its phases are not said."""
        in_watts = unit == types.CHARGING_RATE_UNIT_ENUM_W
        return limit / (NOMINAL_VOLTAGE * max(1, phases)) if in_watts else limit


class _Watts(Supply):
    """Limits in W."""

    __slots__ = ()

    def rate(self, limit: float, unit: int, phases: int) -> float:
        """Return a limit in W. One in A is taken for three phases where they are not said."""
        return limit if unit == types.CHARGING_RATE_UNIT_ENUM_W else limit * NOMINAL_VOLTAGE * (phases or 3)


@dataclass(frozen=True, slots=True)
class Load:
    """What somebody may draw over time."""

    amperes: Curve
    """On each phase."""
    watts: Curve


NOTHING = Load(constant(0.0), constant(0.0))
UNLIMITED = Load(constant(math.inf), constant(math.inf))


@dataclass(frozen=True)
class Installed:
    """A profile that a station has, or may have."""

    record_id: int
    profile: types.ChargingProfile
    certain: bool
    """False: the station did not say whether it took it."""


def either(loads: Sequence[Load]) -> Load:
    """Return what is drawn at most where one of several loads is there, and it is not known which."""
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
    """Return what an EVSE may draw at most.

    Where a station may or may not have a profile, both are reckoned with. TxProfiles overrule TxDefaultProfiles
    (K02.FR.04), a higher level a lower one (K01.FR.17), and what says nothing falls back to the next (K02.FR.08).

    Args:
        of_transaction: TxProfiles of the transaction on it. Empty: there is no transaction.
        defaults: TxDefaultProfiles of the EVSE and of the station.
        now: What the curves count from.
        phases: Phases that limits in W are shared by where they do not say it.
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
    """Return for each id what the station may have of it."""
    by_id: dict[int, list[Installed | None]] = {}
    for one in sorted(profiles, key=lambda one: one.record_id):
        if one.certain:
            # It replaced what was before it (K01.FR.05); what was sent since may have replaced it.
            by_id[one.profile.id] = [one]
        else:
            by_id.setdefault(one.profile.id, [None]).append(one)
    return list(by_id.values())


def _by_level(case: Iterable[Installed | None]) -> list[types.ChargingProfile]:
    there = [one for one in case if one is not None]
    return [one.profile for one in sorted(there, key=lambda one: (-one.profile.stack_level, -one.record_id))]


def _variants(profiles: Sequence[types.ChargingProfile]) -> Iterable[Sequence[types.ChargingProfile]]:
    """Yield the profiles with and without a relative one that ends: nobody says since when it runs."""
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
