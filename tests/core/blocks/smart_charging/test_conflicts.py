"""Profiles that may not be on a station together."""

from datetime import timedelta
from typing import Any

import pytest

from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging.conflicts import Installed, check_installed
from citrine_core.errors import InvalidArgument
from tests.support.blocks import NOW, stamp

TX = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE
MAX = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_MAX_PROFILE
EXTERNAL = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_EXTERNAL_CONSTRAINTS


def profile(purpose: Any = DEFAULT, *, hours: tuple[int, int] | None = None, phase: int = 0, **fields: Any) -> Any:
    period = types.ChargingSchedulePeriod(start_period=0, limit=6, phase_to_use=phase or None)
    values: dict[str, Any] = {
        "id": 1,
        "charging_profile_purpose": purpose,
        "charging_schedule": [types.ChargingSchedule(charging_schedule_period=[period])],
    }
    if hours is not None:
        begin, end = (stamp(NOW + timedelta(hours=hour)) for hour in hours)
        values |= {"valid_from": begin, "valid_to": end}
    return types.ChargingProfile(**values | fields)


def check(evse_id: int, wanted: types.ChargingProfile, *there: tuple[int, types.ChargingProfile]) -> None:
    installed = [
        Installed(other.id, at, other.charging_profile_purpose, other.stack_level, other.transaction_id, other)
        for at, other in there
    ]
    check_installed(ocpp.SetChargingProfileRequest(evse_id=evse_id, charging_profile=wanted), installed, 3)


@pytest.mark.parametrize(
    ("evse_id", "wanted", "there"),
    [
        pytest.param(1, profile(), (1, profile()), id="K01_FR_05-replaced-by-its-id"),
        pytest.param(1, profile(), (2, profile(id=2)), id="another-evse"),
        pytest.param(1, profile(), (1, profile(id=2, stack_level=1)), id="another-level"),
        pytest.param(0, profile(MAX), (0, profile(id=2)), id="another-purpose"),
        pytest.param(1, profile(hours=(0, 1)), (1, profile(id=2, hours=(1, 2))), id="valid-after-each-other"),
        pytest.param(
            1, profile(TX, transaction_id="T-1"), (1, profile(TX, id=2, transaction_id="T-2")), id="transactions"
        ),
        pytest.param(1, profile(TX, phase=2), (0, profile(MAX, id=2, phase=2)), id="the-same-phase"),
    ],
)
def test_profiles_that_may_be_together(evse_id: int, wanted: Any, there: Any) -> None:
    check(evse_id, wanted, there)


@pytest.mark.parametrize(
    ("evse_id", "wanted", "there", "field"),
    [
        pytest.param(1, profile(), (1, profile(id=2)), "stack_level", id="K01_FR_06"),
        pytest.param(1, profile(hours=(0, 2)), (1, profile(id=2, hours=(1, 3))), "stack_level", id="overlap"),
        pytest.param(
            1,
            profile(TX, transaction_id="T-1"),
            (1, profile(TX, id=2, transaction_id="T-1")),
            "stack_level",
            id="K01_FR_39",
        ),
        pytest.param(0, profile(), (1, profile(id=2)), "stack_level", id="K01_FR_52"),
        pytest.param(1, profile(), (0, profile(id=2)), "stack_level", id="K01_FR_53"),
        pytest.param(1, profile(), (0, profile(EXTERNAL)), "id", id="K01_FR_05-external"),
        pytest.param(1, profile(TX, phase=1), (0, profile(MAX, id=2, phase=2)), "charging_schedule", id="phases"),
    ],
)
def test_profiles_that_may_not_be_together(evse_id: int, wanted: Any, there: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(evse_id, wanted, there)

    assert refused.value.field == f"request.charging_profile.{field}"


def test_a_station_takes_so_many_profiles() -> None:
    there = [(1, profile(id=number, stack_level=number)) for number in (2, 3, 4)]

    check(1, profile(id=3, stack_level=3), *there)
    with pytest.raises(InvalidArgument, match="at most 3"):
        check(1, profile(id=5), *there)
