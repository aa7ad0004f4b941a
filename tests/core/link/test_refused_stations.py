"""Operators learn which stations are not let in, and why."""

from typing import Any

import pytest

from citrine.api.v1.stations_pb2 import HandshakeRefusal, ListHandshakeRefusalsRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2 import HandshakeRefused, Upstream
from citrine.events.v1.events_pb2 import StationRefused
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.link.refused_stations import MOST_EVENTS, MOST_SOURCES, QUIET, RefusedStations
from tests.support.blocks import events
from tests.support.core import PASSWORD, RunningCore
from tests.support.waiting import WAIT


async def told(core: RunningCore, station_id: str = "CS-1") -> StationRefused:
    """Return what subscribers are told first of a station that was refused."""
    request = SubscribeRequest(from_token="0", station_ids=[station_id], kinds=["station_refused"])
    stream = core.stub(EventsServiceStub).Subscribe(request, timeout=WAIT)
    async for response in stream:
        if response.event.HasField("station_refused"):
            stream.cancel()
            return response.event.station_refused
    raise AssertionError("the stream ended")


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("station_id", "password", "how", "reason"),
    [
        ("CS-9", PASSWORD, {}, HandshakeRefusal.REASON_UNKNOWN_STATION),
        ("CS-1", "wrong", {}, HandshakeRefusal.REASON_WRONG_PASSWORD),
        ("CS-1", "x" * 2000, {}, HandshakeRefusal.REASON_WRONG_PASSWORD),
        ("CS-1", None, {}, HandshakeRefusal.REASON_NO_PASSWORD),
        ("CS-1", PASSWORD, {"username": "CS-2"}, HandshakeRefusal.REASON_OTHER_USER_NAME),
        ("CS-2", PASSWORD, {}, HandshakeRefusal.REASON_DISABLED),
    ],
)
async def test_a_station_that_is_not_let_in_is_told_with_the_reason(
    core: RunningCore,
    station_id: str,
    password: str | None,
    how: dict[str, Any],
    reason: "HandshakeRefusal.Reason.ValueType",
) -> None:
    await core.add_station("CS-1")
    await core.add_station("CS-2", enabled=False)
    async with core.edge() as edge:
        assert isinstance(await edge.admit(station_id, password, **how), link.Refused)
        refused = await told(core, station_id)

    assert (refused.reason, refused.attempts) == (reason, 1)
    assert refused.remote_address


async def test_attempts_of_a_kind_are_told_once_a_minute_with_their_number(core: RunningCore) -> None:
    now = 0.0
    refusals = RefusedStations(core.core.unit_of_work, now=lambda: now)
    for second in range(3):
        refusals.add("", "CS-1", HandshakeRefusal.REASON_WRONG_PASSWORD, f"10.0.0.{second}:1")
        await refusals.publish()
    now = QUIET.total_seconds()
    await refusals.publish()
    now += QUIET.total_seconds()
    await refusals.publish()

    found = [one.station_refused for one in await events(core.core.unit_of_work)]
    assert [(one.attempts, one.remote_address) for one in found] == [(1, "10.0.0.0:1"), (2, "10.0.0.2:1")]


async def test_whoever_tries_names_by_the_thousand_does_not_fill_the_database(core: RunningCore) -> None:
    refusals = RefusedStations(core.core.unit_of_work, now=lambda: 0.0)
    for number in range(5000):
        refusals.add("", f"CS-{number}", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
        refusals.add("nobody", f"CS-{number}", HandshakeRefusal.REASON_UNKNOWN_STATION, "10.0.0.1:1")
    for _ in range(5):
        await refusals.publish()

    stored = [await events(core.core.unit_of_work, f"CS-{number}") for number in range(2 * MOST_EVENTS)]
    # Every second one is of a tenant that there is not, which the default one is told.
    assert sum(map(len, stored)) == MOST_EVENTS
    unknown = [one.station_refused for kept in stored for one in kept if one.station_refused.unknown_tenant_id]
    assert {(one.reason, one.unknown_tenant_id) for one in unknown} == {
        (HandshakeRefusal.REASON_UNKNOWN_TENANT, "nobody")
    }


async def test_what_an_edge_refuses_by_itself_is_told(core: RunningCore) -> None:
    async with core.edge() as edge:
        refused = HandshakeRefused(
            station_id="CS-1", remote_address="10.0.0.1:1", cause=HandshakeRefused.CAUSE_VERSION, offered="ocpp1.5"
        )
        edge.put(Upstream(handshake_refused=refused))
        found = await told(core)

    expected = StationRefused(
        reason=HandshakeRefusal.REASON_NO_COMMON_VERSION, remote_address="10.0.0.1:1", attempts=1, offered="ocpp1.5"
    )
    assert found == expected


async def test_failed_tls_handshakes_are_listed_by_where_they_came_from(core: RunningCore) -> None:
    """As nobody knows of which station. They are in no event, and the last ones of a bounded number of addresses."""
    refusals = core.core.refused_stations
    for port in range(3):
        refusals.add_of_edge(failed(f"192.0.2.1:{port}", HandshakeRefused.CAUSE_NO_CERTIFICATE))
    refusals.add_of_edge(
        failed("[2001:db8::1]:5", HandshakeRefused.CAUSE_CERTIFICATE_UNTRUSTED, "certificate: unknown")
    )
    await refusals.publish()
    first = await listed(core)
    for number in range(2 * MOST_SOURCES):
        refusals.add_of_edge(failed(f"198.51.100.{number % 250}:{number}", HandshakeRefused.CAUSE_TLS))
    await refusals.publish()
    then = await listed(core)

    assert {(one.station_id, one.remote_address, one.attempts, one.detail) for one in first} == {
        ("", "192.0.2.1:2", 3, ""),
        ("", "[2001:db8::1]:5", 1, "certificate: unknown"),
    }
    assert {one.reason for one in first} == {
        HandshakeRefusal.REASON_NO_CERTIFICATE,
        HandshakeRefusal.REASON_CERTIFICATE_UNTRUSTED,
    }
    assert len(then) <= MOST_SOURCES
    assert "station_refused" not in [event.WhichOneof("body") for event in await events(core.core.unit_of_work, "")]


def failed(remote_address: str, cause: "HandshakeRefused.Cause.ValueType", detail: str = "") -> HandshakeRefused:
    """Return what an edge says of a TLS handshake that failed."""
    return HandshakeRefused(remote_address=remote_address, cause=cause, detail=detail)


async def listed(core: RunningCore) -> list[HandshakeRefusal]:
    """Return the refusals of the default tenant."""
    request = ListHandshakeRefusalsRequest(page_size=1000)
    return list((await core.stub(StationsServiceStub).ListHandshakeRefusals(request)).refusals)
