"""What charging profiles let a station draw."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from citrine_simulator.profiles import Profiles

NOON = datetime(2030, 5, 5, 12, tzinfo=UTC)


def profile(profile_id: int, purpose: str, *periods: tuple[int, float], level: int = 0, **fields: Any) -> Any:
    schedule: dict[str, Any] = {
        "id": 1,
        "startSchedule": "2030-05-05T11:00:00Z",
        "chargingRateUnit": fields.pop("unit", "W"),
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
    }
    if "duration" in fields:
        schedule["duration"] = fields.pop("duration")
    return {
        "id": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
        **fields,
    }


MAX = "ChargingStationMaxProfile"
DEFAULT = "TxDefaultProfile"


@pytest.mark.parametrize(
    ("installed", "limit"),
    [
        pytest.param([], math.inf, id="nothing"),
        pytest.param([(1, profile(1, DEFAULT, (0, 5000)))], 5000, id="default"),
        pytest.param([(2, profile(1, DEFAULT, (0, 5000)))], math.inf, id="another-evse"),
        pytest.param([(0, profile(1, DEFAULT, (0, 10), unit="A"))], 6900, id="amperes-of-all-evses"),
        pytest.param([(1, profile(1, DEFAULT, (0, 5000), (3600, 4000), (7200, 3000)))], 4000, id="periods"),
        pytest.param([(1, profile(1, DEFAULT, (0, 5000), duration=60))], math.inf, id="over"),
        pytest.param(
            [(1, profile(1, DEFAULT, (0, 5000), duration=7200, recurrencyKind="Daily"))], 5000, id="recurring"
        ),
        pytest.param([(1, profile(1, DEFAULT, (0, 5000), validTo="2030-05-05T12:00:00Z"))], math.inf, id="not-valid"),
        pytest.param(
            [(1, profile(1, DEFAULT, (0, 5000))), (1, profile(2, DEFAULT, (0, 9000), level=1))], 9000, id="levels"
        ),
        pytest.param(
            [(1, profile(1, DEFAULT, (0, 5000))), (1, profile(2, "TxProfile", (0, 9000), transactionId="T-1"))],
            9000,
            id="K02_FR_04-of-the-transaction",
        ),
        pytest.param(
            [(1, profile(1, DEFAULT, (0, 5000))), (1, profile(2, "TxProfile", (0, 9000), transactionId="T-9"))],
            5000,
            id="K02_FR_05-of-one-that-ended",
        ),
        pytest.param([(1, profile(1, DEFAULT, (0, 5000))), (0, profile(2, MAX, (0, 4000)))], 4000, id="station-max"),
    ],
)
def test_the_lowest_of_what_counts_is_the_limit(installed: list[Any], limit: float) -> None:
    profiles = Profiles([], lambda: {"T-1"})
    for evse_id, one in installed:
        profiles.put(evse_id, one, NOON)

    again = Profiles(profiles.to_json(), lambda: {"T-1"})

    assert again.limit(1, "T-1", NOON.timestamp()) == limit
