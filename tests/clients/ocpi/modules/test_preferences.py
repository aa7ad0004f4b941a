"""Charging preferences of drivers: what can be brought by the departure is accepted, the rest is answered exactly."""

from datetime import UTC, datetime
from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine_ocpi.models import v2_2_1
from citrine_ocpi.modules.sessions.preferences import answer_to
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_roaming import CHARGING, LOCATION
from tests.support.charging import ended, started

roaming = test_roaming.roaming

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
# 22.08 kW.
EVSE = {"connectors": [{"max_voltage": 230, "max_amperage": 32, "power_type": "AC_3_PHASE"}]}
STRONG = {"connectors": [*EVSE["connectors"], {**EVSE["connectors"][0], "max_electric_power": 150_000}]}


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({}, "ACCEPTED"),
        ({"discharge_allowed": True}, "ACCEPTED"),
        ({"departure_time": "2026-01-31T14:00:00Z", "energy_need": 46}, "ACCEPTED"),
        # Two of them are charged already.
        ({"departure_time": "2026-01-31T14:00:00Z", "energy_need": 47}, "NOT_POSSIBLE"),
        ({"departure_time": "2026-01-31T12:00:00Z", "energy_need": 1}, "NOT_POSSIBLE"),
        ({"energy_need": 20}, "DEPARTURE_REQUIRED"),
        ({"departure_time": "2026-01-31T14:00:00Z"}, "ENERGY_NEED_REQUIRED"),
        ({"profile_type": "FAST"}, "PROFILE_TYPE_NOT_SUPPORTED"),
        ({"profile_type": "SOLAR"}, "PROFILE_TYPE_NOT_SUPPORTED"),
    ],
)
def test_preferences_are_answered_by_what_the_evse_can_bring(wanted: dict[str, Any], answer: str) -> None:
    preferences = v2_2_1.ChargingPreferences.model_validate({"profile_type": "REGULAR", **wanted})

    assert answer_to(preferences, {"kwh": 2}, EVSE, NOON) == answer
    if "kwh" not in wanted and answer == "NOT_POSSIBLE" and wanted["energy_need"] > 1:
        assert answer_to(preferences, {"kwh": 2}, STRONG, NOON) == "ACCEPTED"


async def test_a_partner_prefers_for_its_own_session_as_long_as_it_goes_on(roaming: Any) -> None:
    sites: Any = roaming.core.stub(LocationsServiceStub)
    capable = locations.UpdateLocationEvseRequest(
        evse=locations.LocationEvse(uid="E-1", capabilities=[locations.EVSE_CAPABILITY_CHARGING_PREFERENCES_CAPABLE])
    )
    capable.update_mask.paths.append("capabilities")
    await sites.UpdateLocationEvse(capable)
    await roaming.tnm.wait_for(lambda one: "CHARGING_PREFERENCES_CAPABLE" in str(one.received[-1].body))
    await roaming.station.call(started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=CHARGING))
    put = await roaming.tnm.wait_for(lambda one: next((x for x in one.received if x.module == "sessions"), None))
    url = f"{roaming.tnm.endpoints['sessions', 'SENDER']}/{put.body['id']}/charging_preferences"

    async def prefer(**wanted: Any) -> tuple[int, Any]:
        answer = await roaming.tnm.call("PUT", url, {"profile_type": "REGULAR", **wanted})
        return answer.status_code, answer.json()["data"]

    assert await prefer() == (200, "ACCEPTED")
    assert await prefer(departure_time="2099-01-01T00:00:00Z", energy_need=30.5) == (200, "ACCEPTED")
    assert await prefer(departure_time="2026-01-01T00:00:00Z", energy_need=30.5) == (200, "NOT_POSSIBLE")
    assert await prefer(energy_need=30.5) == (200, "DEPARTURE_REQUIRED")
    assert await prefer(profile_type="CHEAP") == (200, "PROFILE_TYPE_NOT_SUPPORTED")

    await roaming.station.call(ended(1, 10.0, minutes=1))
    place = ("sessions", f"{LOCATION.removesuffix('L-1')}{put.body['id']}")
    await roaming.tnm.wait_for(lambda one: one.objects[place]["status"] == "COMPLETED")
    assert await prefer() == (200, "NOT_POSSIBLE")
