"""The client against real servers: what calls carry, what is sent again, how cores share them."""

import grpc
import pytest

from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, Station
from citrine.events.v1.events_pb2 import Event, StationConnected
from citrine.events.v1.events_service_pb2 import SubscribeResponse
from citrine_sdk import Citrine
from tests.clients.scripted_core import ScriptedCore, start


def failing_once(then: Station) -> object:
    attempts: list[int] = []

    def answer(request: object, context: grpc.ServicerContext) -> Station:
        attempts.append(1)
        if len(attempts) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return then

    return answer


async def test_calls_carry_key_tenant_and_a_deadline(core: ScriptedCore) -> None:
    core.on("GetStation", Station(station_id="CS-1"))
    async with Citrine(core.address, key="secret", tenant="acme") as citrine:
        found = await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))

    assert found.station_id == "CS-1"
    assert core.seen[0].metadata["authorization"] == "Bearer secret"
    assert core.seen[0].metadata["citrine-tenant"] == "acme"
    assert 50 < (core.seen[0].seconds_left or 0) < 61


async def test_streams_carry_key_and_tenant_and_have_no_deadline(core: ScriptedCore) -> None:
    event = Event(token="1", station_id="CS-1", station_connected=StationConnected())
    core.on("Subscribe", lambda request, context: iter([SubscribeResponse(event=event)]))
    async with Citrine(core.address, key="secret", tenant="acme") as citrine:
        events = citrine.follow_events()
        followed = await anext(events)
        await events.aclose()

    assert followed == event
    assert core.seen[0].metadata["authorization"] == "Bearer secret"
    assert core.seen[0].metadata["citrine-tenant"] == "acme"
    assert (core.seen[0].seconds_left or 1e9) > 1e6


async def test_what_a_call_says_itself_wins(core: ScriptedCore) -> None:
    core.on("GetStation", Station())
    async with Citrine(core.address, key="secret", tenant="acme") as citrine:
        await citrine.stations.GetStation(GetStationRequest(), timeout=5, metadata=(("citrine-tenant", "other"),))

    assert core.seen[0].metadata["citrine-tenant"] == "other"
    assert (core.seen[0].seconds_left or 0) < 6


async def test_a_read_is_sent_again_after_unavailable(core: ScriptedCore) -> None:
    core.on("GetStation", failing_once(Station(station_id="CS-1")))  # type: ignore[arg-type]
    async with Citrine(core.address, key="secret") as citrine:
        found = await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))

    assert found.station_id == "CS-1"
    assert len(core.seen) == 2


async def test_a_write_is_not_sent_again(core: ScriptedCore) -> None:
    core.on("CreateStation", failing_once(Station()))  # type: ignore[arg-type]
    async with Citrine(core.address, key="secret") as citrine:
        with pytest.raises(grpc.aio.AioRpcError):
            await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="CS-1")))

    assert len(core.seen) == 1


async def test_several_cores_share_the_calls_and_one_that_stops_is_left_out(core: ScriptedCore) -> None:
    other = ScriptedCore()
    server = start(other)
    for each in (core, other):
        each.on("GetStation", Station(station_id="CS-1"))
    async with Citrine([core.address, other.address], key="secret") as citrine:
        while not (core.seen and other.seen):
            await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))
        server.stop(grace=None).wait()
        before = len(core.seen)
        for _ in range(5):
            await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))

    assert len(core.seen) == before + 5


async def test_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="no address"):
        await Citrine(" , ").__aenter__()


async def test_a_key_of_all_calls_leaves_room_for_their_numbers(core: ScriptedCore) -> None:
    core.on("CreateStation", Station())
    async with Citrine(core.address, key="secret", idempotency_key="k" * 60) as citrine:
        for _ in range(2):
            await citrine.stations.CreateStation(CreateStationRequest())
    assert [call.metadata["citrine-idempotency-key"] for call in core.seen] == ["k" * 60, "k" * 60 + "/2"]

    for wrong in ("", "k" * 61, "ü"):
        with pytest.raises(ValueError, match="must have 1 to 60 printable characters of ASCII"):
            async with Citrine(core.address, key="secret", idempotency_key=wrong):
                pass
