"""The last refusal of each station can be looked up, whoever listened."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2 import HandshakeRefused
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.link.refused_stations import MOST_KINDS, MOST_ROWS, MOST_UNREGISTERED, QUIET, RefusedStations
from tests.support.core import PASSWORD, RunningCore
from tests.support.statements import statements
from tests.support.waiting import WAIT

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def listed(core: RunningCore, station_id: str = "", *, unregistered: bool = False) -> list[pb.HandshakeRefusal]:
    stub = core.stub(StationsServiceStub)
    found: list[pb.HandshakeRefusal] = []
    token = ""
    while True:
        page = await stub.ListHandshakeRefusals(
            pb.ListHandshakeRefusalsRequest(
                station_id=station_id, unregistered_only=unregistered, page_size=1000, page_token=token
            )
        )
        found += page.refusals
        token = page.next_page_token
        if not token:
            return found


async def happened(core: RunningCore, kind: str, station_id: str = "CS-1") -> None:
    """Wait for an event, which is stored together with what it tells of."""
    request = SubscribeRequest(from_token="0", station_ids=[station_id], kinds=[kind])
    stream = core.stub(EventsServiceStub).Subscribe(request, timeout=WAIT)
    async for response in stream:
        if response.event.HasField(kind):  # type: ignore[arg-type]
            stream.cancel()
            return
    raise AssertionError("the stream ended")


async def station(core: RunningCore, station_id: str = "CS-1") -> pb.Station:
    return await core.stub(StationsServiceStub).GetStation(pb.GetStationRequest(station_id=station_id))


def refused_stations(core: RunningCore, clock: "Clock") -> RefusedStations:
    retention = timedelta(days=90)
    return RefusedStations(core.core.unit_of_work, lambda: clock.time, retention=retention, now=lambda: clock.seconds)


class Clock:
    """Two clocks that go on together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @property
    def time(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


async def test_the_last_refusal_is_shown_until_the_station_connects(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        assert isinstance(await edge.admit("CS-1", "wrong"), link.Refused)
        await happened(core, "station_refused")
        shown = await station(core)
        (of_list,) = (await core.stub(StationsServiceStub).ListStations(pb.ListStationsRequest())).stations
        (of_refusals,) = await listed(core)

        assert shown.handshake_refusal.reason == HandshakeRefusal.REASON_WRONG_PASSWORD
        assert (shown.handshake_refusal.attempts, shown.handshake_refusal.registered) == (1, True)
        assert shown.handshake_refusal.remote_address
        assert shown.handshake_refusal.first_time == shown.handshake_refusal.last_time
        assert of_list.handshake_refusal == of_refusals == shown.handshake_refusal

        await edge.connect("CS-1", PASSWORD)
        await happened(core, "station_connected")
        after = await station(core)
        assert after.connected
        assert not after.HasField("handshake_refusal")
        # It can still be looked up.
        assert await listed(core, "CS-1") == [of_refusals]


async def test_attempts_are_counted_anew_after_a_connection(core: RunningCore) -> None:
    await core.add_station("CS-1")
    clock = Clock()
    refusals = refused_stations(core, clock)
    clock.seconds = -3600.0
    for _ in range(3):
        refusals.add("", "CS-1", HandshakeRefusal.REASON_NO_PASSWORD, "10.0.0.1:1")
    await refusals.publish()
    clock.seconds += QUIET.total_seconds()
    refusals.add("", "CS-1", HandshakeRefusal.REASON_NO_PASSWORD, "10.0.0.1:2")
    await refusals.publish()
    assert [(one.attempts, one.remote_address) for one in await listed(core)] == [(4, "10.0.0.1:2")]

    async with core.edge() as edge:
        await edge.connect("CS-1", PASSWORD)
        await happened(core, "station_connected")
        shown = await station(core)
        assert not shown.HasField("handshake_refusal")
    # The connection was opened by the real clock, which is later.
    clock.seconds = (datetime.now(UTC) - NOW).total_seconds() + 60
    refusals.add("", "CS-1", HandshakeRefusal.REASON_WRONG_PASSWORD, "10.0.0.1:3")
    await refusals.publish()

    (found,) = await listed(core)
    assert (found.attempts, found.reason) == (1, HandshakeRefusal.REASON_WRONG_PASSWORD)
    assert found.first_time == found.last_time
    assert (await station(core)).handshake_refusal == found


async def test_ids_that_nobody_knows_are_found_and_are_few(core: RunningCore) -> None:
    """10,000 identities cost a bounded number of rows and statements."""
    await core.add_station("CS-1")
    clock = Clock()
    refusals = refused_stations(core, clock)
    with statements(core.core.engine) as seen:
        for minute in range(12):
            clock.seconds = minute * QUIET.total_seconds()
            for number in range(10_000):
                refusals.add("", f"X-{minute}-{number}", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
            # Who is known is not pushed out by those.
            refusals.add("", "CS-1", HandshakeRefusal.REASON_WRONG_PASSWORD, f"10.0.0.2:{minute}")
            for _ in range(3):
                clock.seconds += 1
                await refusals.publish()
    ours = [statement for statement, _ in seen if "handshake_refusals" in statement]

    assert len(ours) <= 12 * 4
    unknown = await listed(core, unregistered=True)
    assert len(unknown) == MOST_UNREGISTERED
    assert not any(one.registered for one in unknown)
    assert unknown[0].station_id.startswith("X-")
    (known,) = await listed(core, "CS-1")
    assert (known.attempts, known.remote_address) == (12, "10.0.0.2:11")
    assert MOST_KINDS < 10_000


async def test_a_whole_fleet_with_wrong_passwords_is_stored_in_batches(core: RunningCore) -> None:
    clock = Clock()
    refusals = refused_stations(core, clock)
    for number in range(2 * MOST_ROWS):
        refusals.add("", f"CS-{number}", HandshakeRefusal.REASON_WRONG_PASSWORD, "10.0.0.1:1")
    for _ in range(2):
        clock.seconds += 1
        await refusals.publish()

    assert len({one.station_id for one in await listed(core)}) == 2 * MOST_ROWS


async def test_a_tenant_that_there_is_not_is_told_to_the_default_one(core: RunningCore) -> None:
    await core.add_station("CS-1")
    refusals = refused_stations(core, Clock())
    cause = HandshakeRefused.CAUSE_VERSION
    refusals.add_of_edge(HandshakeRefused(tenant_id="dmeo", station_id="CS-1", cause=cause))
    refusals.add("dmeo", "CS-1", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
    await refusals.publish()

    (found,) = await listed(core, "CS-1")
    assert (found.reason, found.unknown_tenant_id) == (HandshakeRefusal.REASON_UNKNOWN_TENANT, "dmeo")
    assert (found.attempts, found.registered) == (2, False)
    # It says nothing of the station of that id here.
    assert not (await station(core)).HasField("handshake_refusal")


async def test_who_writes_what_he_likes_harms_no_other(core: RunningCore) -> None:
    refusals = refused_stations(core, Clock())
    refusals.add("t" * 500, "s" * 500, HandshakeRefusal.REASON_UNKNOWN_STATION, "a" * 500, "o" * 500)
    refusals.add("", "a\0b", HandshakeRefusal.REASON_MALFORMED_CREDENTIALS, "10.0.0.1:1")
    await refusals.publish()

    assert {one.station_id for one in await listed(core)} == {"s" * 48, "ab"}


async def test_a_station_that_is_registered_or_removed_begins_anew(core: RunningCore) -> None:
    stub = core.stub(StationsServiceStub)
    refusals = refused_stations(core, Clock())
    refusals.add("", "CS-1", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
    await refusals.publish()
    await stub.CreateStation(pb.CreateStationRequest(station=pb.Station(station_id="CS-1")))
    assert await listed(core) == []
    refusals.add("", "CS-1", HandshakeRefusal.REASON_DISABLED, "10.0.0.1:1")
    await refusals.publish()
    assert len(await listed(core, "CS-1")) == 1

    await stub.DeleteStation(pb.DeleteStationRequest(station_id="CS-1"))

    assert await listed(core) == []
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await listed(core, "CS-1")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_refusals_of_long_ago_are_forgotten(core: RunningCore) -> None:
    clock = Clock()
    refusals = refused_stations(core, clock)
    refusals.add("", "OLD", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
    await refusals.publish()
    clock.seconds = timedelta(days=91).total_seconds()
    refusals.add("", "NEW", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
    await refusals.publish()

    await refusals.forget()

    assert [one.station_id for one in await listed(core)] == ["NEW"]
