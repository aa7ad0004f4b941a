import pytest

from citrine_simulator import UsageError
from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import boot_storm
from tests.clients.simulator.csms import Csms


async def test_every_station_boots_and_reports_its_status(csms: Csms) -> None:
    result = await boot_storm(Fleet(csms.url, dict.fromkeys(station_ids("B-", 20), "secret")))

    assert (result.stations, result.done, result.attempts) == (20, 20, 20)
    assert result.problems == {}
    for action in ("BootNotification", "StatusNotification", "Heartbeat"):
        assert len(csms.of(action)) == 20


async def test_refused_stations_come_back(csms: Csms) -> None:
    csms.refuse = [(503, {"Retry-After": "0"})] * 2

    result = await boot_storm(Fleet(csms.url, {"B-1": None, "B-2": None}))

    assert (result.done, result.attempts) == (2, 4)
    assert result.problems == {"refused with 503": 2}


async def test_a_storm_that_is_not_weathered_ends(csms: Csms) -> None:
    csms.registration = "Rejected"

    result = await boot_storm(Fleet(csms.url, {"B-1": None}), timeout=0.2)

    assert result.done == 0
    assert result.problems == {"Rejected": 1}


async def test_a_wrong_url_is_an_error() -> None:
    with pytest.raises(UsageError):
        await boot_storm(Fleet("http://127.0.0.1", {"B-1": None}))
