from citrine_simulator import Event
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms, csms_server
from tests.clients.simulator.manual_clock import ManualClock


async def test_waits_between_attempts_grow(
    csms: Csms, clock: ManualClock, make_station: MakeStation, events: list[Event]
) -> None:
    station = await make_station()
    csms.refuse = [(500, {})] * 2
    station.drop()

    for wait in (5, 10, 20):
        await clock.pass_by(wait)
    await station.wait_for("connected")

    assert [event.fields["status"] for event in events if event.name == "refused"] == [500, 500]


async def test_a_refusal_that_names_a_time_is_obeyed(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    csms.refuse = [(503, {"Retry-After": "90"})]
    station = await make_station(wait_for="refused")

    await clock.pass_by(90)

    await station.wait_for("accepted")


async def test_a_csms_that_is_away_is_tried_again(
    clock: ManualClock, make_station: MakeStation, events: list[Event]
) -> None:
    async with csms_server() as gone:
        pass
    station = await make_station(wait_for="unreachable", url=gone.url)

    port = int(gone.url.rsplit(":", 1)[1])
    async with csms_server(port):
        await clock.pass_by(5)
        await station.wait_for("accepted")
        await station.stop()


async def test_offline_it_stays_offline_until_told(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    station = await make_station()

    await station.disconnect()
    clock.advance(3600)
    assert len(csms.headers) == 1
    await station.reconnect()
    await station.wait_for("connected")

    assert len(csms.headers) == 2
