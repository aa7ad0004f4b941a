import asyncio

import pytest

from citrine_simulator import CallErrorReceivedError, CallInterruptedError, NotConnectedError
from citrine_simulator.connection import Target
from citrine_simulator.load.station import LoadStation
from citrine_simulator.load.tally import Tally
from tests.clients.simulator.csms import Csms


def load_station(csms: Csms, version: str = "2.0.1") -> LoadStation:
    return LoadStation(Target(f"{csms.url}/CS-1", "CS-1", version, None), "A", Tally())


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_all_it_sends_fits_the_schemas(csms: Csms, version: str) -> None:
    """The fixture checks every payload."""
    station = load_station(csms, version)
    await station.connect()
    assert await station.boot() == "Accepted"
    await station.report_status("Occupied")
    await station.start_transaction()

    station.run()
    await csms.until_count("TransactionEvent", 10)
    station.stop()
    await station.done.wait()
    await station.end_transaction()
    station.close()

    events = csms.of("TransactionEvent")
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert (events[0]["eventType"], events[-1]["eventType"]) == ("Started", "Ended")
    assert [len(event["meterValue"][0]["sampledValue"]) for event in events[1:-1]] == [3] * (len(events) - 2)
    assert station.acknowledged == len(events)
    assert len({call.message_id for call in csms.calls}) == len(csms.calls)


async def test_errors_are_counted_and_do_not_stop_it(csms: Csms) -> None:
    csms.scripts["TransactionEvent"] = lambda call: (
        f'[4,"{call.message_id}","InternalError","",{{}}]' if call.payload["seqNo"] % 2 else {}
    )
    station = load_station(csms)
    await station.connect()

    station.run()
    await csms.until_count("TransactionEvent", 10)
    station.stop()
    await station.done.wait()

    assert station.tally.errors["InternalError"] >= 4
    station.close()


async def test_calls_of_the_csms_are_refused(csms: Csms) -> None:
    station = load_station(csms)
    await station.connect()
    station.run()
    await csms.until_count("TransactionEvent", 1)

    answer = await csms.ask("CS-1", '[2,"a","Reset",{"type":"OnIdle"}]')

    assert answer[:3] == [4, "a", "NotSupported"]
    station.close()


async def test_a_lost_connection_ends_it(csms: Csms) -> None:
    csms.scripts["TransactionEvent"] = lambda call: csms.sockets[call.station_id].transport.abort()
    station = load_station(csms)
    await station.connect()

    station.run()
    await station.done.wait()

    assert station.tally.errors == {"connection lost": 1}
    assert not station.connected


async def test_a_call_says_what_went_wrong(csms: Csms) -> None:
    csms.scripts["Heartbeat"] = lambda call: f'[4,"{call.message_id}","InternalError","",{{}}]'
    csms.scripts["DataTransfer"] = lambda call: csms.sockets[call.station_id].transport.abort()
    station = load_station(csms)
    with pytest.raises(NotConnectedError):
        await station.call("Heartbeat", {})
    await station.connect()

    with pytest.raises(CallErrorReceivedError):
        await station.call("Heartbeat", {})
    with pytest.raises(CallInterruptedError):
        await station.call("DataTransfer", {"vendorId": "x"})


async def test_answers_with_blanks_count_too(csms: Csms) -> None:
    csms.scripts["TransactionEvent"] = lambda call: f'[ 3, "{call.message_id}", {{}} ]'
    station = load_station(csms)
    await station.connect()
    station.tally.open()

    station.run()
    await csms.until_count("TransactionEvent", 5)
    station.stop()
    await asyncio.wait_for(station.done.wait(), 5)

    assert len(station.tally.latencies) >= 5
    station.close()
