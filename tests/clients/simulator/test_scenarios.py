import asyncio
import random

from citrine_simulator import Journal, Station, StationConfig
from citrine_simulator.scenarios import ChargePlan, charge, drain, lose_connections
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms

QUICK = ChargePlan(session=0.05, pause=0.01)


async def test_one_ev_charges_after_the_other_and_the_last_one_ends(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(real_time=True)
    stop = asyncio.Event()
    charging = asyncio.ensure_future(charge(station, "A", QUICK, random.Random(1), stop))
    await csms.until(lambda: len({one["transactionInfo"]["transactionId"] for one in csms.of("TransactionEvent")}) > 2)

    stop.set()
    await charging
    await station.wait_for("queue_empty")

    events = csms.of("TransactionEvent")
    assert events[-1]["eventType"] == "Ended"
    started, ended = ([one for one in events if one["eventType"] == kind] for kind in ("Started", "Ended"))
    assert len(started) == len(ended)


async def test_a_refused_token_does_not_charge(csms: Csms, make_station: MakeStation) -> None:
    csms.token_status = "Blocked"
    station = await make_station(real_time=True)
    stop = asyncio.Event()
    charging = asyncio.ensure_future(charge(station, "A", QUICK, random.Random(1), stop))
    await csms.until_count("Authorize", 2)

    stop.set()
    await charging

    assert all("idToken" not in event for event in csms.of("TransactionEvent"))


async def test_a_reset_only_interrupts_it(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(real_time=True)
    stop = asyncio.Event()
    charging = asyncio.ensure_future(charge(station, "A", ChargePlan(0.2, 0.01), random.Random(1), stop))
    await csms.until_count("TransactionEvent", 3)
    booted = station.expect("accepted")

    await csms.call("CS-1", "Reset", {"type": "Immediate"})
    await booted
    before = len(csms.of("Authorize"))
    await csms.until_count("Authorize", before + 1)

    stop.set()
    await charging


async def test_a_station_that_is_never_accepted_can_be_stopped(csms: Csms, make_station: MakeStation) -> None:
    csms.registration = "Pending"
    station = await make_station(wait_for="pending")
    stop = asyncio.Event()
    charging = asyncio.ensure_future(charge(station, "A", QUICK, random.Random(1), stop))

    stop.set()

    await asyncio.wait_for(charging, 5)


async def test_drain_tells_what_became_of_everything(csms: Csms) -> None:
    csms.scripts["TransactionEvent"] = lambda call: None if call.payload["seqNo"] else {}
    journal = Journal()
    station = Station(StationConfig(station_id="CS-1", url=csms.url), journal=journal)
    await station.start()
    await station.wait_for("accepted")
    await station.plug_in()
    await station.start_transaction()
    await csms.until_count("TransactionEvent", 2)

    result = await drain([station], journal, timeout=0.05)
    await station.stop()

    assert (result.queued, result.acknowledged, result.left_in_queue, result.complete) == (3, 1, 2, False)


async def test_lost_connections_lose_no_message(csms: Csms, make_station: MakeStation) -> None:
    variables = {"OCPPCommCtrlr.RetryBackOffWaitMinimum": "0"}
    station = await make_station(real_time=True, variables=variables)
    stop = asyncio.Event()
    losing = asyncio.ensure_future(lose_connections([station], 0.01, random.Random(1), stop))
    await csms.until(lambda: len(csms.headers) > 3)

    stop.set()
    await losing

    await station.plug_in()
    await station.wait_for("queue_empty")
    assert len(csms.of("TransactionEvent")) >= 1
