"""EventsService."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.api.v1 import stations_pb2
from citrine.edge.v1.link_pb2 import OCPP_VERSION_21, ObservedFrame, SessionRef
from citrine.events.v1 import events_service_pb2 as pb
from citrine.events.v1.events_pb2 import Event, ReportFinished, StationConnected
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.config import read_settings
from citrine_core.db import UnitOfWorkFactory
from citrine_core.events import OutboxRepository, write_events
from citrine_core.events.servicer import PAGE
from citrine_core.housekeeping import Housekeeping
from citrine_core.resources.connections.models import Connection
from tests.support.api import Api, auth, field_violations
from tests.support.core import running_core
from tests.support.waiting import WAIT


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key("default"))


def connected(epoch: int, station_id: str = "S-1", tenant_id: str = "default") -> Event:
    body = StationConnected(epoch=epoch)
    return Event(tenant_id=tenant_id, station_id=station_id, station_connected=body)


async def emit(unit_of_work: UnitOfWorkFactory, *events: Event) -> None:
    async with unit_of_work() as work:
        for event in events:
            work.emit(event)
        await work.commit()


class Stream:
    """A subscription under test."""

    def __init__(self, api: Api, who: Any, **request: Any) -> None:
        self._call = api.events.Subscribe(pb.SubscribeRequest(**request), metadata=who)

    async def next(self) -> Event:
        async with asyncio.timeout(WAIT):
            response = await self._call.read()
        assert isinstance(response, pb.SubscribeResponse)
        return response.event

    async def epochs(self, count: int) -> list[int]:
        return [(await self.next()).station_connected.epoch for _ in range(count)]

    async def failure(self) -> grpc.aio.AioRpcError:
        try:
            await self.next()
        except grpc.aio.AioRpcError as error:
            return error
        return await self.failure()

    def close(self) -> None:
        self._call.cancel()


async def test_stream_begins_with_a_sign_of_life_and_goes_on_with_what_is_committed(api: Api, who: Any) -> None:
    await emit(api.unit_of_work, connected(1))
    stream = Stream(api, who)
    first = await stream.next()

    await emit(api.unit_of_work, connected(2), connected(3))

    assert first.WhichOneof("body") is None
    assert first.token
    event = await stream.next()
    assert (event.station_id, event.station_connected.epoch) == ("S-1", 2)
    assert event.HasField("time")
    assert await stream.epochs(1) == [3]
    stream.close()


async def test_what_is_not_committed_is_no_event(api: Api, who: Any) -> None:
    stream = Stream(api, who)
    await stream.next()
    async with api.unit_of_work() as work:
        work.emit(connected(1))

    await emit(api.unit_of_work, connected(2))

    assert await stream.epochs(1) == [2]
    stream.close()


async def test_stream_resumes_after_a_token(api: Api, who: Any) -> None:
    stream = Stream(api, who)
    await stream.next()
    await emit(api.unit_of_work, *(connected(epoch) for epoch in range(4)))
    events = [await stream.next() for _ in range(4)]
    stream.close()

    again = Stream(api, who, from_token=events[1].token)

    assert (await again.next()).token == events[1].token
    assert [await again.next() for _ in range(2)] == events[2:]
    again.close()


async def test_token_of_a_sign_of_life_resumes_too(api: Api, who: Any) -> None:
    stream = Stream(api, who)
    token = (await stream.next()).token
    stream.close()
    await emit(api.unit_of_work, connected(1))

    again = Stream(api, who, from_token=token)

    await again.next()
    assert await again.epochs(1) == [1]
    again.close()


async def test_zero_is_the_oldest_that_is_kept(api: Api, who: Any) -> None:
    await emit(api.unit_of_work, connected(1), connected(2))

    stream = Stream(api, who, from_token="0")

    await stream.next()
    assert await stream.epochs(2) == [1, 2]
    stream.close()


async def test_long_backlog_comes_whole_and_in_order(api: Api, who: Any) -> None:
    count = 2 * PAGE + 10
    await emit(api.unit_of_work, *(connected(epoch) for epoch in range(count)))

    stream = Stream(api, who, from_token="0")

    await stream.next()
    assert await stream.epochs(count) == list(range(count))
    stream.close()


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("filters", "epochs"),
    [
        pytest.param({"station_ids": ["S-2"]}, [2, 4], id="station"),
        pytest.param({"kinds": ["station_connected"]}, [1, 2, 4], id="kind"),
        pytest.param({"station_ids": ["S-1", "S-3"], "kinds": ["station_connected"]}, [1], id="both"),
    ],
)
async def test_filters_leave_out_the_rest(api: Api, who: Any, filters: Any, epochs: Sequence[int]) -> None:
    await api.tenant("acme")
    stream = Stream(api, who, **filters)
    await stream.next()

    await emit(
        api.unit_of_work,
        connected(1, "S-1"),
        connected(2, "S-2"),
        Event(tenant_id="default", station_id="S-1", report_finished=ReportFinished(request_id=3)),
        connected(99, "S-2", "acme"),
        connected(4, "S-2"),
    )

    assert await stream.epochs(len(epochs)) == epochs
    stream.close()


async def test_events_of_another_process_are_found(api: Api, who: Any, engine: AsyncEngine) -> None:
    stream = Stream(api, who)
    await stream.next()

    # This one wakes nobody, like the commit of another core.
    await emit(UnitOfWorkFactory(engine, write_events), connected(7))

    assert await stream.epochs(1) == [7]
    stream.close()


async def prune(api: Api) -> None:
    """Have a core look a week later: on PostgreSQL the day that is over is dropped."""
    later = api.clock.utc_now() + timedelta(days=9)
    await Housekeeping(api.unit_of_work, lambda: later, read_settings([], {})).tidy()


async def test_pruned_events_are_out_of_range_and_zero_still_works(api: Api, who: Any) -> None:
    stream = Stream(api, who)
    token = (await stream.next()).token
    stream.close()
    await emit(api.unit_of_work, connected(1), connected(2))
    await prune(api)
    await emit(api.unit_of_work, connected(3))

    # "0" is the oldest that is kept, and the token of an empty outbox.
    if token != "0":
        assert (await Stream(api, who, from_token=token).failure()).code() is grpc.StatusCode.OUT_OF_RANGE
    assert (await Stream(api, who, from_token="1").failure()).code() is grpc.StatusCode.OUT_OF_RANGE
    stream = Stream(api, who, from_token="0")
    resumable = (await stream.next()).token
    assert await stream.epochs(1) == [3]
    stream.close()
    stream = Stream(api, who, from_token=resumable)
    await stream.next()
    assert await stream.epochs(1) == [3]
    stream.close()


async def test_ids_are_not_given_again_once_everything_is_pruned(api: Api, who: Any) -> None:
    await emit(api.unit_of_work, connected(1), connected(2))
    stream = Stream(api, who)
    token = (await stream.next()).token
    stream.close()
    await prune(api)

    await emit(api.unit_of_work, connected(3))

    stream = Stream(api, who, from_token=token)
    await stream.next()
    assert await stream.epochs(1) == [3]
    stream.close()


async def test_a_writer_that_stands_still_delays_what_comes_after_it_and_refuses_no_token(
    postgres_engine: AsyncEngine, tmp_path: Path
) -> None:
    """One that read long ago which id was last may hold a lower horizon than subscribers have seen."""
    async with running_core(postgres_engine.url.render_as_string(hide_password=False), tmp_path) as core:
        unit_of_work = core.core.unit_of_work
        stub = core.stub(EventsServiceStub)
        await emit(unit_of_work, connected(1), connected(2))
        async with unit_of_work(read_only=True) as work:
            token = str(await OutboxRepository(work.session).head())
        async with postgres_engine.begin() as standing:
            await standing.execute(text(f"SELECT pg_advisory_xact_lock_shared({0x6F62} :: bigint << 48)"))
            stream: Any = stub.Subscribe(pb.SubscribeRequest(from_token=token), metadata=core.metadata())
            assert (await stream.read()).event.token == token
            await emit(unit_of_work, connected(3))
            waiting = asyncio.ensure_future(stream.read())
            assert not (await asyncio.wait({waiting}, timeout=0.6))[0]
        async with asyncio.timeout(WAIT):
            assert (await waiting).event.station_connected.epoch == 3
        stream.cancel()


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("request_", "field"),
    [
        pytest.param({"from_token": "x"}, "from_token", id="no token"),
        pytest.param({"from_token": "-1"}, "from_token", id="negative"),
        pytest.param({"from_token": "\u0661"}, "from_token", id="other digits"),
        pytest.param({"from_token": "1" * 40}, "from_token", id="long"),
        pytest.param({"from_token": "12345678"}, "from_token", id="of another database"),
        pytest.param({"kinds": ["station_connected", "nothing"]}, "kinds[1]", id="kind"),
        pytest.param({"station_ids": ["S"] * 1001}, "station_ids", id="many stations"),
    ],
)
async def test_wrong_field_is_named(api: Api, who: Any, request_: Any, field: str) -> None:
    error = await Stream(api, who, **request_).failure()

    assert field_violations(error) == [field]


async def test_silence_is_broken_by_signs_of_life_that_move_on(engine: AsyncEngine) -> None:
    api = Api(engine, silence=0.05)
    feeding = asyncio.create_task(api.feed.run(api.unit_of_work))
    await api.server.start()
    stream = Stream(api, auth(await api.key("default")), station_ids=["S-1"])
    first = await stream.next()
    await emit(api.unit_of_work, connected(1, "S-2"))

    while (event := await stream.next()).token == first.token:
        assert event.WhichOneof("body") is None

    assert event.WhichOneof("body") is None
    stream.close()
    await api.channel.close()
    await api.server.stop(grace=None)
    feeding.cancel()


async def test_stream_ends_when_the_core_stops(api: Api, who: Any) -> None:
    stream = Stream(api, who)
    await stream.next()

    api.feed.stop()

    assert (await stream.failure()).code() is grpc.StatusCode.UNAVAILABLE
    assert (await Stream(api, who).failure()).code() is grpc.StatusCode.UNAVAILABLE


def frame(text: str, station_id: str = "S-1", tenant_id: str = "default") -> ObservedFrame:
    session = SessionRef(tenant_id=tenant_id, station_id=station_id, epoch=5)
    return ObservedFrame(session=session, from_station=True, frame=text)


async def register(api: Api, who: Any, *station_ids: str) -> None:
    for station_id in station_ids:
        station = stations_pb2.Station(station_id=station_id, allow_no_password=True)
        await api.stations.CreateStation(stations_pb2.CreateStationRequest(station=station), metadata=who)


async def connect(api: Api, station_id: str, edge_id: str) -> None:
    """Store that an edge holds the session of a station which `frame` is of."""
    async with api.unit_of_work() as work:
        session = Connection(
            tenant_id="default",
            station_id=station_id,
            epoch=5,
            edge_id=edge_id,
            is_open=True,
            ocpp_version=OCPP_VERSION_21,
            remote_address="",
            admit_time=api.clock.utc_now(),
        )
        work.session.add(session)
        await work.commit()


async def test_frames_of_watched_stations_are_seen_as_long_as_somebody_watches(api: Api, who: Any) -> None:
    await register(api, who, "S-1", "S-2")
    await connect(api, "S-1", "edge-1")
    call = api.events.WatchMessages(pb.WatchMessagesRequest(station_ids=["S-1", "S-1"]), metadata=who)
    assert await call.read() == pb.WatchMessagesResponse()

    api.frames.publish("edge-1", frame("elsewhere", tenant_id="acme"))
    api.frames.publish("edge-1", frame("not watched", "S-2"))
    api.frames.publish("edge-2", frame("of an edge that does not hold the session"))
    api.frames.publish("edge-1", frame("[2]"))

    seen = await call.read()
    assert isinstance(seen, pb.WatchMessagesResponse)
    assert (seen.station_id, seen.epoch, seen.from_station, seen.frame) == ("S-1", 5, True, "[2]")
    call.cancel()
    async with asyncio.timeout(WAIT):
        assert [await api.watched.get(), await api.watched.get()] == [
            ("default", "S-1", True),
            ("default", "S-1", False),
        ]


@pytest.mark.in_turn
@pytest.mark.parametrize("station_ids", [[], [f"S-{number}" for number in range(101)]], ids=["none", "many"])
async def test_number_of_watched_stations_is_limited(api: Api, who: Any, station_ids: list[str]) -> None:
    call = api.events.WatchMessages(pb.WatchMessagesRequest(station_ids=station_ids), metadata=who)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()

    assert field_violations(raised.value) == ["station_ids"]


async def test_watch_ends_when_the_core_stops(api: Api, who: Any) -> None:
    await register(api, who, "S-1")
    call = api.events.WatchMessages(pb.WatchMessagesRequest(station_ids=["S-1"]), metadata=who)
    await call.read()

    api.frames.stop()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_the_newest_events_are_listed_at_once_and_followed_from_there(api: Api, who: Any) -> None:
    await emit(api.unit_of_work, *(connected(number, f"S-{number % 2}") for number in range(1, 6)))
    await emit(api.unit_of_work, connected(9, tenant_id="other"))

    async def epochs(**fields: Any) -> list[int]:
        found, token = [], ""
        while True:
            request = pb.ListEventsRequest(page_size=2, page_token=token, **fields)
            page = await api.events.ListEvents(request, metadata=who)
            found += [one.station_connected.epoch for one in page.events]
            if not (token := page.next_page_token):
                return found

    assert await epochs() == [5, 4, 3, 2, 1]
    assert await epochs(station_ids=["S-1"]) == [5, 3, 1]
    assert await epochs(kinds=["report_finished"]) == []
    newest = await api.events.ListEvents(pb.ListEventsRequest(page_size=1), metadata=who)
    stream = Stream(api, who, from_token=newest.events[0].token)
    await emit(api.unit_of_work, connected(6))
    assert await stream.epochs(2) == [0, 6]
    stream.close()


async def test_a_list_of_events_passes_over_so_many_others_and_goes_on_by_its_token(
    api: Api, who: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citrine_core.events.servicer.MOST_PASSED", 3)
    await emit(api.unit_of_work, connected(1, "S-1"), *(connected(number, "S-2") for number in range(2, 7)))
    request = pb.ListEventsRequest(station_ids=["S-1"])

    first = await api.events.ListEvents(request, metadata=who)
    request.page_token = first.next_page_token
    second = await api.events.ListEvents(request, metadata=who)

    assert [*first.events] == []
    assert [one.station_connected.epoch for one in second.events] == [1]
    request.station_ids.append("S-2")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.events.ListEvents(request, metadata=who)
    assert field_violations(error.value) == ["page_token"]
