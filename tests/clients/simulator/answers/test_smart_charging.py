"""Charging profiles of a simulated station, and what vehicles draw under them."""

from typing import Any

import pytest

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock

CRITERION = {"chargingProfilePurpose": "TxDefaultProfile"}


def profile(limit: float, profile_id: int = 1, **fields: Any) -> dict[str, Any]:
    schedule = {
        "id": 1,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}, {"startPeriod": 600, "limit": 2 * limit}],
    }
    return {
        "id": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
        **fields,
    }


async def put(csms: Csms, evse_id: int, profile: dict[str, Any]) -> Any:
    return await csms.call("CS-1", "SetChargingProfile", {"evseId": evse_id, "chargingProfile": profile})


async def test_a_profile_limits_what_a_vehicle_draws(csms: Csms, make_station: MakeStation, clock: ManualClock) -> None:
    station = await make_station(power=11_000, speed=1)
    meter = station.parts.charging.evses[1].meter
    meter.connect(20)
    meter.charging = True

    before = meter.power
    answer = await put(csms, 1, profile(5000))

    assert answer == {"status": "Accepted"}
    assert (before, meter.power) == (11_000, 5000)
    composite = await csms.call("CS-1", "GetCompositeSchedule", {"duration": 1200, "evseId": 1})
    assert composite["schedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 5000},
        {"startPeriod": 600, "limit": 10_000},
    ]


async def test_F01_FR_10_a_transaction_that_is_started_from_afar_keeps_to_its_profile(
    csms: Csms, make_station: MakeStation
) -> None:
    station = await make_station(auto_plug_in=True)
    request = {
        "remoteStartId": 7,
        "evseId": 1,
        "idToken": {"idToken": "00000001", "type": "ISO14443"},
        "chargingProfile": profile(4600, chargingProfilePurpose="TxProfile"),
    }

    await csms.call("CS-1", "RequestStartTransaction", request)
    await csms.until_count("TransactionEvent", 2)

    [transaction] = station.parts.charging.transactions
    assert station.parts.charging.evses[1].meter.limit() == 4600
    asked = {"requestId": 8, "chargingProfile": {"chargingProfileId": [1]}}
    await csms.call("CS-1", "GetChargingProfiles", asked)
    [part] = await csms.until_count("ReportChargingProfiles", 1)
    assert part["chargingProfile"][0]["transactionId"] == transaction.transaction_id


@pytest.mark.parametrize(
    ("evse_id", "fields", "reason"),
    [
        pytest.param(9, {}, "UnknownEvse", id="K01_FR_28"),
        pytest.param(1, {"chargingProfilePurpose": "TxProfile", "transactionId": "none"}, "TxNotFound", id="K01_FR_33"),
    ],
)
async def test_what_the_station_can_not_do_is_rejected(
    csms: Csms, make_station: MakeStation, evse_id: int, fields: dict[str, Any], reason: str
) -> None:
    await make_station()

    answer = await put(csms, evse_id, profile(5000, **fields))

    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)


async def test_profiles_are_reported_and_cleared_also_after_a_loss_of_power(
    csms: Csms, make_station: MakeStation
) -> None:
    store = Store()
    station = await make_station(store=store, evses=2)
    await put(csms, 1, profile(5000))
    await put(csms, 2, profile(4000, 2))
    await station.stop()
    await make_station(store=store, evses=2)

    asked = await csms.call("CS-1", "GetChargingProfiles", {"requestId": 7, "chargingProfile": CRITERION})
    parts = await csms.until_count("ReportChargingProfiles", 2)
    cleared = await csms.call("CS-1", "ClearChargingProfile", {"chargingProfileCriteria": CRITERION})
    again = await csms.call("CS-1", "ClearChargingProfile", {"chargingProfileCriteria": CRITERION})
    none = await csms.call("CS-1", "GetChargingProfiles", {"requestId": 8, "chargingProfile": CRITERION})

    assert asked == {"status": "Accepted"}
    assert [(part["evseId"], part["tbc"]) for part in parts] == [(1, True), (2, False)]
    assert [answer["status"] for answer in (cleared, again, none)] == ["Accepted", "Unknown", "NoProfiles"]
