"""Curves of limits: what schedules and profiles say over time, taken together and compared."""

import math
from datetime import timedelta
from typing import Any

import pytest

from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.schedules import (
    Curve,
    Supply,
    constant,
    curve_of_profile,
    curve_of_schedule,
    exceeds,
    limit_at,
    lowest,
    stacked,
)
from tests.support.blocks import NOW, stamp

A, W = types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W
NONE = math.inf
DAY = 86400
AC = Supply()


def schedule(*periods: tuple[int, float], unit: types.ChargingRateUnitEnum.ValueType = A, **fields: Any) -> Any:
    return types.ChargingSchedule(
        charging_rate_unit=unit,
        charging_schedule_period=[
            types.ChargingSchedulePeriod(start_period=start, limit=limit) for start, limit in periods
        ],
        **fields,
    )


@pytest.mark.parametrize(
    ("supply", "limit", "unit", "rate"),
    [
        pytest.param(Supply(), 16, A, 16, id="ac-amperes-are-of-each-phase"),
        pytest.param(Supply(phases=1), 6900, W, 10, id="ac-watts-are-of-the-phases-of-the-period"),
        pytest.param(Supply(is_dc=True), 50_000, W, 50_000, id="dc-watts"),
        pytest.param(Supply(is_dc=True), 10, A, 6900, id="dc-amperes-are-those-of-the-grid"),
    ],
)
def test_K01_FR_50_limits_are_converted(supply: Supply, limit: float, unit: int, rate: float) -> None:
    assert supply.rate(limit, unit, 3) == pytest.approx(rate)


@pytest.mark.parametrize("limit", [1e308, -1e308])
@pytest.mark.parametrize("supply", [Supply(), Supply(phases=1, voltage=1.0), Supply(is_dc=True)])
def test_a_limit_that_no_station_means_is_converted_within_reason(supply: Supply, limit: float) -> None:
    for unit in (types.CHARGING_RATE_UNIT_ENUM_A, types.CHARGING_RATE_UNIT_ENUM_W):
        assert abs(supply.rate(limit, unit, 3)) == 1e9


def test_a_schedule_says_nothing_before_it_begins_and_after_its_duration() -> None:
    begin = NOW + timedelta(seconds=60)

    curve = curve_of_schedule(schedule((0, 16), (100, 10), duration=200), begin, NOW, AC)

    assert curve == ((0, NONE), (60, 16), (160, 10), (260, NONE))


def test_a_period_without_phases_is_about_those_of_who_says_it() -> None:
    one_phase = Supply(phases=1)
    watts = schedule((0, 6900), unit=W)

    assert curve_of_schedule(watts, NOW, NOW, one_phase) == ((0, 10),)
    assert curve_of_schedule(watts, NOW, NOW, one_phase, phases=1) == ((0, 30),)


def test_what_is_over_does_not_count() -> None:
    begin = NOW - timedelta(seconds=150)

    assert curve_of_schedule(schedule((0, 16), (100, 10), (200, 8)), begin, NOW, AC) == ((0, 10), (50, 8))


def test_a_daily_profile_recurs() -> None:
    """It began years ago, at 10 o'clock; now it is 12 o'clock (K01.FR.13: outside of its duration it says nothing)."""
    profile = types.ChargingProfile(
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RECURRING,
        recurrency_kind=types.RECURRENCY_KIND_ENUM_DAILY,
        charging_schedule=[
            schedule((0, 6), (3600, 8), duration=3 * 3600, start_schedule=stamp(NOW - timedelta(days=700, hours=2)))
        ],
    )

    curve = curve_of_profile(profile, NOW, AC)

    assert curve[:5] == ((0, 8), (3600, NONE), (22 * 3600, 6), (23 * 3600, 8), (25 * 3600, NONE))


def test_a_profile_says_nothing_outside_of_its_validity() -> None:
    profile = types.ChargingProfile(
        charging_schedule=[schedule((0, 6))],
        valid_from=stamp(NOW + timedelta(seconds=10)),
        valid_to=stamp(NOW + timedelta(seconds=30)),
    )

    assert curve_of_profile(profile, NOW, AC) == ((0, NONE), (10, 6), (30, NONE))


def test_curves_are_taken_together() -> None:
    low_later: Curve = ((0, NONE), (100, 6))

    assert lowest([constant(16), low_later]) == ((0, 16), (100, 6))
    assert lowest([]) == ((0, NONE),)
    assert stacked([low_later, constant(16)]) == ((0, 16), (100, 6))
    assert stacked([constant(16), low_later]) == ((0, 16),)
    assert limit_at(low_later, -5) == NONE


@pytest.mark.parametrize(
    ("curve", "allowed", "time"),
    [
        pytest.param(constant(16), constant(16), None, id="the-same"),
        pytest.param(constant(16.1), constant(16), None, id="rounded"),
        pytest.param(constant(20), constant(16), 0, id="above"),
        pytest.param(((0, 10), (600, 20)), constant(16), 600, id="above-later"),
        pytest.param(constant(16), ((0, 16), (3600, 6)), 3660, id="limit-drops"),
        pytest.param(((0, 16), (3630, 6)), ((0, 16), (3600, 6)), None, id="shifted-by-seconds"),
        pytest.param(((0, 16), (3700, 6)), ((0, 16), (3600, 6)), 3660, id="shifted-by-too-much"),
        pytest.param(((0, 16), (60, NONE)), ((0, 16), (60, 1)), None, id="says-nothing-later"),
        pytest.param(((0, 6), (2 * DAY, 32)), constant(16), None, id="beyond-the-horizon"),
    ],
)
def test_K15_FR_12_a_schedule_is_checked_against_limits(curve: Curve, allowed: Curve, time: float | None) -> None:
    assert exceeds(curve, allowed, slack=60) == time
