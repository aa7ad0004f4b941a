"""Plans the charging of a vehicle from its needs and the available power (K15 to K17). Without input or output."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.smart_charging_pb2 import ChargingNeeds, NotifyEVChargingNeedsRequest
from citrine_core.blocks.smart_charging.schedules import (
    HORIZON,
    LATEST,
    MOST_RATE,
    NOMINAL_VOLTAGE,
    Curve,
    Supply,
    constant,
    limit_at,
    lowest,
)

__all__ = ["Needs", "NotPossible", "plan", "profile_of", "read_needs", "shortened_plan"]

HEADROOM = 1.1
"""Factor of planned to needed energy: charging has losses, and starts slowly."""

LEAST_VOLTAGE = 1.0
"""Voltage below which what a vehicle reports is none."""

TAIL = 3600.0
"""Least seconds that the last period counts when periods are joined."""

_AC_PHASES = {
    types.ENERGY_TRANSFER_MODE_ENUM_AC_SINGLE_PHASE: 1,
    types.ENERGY_TRANSFER_MODE_ENUM_AC_TWO_PHASE: 2,
    types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE: 3,
    types.ENERGY_TRANSFER_MODE_ENUM_AC_BPT: 3,
    types.ENERGY_TRANSFER_MODE_ENUM_AC_BPT_DER: 3,
    types.ENERGY_TRANSFER_MODE_ENUM_AC_DER: 3,
}


class NotPossible(Exception):
    """There is no schedule for a vehicle.

    Args:
        code: reasonCode of OCPP, at most 20 characters.
        problem: The reason, for people.
    """

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs and limits of a vehicle; rates are in the unit of its supply."""

    supply: Supply
    max_rate: float
    min_rate: float = 0.0
    """Least rate at which the vehicle charges."""
    energy_wh: float | None = None
    """None: not reported."""
    departure: datetime | None = None

    def less(self, energy_wh: float) -> "Needs":
        """Return the remaining needs after the vehicle got an amount of energy."""
        if self.energy_wh is None:
            return self
        left = max(0.0, self.energy_wh - energy_wh)
        return Needs(self.supply, self.max_rate, self.min_rate, left, self.departure)


def read_needs(request: NotifyEVChargingNeedsRequest) -> Needs:
    """Return the needs of a vehicle.

    Raises:
        NotPossible: When the parameters of its mode are missing (K15.FR.06) or invalid.
    """
    needs = request.charging_needs
    departure = needs.departure_time.ToDatetime(UTC) if needs.HasField("departure_time") else None
    if needs.requested_energy_transfer in _AC_PHASES:
        return _ac_needs(needs, departure)
    return _dc_needs(needs, departure)


def _ac_needs(needs: ChargingNeeds, departure: datetime | None) -> Needs:
    if not needs.HasField("ac_charging_parameters"):
        raise NotPossible("MissingParam", "there are no acChargingParameters")
    ac = needs.ac_charging_parameters
    if ac.ev_max_current <= 0 or ac.ev_min_current > ac.ev_max_current:
        raise NotPossible("InvalidValue", "evMaxCurrent must be above 0 and not below evMinCurrent")
    # Some vehicles report the voltage between two phases.
    voltage = min(NOMINAL_VOLTAGE, ac.ev_max_voltage) if ac.ev_max_voltage >= LEAST_VOLTAGE else NOMINAL_VOLTAGE
    supply = Supply(phases=_AC_PHASES[needs.requested_energy_transfer], voltage=voltage)
    most, least = min(ac.ev_max_current, MOST_RATE), min(ac.ev_min_current, MOST_RATE)
    return Needs(supply, most, least, _positive(ac.energy_amount), departure)


def _dc_needs(needs: ChargingNeeds, departure: datetime | None) -> Needs:
    if not needs.HasField("dc_charging_parameters"):
        raise NotPossible("MissingParam", "there are no dcChargingParameters")
    dc = needs.dc_charging_parameters
    powers = [power for power in (dc.ev_max_power, dc.ev_max_current * dc.ev_max_voltage) if power > 0]
    if not powers:
        raise NotPossible("InvalidValue", "there is neither evMaxPower nor evMaxCurrent with evMaxVoltage")
    energy = _positive(dc.energy_amount)
    if energy is None and dc.ev_energy_capacity > 0 and dc.HasField("state_of_charge"):
        full = dc.full_soc if dc.HasField("full_soc") else 100
        energy = _positive(dc.ev_energy_capacity * (full - dc.state_of_charge) / 100)
    supply = Supply(is_dc=True, voltage=max(dc.ev_max_voltage, LEAST_VOLTAGE))
    return Needs(supply, min(*powers, MOST_RATE), 0.0, energy, departure)


def _positive(value: float) -> float | None:
    return value if value > 0 else None


def plan(needs: Needs, limits: Sequence[Curve], now: datetime, max_periods: int) -> Curve:
    """Return the limits of the vehicle from now on.

    With a departure and an energy, they are the lowest constant level that delivers the energy by the departure, so
    that others get the rest; if no level does, they are all available power. After the departure, and without one,
    the vehicle may take all available power.

    Args:
        needs: Needs of the vehicle.
        limits: Limits of the available power from now on, in the unit of the vehicle's supply.
        now: The current time.
        max_periods: Most periods that the vehicle and the station accept.

    Raises:
        NotPossible: When the available power never reaches the least rate of the vehicle.
    """
    offered = lowest([constant(needs.max_rate), *limits])
    # A vehicle with a limit below its least rate may stop for good, so such a limit is planned as 0, a pause.
    available = tuple((start, limit if limit >= needs.min_rate else 0.0) for start, limit in offered)
    stay = (needs.departure - now).total_seconds() if needs.departure is not None else math.inf
    if all(limit <= 0 for start, limit in available if start < min(stay, HORIZON) or start == 0):
        raise NotPossible("Unspecified", "the limits leave less than the vehicle takes at least")
    curve = available
    if needs.energy_wh is not None and 0 < stay < math.inf:
        level = _level(needs, available, stay)
        starts = sorted({stay, *(start for start, _ in available)})
        curve = tuple((start, min(limit_at(available, start), level if start < stay else math.inf)) for start in starts)
    return shortened_plan(curve, max_periods)


def shortened_plan(curve: Curve, most: int) -> Curve:
    """Return a curve with values that OCPP can represent and at most `most` periods, never above the given one."""
    return _shortened(_rounded(curve), max(1, most))


def _level(needs: Needs, available: Curve, stay: float) -> float:
    wanted = (needs.energy_wh or 0.0) * HEADROOM
    low, high = needs.min_rate, needs.max_rate
    if _energy(needs.supply, available, low, stay) >= wanted:
        return low if low > 0 else _least(needs)
    for _ in range(50):
        middle = (low + high) / 2
        if _energy(needs.supply, available, middle, stay) >= wanted:
            high = middle
        else:
            low = middle
    return math.ceil(high * 10 - 1e-6) / 10


def _least(needs: Needs) -> float:
    """Return a small rate for a vehicle that needs no energy and has no least rate, so that it stays awake."""
    return max(0.1, needs.max_rate / 100)


def _energy(supply: Supply, available: Curve, level: float, seconds: float) -> float:
    """Return the energy in Wh that a level delivers within some seconds."""
    ends = [*(start for start, _ in available[1:]), math.inf]
    return sum(
        supply.watts(min(limit, level)) * (min(end, seconds) - start) / 3600
        for (start, limit), end in zip(available, ends, strict=True)
        if start < seconds
    )


def _rounded(curve: Curve) -> Curve:
    """Return a curve in whole seconds and limits with one decimal digit or none, never above the given one."""
    found: dict[int, float] = {}
    for start, limit in curve:
        if start > LATEST:
            break
        second = math.ceil(start) if found and limit > found[max(found)] else math.floor(start)
        found[second] = limit if limit == math.inf else math.floor(limit * 10 + 1e-6) / 10
    points = sorted(found.items())
    return tuple(
        (float(start), limit)
        for number, (start, limit) in enumerate(points)
        if number == 0 or limit != points[number - 1][1]
    )


def _shortened(curve: Curve, most: int) -> Curve:
    """Return a curve of at most `most` periods, never above the given one, with a small loss of energy."""
    points = list(curve)
    while len(points) > most:
        ends = [*(start for start, _ in points[1:]), max(HORIZON, points[-1][0] + TAIL)]
        lengths = [end - start for (start, _), end in zip(points, ends, strict=True)]

        def loss(number: int, lengths: list[float] = lengths) -> float:
            first, second = points[number][1], points[number + 1][1]
            return (first - second) * lengths[number] if first > second else (second - first) * lengths[number + 1]

        worst = min(range(len(points) - 1), key=loss)
        points[worst : worst + 2] = [(points[worst][0], min(points[worst][1], points[worst + 1][1]))]
    return tuple(points)


def profile_of(
    curve: Curve,
    supply: Supply,
    now: datetime,
    units: Collection[int],
    *,
    profile_id: int,
    stack_level: int,
    transaction_id: str,
) -> types.ChargingProfile:
    """Return the TxProfile of a plan (K15.FR.07), with one schedule (K15.FR.18).

    Args:
        curve: The plan.
        supply: Supply of the vehicle, which determines the unit of the plan.
        now: When the plan starts.
        units: citrine.ocpp.v2.ChargingRateUnitEnum that the station accepts. Empty: not known.
        profile_id: Id of the profile.
        stack_level: Stack level of the profile.
        transaction_id: Transaction of the vehicle.
    """
    unit = types.CHARGING_RATE_UNIT_ENUM_W if supply.is_dc else types.CHARGING_RATE_UNIT_ENUM_A
    factor = 1.0
    if units and unit not in units:
        in_watts = unit == types.CHARGING_RATE_UNIT_ENUM_W
        unit = types.CHARGING_RATE_UNIT_ENUM_A if in_watts else types.CHARGING_RATE_UNIT_ENUM_W
        factor = 1 / (NOMINAL_VOLTAGE * 3) if in_watts else supply.voltage * supply.phases
    schedule = types.ChargingSchedule(id=1, charging_rate_unit=unit)
    schedule.start_schedule.FromDatetime(now.replace(microsecond=0))
    for start, limit in curve:
        period = schedule.charging_schedule_period.add(
            start_period=int(start), limit=math.floor(limit * factor * 10 + 1e-6) / 10
        )
        if not supply.is_dc:
            period.number_phases = supply.phases
    return types.ChargingProfile(
        id=profile_id,
        stack_level=stack_level,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE,
        transaction_id=transaction_id,
        charging_schedule=[schedule],
    )
