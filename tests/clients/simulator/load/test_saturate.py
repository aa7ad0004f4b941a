import asyncio

import pytest

from citrine_simulator import SimulatorError
from citrine_simulator.fleet import Fleet, station_ids
from citrine_simulator.load import saturate
from tests.clients.simulator.csms import Csms


async def test_a_window_is_measured_and_everything_is_accounted_for(csms: Csms) -> None:
    marks: list[str] = []
    fleet = Fleet(csms.url, dict.fromkeys(station_ids("L-", 3), "secret"))

    result = await saturate(fleet, 0.2, 0.05, lambda: marks.append("opened"), lambda: marks.append("closed"))

    assert marks == ["opened", "closed"]
    assert result.stations == 3
    assert result.errors == {}
    assert result.answered > 0
    assert result.latency_ms.worst >= result.latency_ms.p50 > 0
    assert sum(result.acknowledged_events.values()) == len(csms.of("TransactionEvent"))


async def test_stations_of_1_6_name_the_transaction_of_the_csms(csms: Csms) -> None:
    fleet = Fleet(csms.url, dict.fromkeys(station_ids("L-", 2), "secret"), versions=["1.6"])

    result = await saturate(fleet, 0.2, 0.05)

    assert result.errors == {}
    assert csms.problems == []
    assert result.acknowledged_events.keys() == {"1001", "1002"}
    sent = sum(len(csms.of(action)) for action in ("StartTransaction", "MeterValues", "StopTransaction"))
    assert sum(result.acknowledged_events.values()) == sent


async def test_it_can_be_stopped_before_its_time(csms: Csms) -> None:
    stop = asyncio.Event()
    stop.set()

    result = await saturate(Fleet(csms.url, {"L-1": None}), 3600, 3600, stop=stop)

    assert result.seconds < 60
    assert csms.of("TransactionEvent")[-1]["eventType"] == "Ended"


async def test_a_station_that_is_not_accepted_is_named(csms: Csms) -> None:
    csms.registration = "Pending"

    with pytest.raises(SimulatorError, match="L-1 is not ready: the CSMS answered Pending"):
        await saturate(Fleet(csms.url, {"L-1": None}), 1)
