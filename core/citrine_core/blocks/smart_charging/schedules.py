"""Charging schedules as curves: limits over time, which can be compared and combined. Without input or output."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.types_pb2 import ChargingProfile, ChargingSchedule

__all__ = [
    "DEFAULT_PHASES",
    "HORIZON",
    "LATEST",
    "MOST_RATE",
    "NOMINAL_VOLTAGE",
    "Curve",
    "Supply",
    "constant",
    "curve_of_profile",
    "curve_of_schedule",
    "exceeds",
    "highest",
    "limit_at",
    "lowest",
    "stacked",
]

NOMINAL_VOLTAGE = 230.0
"""Voltage between a phase and neutral, in V, for conversions between watts and amperes (K01.FR.50)."""

MOST_RATE = 1e9
"""Highest rate in A or W that is calculated with: stations may report any number, and this is more than any takes."""

LATEST = 2**31 - 1
"""Latest second of a schedule that a message can say."""

HORIZON = 24 * 3600.0
"""Seconds that a curve looks ahead: a day, as ISO 15118 schedules do."""

DEFAULT_PHASES = 3
"""Phases of a period without numberPhases (K01.FR.49)."""

TOLERANCE = 0.01
"""Fraction by which a vehicle may exceed a limit, because its values are rounded."""

Curve = tuple[tuple[float, float], ...]
"""Pairs of seconds after an origin, the first 0, and the limit from then on; infinite: no limit."""

_DAY = timedelta(days=1).total_seconds()

_RECURRENCE = {types.RECURRENCY_KIND_ENUM_DAILY: _DAY, types.RECURRENCY_KIND_ENUM_WEEKLY: 7 * _DAY}


@dataclass(frozen=True, slots=True)
class Supply:
    """Supply of a vehicle. Its limits are in A per phase for AC, in W for DC."""

    is_dc: bool = False
    phases: int = DEFAULT_PHASES
    """Number of phases on which the vehicle charges."""
    voltage: float = NOMINAL_VOLTAGE

    def rate(self, limit: float, unit: int, phases: int) -> float:
        """Return a limit for a number of phases, converted to the unit of this supply, within MOST_RATE."""
        in_watts = unit == types.CHARGING_RATE_UNIT_ENUM_W
        if self.is_dc:
            rate = limit if in_watts else limit * NOMINAL_VOLTAGE * phases
        else:
            rate = limit / (self.voltage * phases) if in_watts else limit
        return max(-MOST_RATE, min(rate, MOST_RATE))

    def watts(self, rate: float) -> float:
        """Return the power in W of a rate of this supply."""
        return rate if self.is_dc else rate * self.voltage * self.phases


def constant(limit: float) -> Curve:
    """Return the curve of a constant limit."""
    return ((0.0, limit),)


def limit_at(curve: Curve, seconds: float) -> float:
    """Return the limit at a time; before the origin, the limit at the origin."""
    return curve[max(0, bisect_right(curve, (seconds, math.inf)) - 1)][1]


def lowest(curves: Iterable[Curve]) -> Curve:
    """Return the lowest of several curves at each time; without curves, no limit."""
    return _combine(list(curves), min)


def highest(curves: Iterable[Curve]) -> Curve:
    """Return the highest of several curves at each time; without curves, no limit."""
    return _combine(list(curves), max)


def stacked(curves: Sequence[Curve]) -> Curve:
    """Return, at each time, the limit of the first curve that has one. Curves are by falling stack level."""
    return _combine(curves, lambda limits: next((limit for limit in limits if limit != math.inf), math.inf))


def _combine(curves: Sequence[Curve], choose: Callable[[Sequence[float]], float]) -> Curve:
    starts = sorted({0.0, *(start for curve in curves for start, _ in curve)})
    return _joined((start, choose([limit_at(curve, start) for curve in curves] or [math.inf])) for start in starts)


def _joined(points: Iterable[tuple[float, float]]) -> Curve:
    """Return a curve without points that do not change the limit."""
    found: list[tuple[float, float]] = []
    for start, limit in points:
        if not found or limit != found[-1][1]:
            found.append((start, limit))
    return tuple(found)


def curve_of_schedule(
    schedule: ChargingSchedule,
    begin: datetime,
    origin: datetime,
    supply: Supply,
    *,
    recurs: float | None = None,
    phases: int = DEFAULT_PHASES,
) -> Curve:
    """Return the limits of a schedule from an origin on.

    Args:
        schedule: The schedule, with periods in order.
        begin: When its first period starts.
        origin: The time at second 0 of the curve.
        supply: Supply that determines the unit of the limits.
        recurs: Seconds after which it starts again. None: it does not.
        phases: Phases of periods without numberPhases.
    """
    offset = (begin - origin).total_seconds()
    length = float(schedule.duration) if schedule.HasField("duration") else math.inf
    if recurs is None:
        return _from_origin(_points(schedule, offset, length, supply, phases))
    length = min(length, recurs)
    first = math.floor(-offset / recurs) - 1
    last = math.ceil((HORIZON - offset) / recurs)
    turns = range(max(0, first), last + 1)
    return _from_origin(
        point for turn in turns for point in _points(schedule, offset + turn * recurs, length, supply, phases)
    )


def _points(
    schedule: ChargingSchedule, offset: float, length: float, supply: Supply, phases: int
) -> Iterable[tuple[float, float]]:
    for period in schedule.charging_schedule_period:
        if period.start_period < length:
            limit = math.inf
            if period.HasField("limit"):
                limit = supply.rate(period.limit, schedule.charging_rate_unit, period.number_phases or phases)
            yield offset + period.start_period, limit
    if length != math.inf:
        yield offset + length, math.inf


def _from_origin(points: Iterable[tuple[float, float]]) -> Curve:
    """Return the curve of points. Of points at the same time, or before the origin, the last one counts."""
    found: dict[float, float] = {0.0: math.inf}
    for start, limit in points:
        found[max(0.0, start)] = limit
    return _joined(sorted(found.items()))


def curve_of_profile(
    profile: ChargingProfile, origin: datetime, supply: Supply, *, schedule: int = 0, phases: int = DEFAULT_PHASES
) -> Curve:
    """Return the limits of a profile from an origin on; a relative profile starts there."""
    chosen = profile.charging_schedule[schedule]
    begin = chosen.start_schedule.ToDatetime(UTC) if chosen.HasField("start_schedule") else origin
    recurs = None
    if profile.charging_profile_kind == types.CHARGING_PROFILE_KIND_ENUM_RECURRING:
        recurs = _RECURRENCE.get(profile.recurrency_kind, _DAY)
    curve = curve_of_schedule(chosen, begin, origin, supply, recurs=recurs, phases=phases)
    return _valid(profile, curve, origin)


def _valid(profile: ChargingProfile, curve: Curve, origin: datetime) -> Curve:
    # K01.FR.36, K01.FR.37: outside of its validity a profile has no limit.
    begin, end = 0.0, math.inf
    if profile.HasField("valid_from"):
        begin = max(0.0, (profile.valid_from.ToDatetime(UTC) - origin).total_seconds())
    if profile.HasField("valid_to"):
        end = (profile.valid_to.ToDatetime(UTC) - origin).total_seconds()
    starts = sorted({0.0, begin, *(start for start, _ in curve), *([end] if 0 < end < math.inf else [])})
    return _joined((start, limit_at(curve, start) if begin <= start < end else math.inf) for start in starts)


def exceeds(curve: Curve, allowed: Curve, *, until: float = HORIZON, slack: float = 0.0) -> float | None:
    """Return the time in seconds at which a curve first exceeds the limits; None if it never does.

    Args:
        curve: The curve to check. Where it has no limit, it claims nothing.
        allowed: The limits.
        until: Seconds up to which the curves are compared.
        slack: Seconds by which the curves may be shifted, because clocks differ and messages take time.
    """
    shifted = {start + shift for start, _ in allowed for shift in (-slack, slack)}
    for time in sorted({start for start, _ in curve} | shifted):
        if not 0 <= time < until:
            continue
        limit = limit_at(curve, time)
        near = [limit_at(allowed, time - slack), *(bound for at, bound in allowed if -slack < at - time <= slack)]
        if limit != math.inf and limit > max(near) * (1 + TOLERANCE) + TOLERANCE:
            return time
    return None
