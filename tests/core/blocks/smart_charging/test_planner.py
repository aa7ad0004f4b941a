"""The planner: what a vehicle may draw, from what it needs and what there is."""

import math
from datetime import timedelta
from typing import Any

import pytest

from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.smart_charging_pb2 import (
    ACChargingParameters,
    ChargingNeeds,
    DCChargingParameters,
    NotifyEVChargingNeedsRequest,
)
from citrine_core.blocks.smart_charging.planner import (
    Needs,
    NotPossible,
    plan,
    profile_of,
    read_needs,
    shortened_plan,
)
from citrine_core.blocks.smart_charging.schedules import LATEST, MOST_RATE, Curve, Supply, constant
from tests.support.blocks import NOW, stamp

AC3 = types.ENERGY_TRANSFER_MODE_ENUM_AC_THREE_PHASE
AC1 = types.ENERGY_TRANSFER_MODE_ENUM_AC_SINGLE_PHASE
DC = types.ENERGY_TRANSFER_MODE_ENUM_DC
HOUR = 3600


def request(mode: Any, *, ac: Any = None, dc: Any = None, departure: Any = None) -> NotifyEVChargingNeedsRequest:
    needs = ChargingNeeds(
        requested_energy_transfer=mode,
        ac_charging_parameters=ac,
        dc_charging_parameters=dc,
        departure_time=departure,
    )
    return NotifyEVChargingNeedsRequest(evse_id=1, charging_needs=needs)


def ac(energy: float = 20_000, least: float = 6, most: float = 16, voltage: float = 230) -> ACChargingParameters:
    return ACChargingParameters(energy_amount=energy, ev_min_current=least, ev_max_current=most, ev_max_voltage=voltage)


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        pytest.param(
            request(AC3, ac=ac(), departure=stamp()), Needs(Supply(phases=3), 16, 6, 20_000, NOW), id="three-phases"
        ),
        pytest.param(request(AC1, ac=ac(voltage=400)), Needs(Supply(phases=1), 16, 6, 20_000), id="one-phase-400-v"),
        pytest.param(request(AC3, ac=ac(energy=0)), Needs(Supply(), 16, 6, None), id="no-energy"),
        pytest.param(
            request(DC, dc=DCChargingParameters(ev_max_current=200, ev_max_voltage=400, ev_max_power=50_000)),
            Needs(Supply(is_dc=True, voltage=400), 50_000),
            id="dc-power",
        ),
        pytest.param(
            request(
                DC,
                dc=DCChargingParameters(
                    ev_max_current=100, ev_max_voltage=400, ev_energy_capacity=60_000, state_of_charge=20, full_soc=80
                ),
            ),
            Needs(Supply(is_dc=True, voltage=400), 40_000, 0, 36_000),
            id="dc-state-of-charge",
        ),
    ],
)
def test_needs_are_read(said: NotifyEVChargingNeedsRequest, needs: Needs) -> None:
    assert read_needs(said) == needs


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(request(AC3), "MissingParam", id="no-parameters"),
        pytest.param(request(DC, ac=ac()), "MissingParam", id="parameters-of-the-other-mode"),
        pytest.param(request(AC3, ac=ac(most=0)), "InvalidValue", id="no-current"),
        pytest.param(request(AC3, ac=ac(least=20)), "InvalidValue", id="least-above-most"),
        pytest.param(request(DC, dc=DCChargingParameters()), "InvalidValue", id="no-power"),
    ],
)
def test_K15_FR_06_needs_that_say_too_little_are_refused(said: NotifyEVChargingNeedsRequest, code: str) -> None:
    with pytest.raises(NotPossible) as refused:
        read_needs(said)

    assert refused.value.code == code
    assert len(refused.value.code) <= 20


AT_8 = NOW + timedelta(hours=8)
THREE = Supply()  # 690 W for each A


@pytest.mark.parametrize(
    ("needs", "limits", "periods", "curve"),
    [
        pytest.param(Needs(THREE, 16, 6), [], 10, constant(16), id="all-the-vehicle-takes"),
        pytest.param(Needs(THREE, 16, 6), [constant(10)], 10, constant(10), id="all-there-is"),
        pytest.param(
            # 44 kWh with the headroom: 5.5 kW for 8 hours.
            Needs(THREE, 16, 6, 40_000, AT_8),
            [],
            10,
            ((0, 8.0), (8 * HOUR, 16)),
            id="levelled-until-the-departure",
        ),
        pytest.param(
            Needs(THREE, 16, 6, 10_000, AT_8), [], 10, ((0, 6), (8 * HOUR, 16)), id="never-below-the-least-current"
        ),
        pytest.param(Needs(THREE, 16, 6, 200_000, AT_8), [], 10, constant(16), id="what-can-not-be-reached"),
        pytest.param(
            Needs(THREE, 16, 6, 40_000, AT_8),
            [((0, 6.0), (4 * HOUR, 32))],
            10,
            # 16.56 kWh in the first half leave 27.44 kWh for the second.
            ((0, 6.0), (4 * HOUR, 10.0), (8 * HOUR, 16)),
            id="made-up-for-later",
        ),
        pytest.param(
            Needs(THREE, 16, 6), [((0, 16), (HOUR, 4.0), (2 * HOUR, 16))], 10,
            ((0, 16), (HOUR, 0), (2 * HOUR, 16)), id="a-pause-where-there-is-too-little",
        ),
        pytest.param(
            Needs(THREE, 16, 6),
            [((0, 10), (HOUR, 9), (2 * HOUR, 16))],
            2,
            ((0, 9), (2 * HOUR, 16)),
            id="joined-to-few-periods-never-above-the-limits",
        ),
        pytest.param(Needs(THREE, 16, 6, 40_000, AT_8), [], 1, constant(8.0), id="one-period"),
        pytest.param(
            Needs(THREE, 16, 6, 1000, NOW - timedelta(hours=1)), [], 10, constant(16), id="departure-in-the-past"
        ),
        pytest.param(
            Needs(Supply(is_dc=True), 50_000, 0, 10_000, NOW + timedelta(hours=1)),
            [],
            10,
            ((0, 11_000), (HOUR, 50_000)),
            id="dc",
        ),
        pytest.param(
            Needs(Supply(is_dc=True), 50_000, 0, 0.0, AT_8), [], 10, ((0, 500), (8 * HOUR, 50_000)), id="nothing-needed"
        ),
    ],
)  # fmt: skip
def test_schedules_are_planned(needs: Needs, limits: list[Curve], periods: int, curve: Curve) -> None:
    assert plan(needs, limits, NOW, periods) == curve


def test_K15_FR_04_limits_that_leave_too_little_are_said() -> None:
    with pytest.raises(NotPossible, match="less than the vehicle takes"):
        plan(Needs(THREE, 16, 6), [constant(5)], NOW, 10)


def test_a_plan_is_never_above_a_limit_and_rises_late() -> None:
    """What is rounded to whole seconds and one digit stays within the limits."""
    curve = plan(Needs(THREE, 32, 6), [((0, 10.19), (100.5, 12.0), (200.5, 8.0))], NOW, 10)

    assert curve == ((0, 10.1), (101, 12.0), (200, 8.0))


@pytest.mark.parametrize(
    ("supply", "units", "unit", "limit", "phases"),
    [
        pytest.param(THREE, [], "A", 10.0, 3, id="ac"),
        pytest.param(Supply(phases=1), [types.CHARGING_RATE_UNIT_ENUM_W], "W", 2300.0, 1, id="ac-in-watts"),
        pytest.param(Supply(is_dc=True), [], "W", 10.0, 0, id="dc"),
        pytest.param(Supply(is_dc=True), [types.CHARGING_RATE_UNIT_ENUM_A], "A", 0.0, 0, id="dc-in-amperes"),
    ],
)
def test_K15_FR_07_a_plan_becomes_a_profile(
    supply: Supply, units: list[int], unit: str, limit: float, phases: int
) -> None:
    profile = profile_of(constant(10), supply, NOW, units, profile_id=5, stack_level=1, transaction_id="T-1")

    [schedule] = profile.charging_schedule
    [period] = schedule.charging_schedule_period
    assert types.ChargingRateUnitEnum.Name(schedule.charging_rate_unit).endswith(f"_{unit}")
    assert (period.limit, period.number_phases) == (limit, phases)
    assert schedule.start_schedule == stamp()
    assert (profile.id, profile.stack_level, profile.transaction_id) == (5, 1, "T-1")
    assert profile.charging_profile_purpose == types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE


def test_what_was_charged_is_not_needed_any_more() -> None:
    assert Needs(THREE, 16, 6, 1000.0).less(400).energy_wh == 600
    assert Needs(THREE, 16, 6, 1000.0).less(4000).energy_wh == 0
    assert Needs(THREE, 16, 6).less(400).energy_wh is None


def test_numbers_that_no_vehicle_means_are_calculated_with_all_the_same() -> None:
    """As a station may report any number, the largest of a double included."""
    ac = ACChargingParameters(energy_amount=1e308, ev_min_current=-1e308, ev_max_current=1e308, ev_max_voltage=5e-324)
    dc = DCChargingParameters(ev_max_current=1e308, ev_max_voltage=1e308, ev_max_power=1e308, energy_amount=1e308)
    for needs in (
        ChargingNeeds(requested_energy_transfer=AC3, ac_charging_parameters=ac),
        ChargingNeeds(requested_energy_transfer=DC, dc_charging_parameters=dc),
    ):
        found = read_needs(NotifyEVChargingNeedsRequest(evse_id=1, charging_needs=needs))

        assert found.max_rate == MOST_RATE
        assert plan(found, [], NOW, 10) == constant(MOST_RATE)


def test_a_plan_may_have_no_limit_and_ends_with_the_last_second_of_a_message() -> None:
    assert shortened_plan(((0.0, math.inf), (60.0, 16.0), (LATEST + 1.0, 6.0)), 10) == ((0.0, math.inf), (60.0, 16.0))
