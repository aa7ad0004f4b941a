"""Who may open a websocket, and how the others are refused (security profile 1)."""

import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from citrine.api.v1.stations_pb2 import (
    CreateStationRequest,
    HandshakeRefusal,
    SetStationPasswordRequest,
    Station,
    UpdateStationRequest,
)
from citrine.api.v1.tenants_pb2 import CreateTenantRequest, Tenant
from tests.support.deployment import Deployment
from tests.support.raw_station import basic, raw_station

PASSWORD = "correct-horse-battery"


@pytest.fixture
async def registered(shared: Deployment) -> AsyncIterator[Deployment]:
    """A deployment that knows the station CS-1."""
    async with shared.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD)
        )
        yield shared


async def refusal(
    deployment: Deployment, path: str, headers: dict[str, str], version: str = "ocpp2.0.1"
) -> InvalidStatus:
    """Return how a handshake is refused. A path begins with the test's tenant, unless it begins with a slash."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            urljoin(f"{deployment.url()}/", path),
            subprotocols=[Subprotocol(version)],
            additional_headers=headers,
        ):
            pass
    return refused.value


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("CS-1", basic("CS-1", "wrong-password-here"), 401, id="wrong password"),
        pytest.param("CS-2", basic("CS-2", PASSWORD), 401, id="unknown station"),
        pytest.param("/nobody/CS-1", basic("CS-1", PASSWORD), 401, id="unknown tenant"),
        pytest.param("CS-1", {}, 401, id="no password"),
        pytest.param("CS-1", basic("CS-2", PASSWORD), 401, id="another identity"),
        pytest.param("CS-1", {"Authorization": "Basic %%%"}, 401, id="unreadable header"),
        pytest.param("CS-1", {"Authorization": "Bearer x"}, 401, id="another scheme"),
        pytest.param("/a/b/c", basic("c", PASSWORD), 404, id="no station's path"),
    ],
)
async def test_a_stranger_is_refused_before_the_upgrade(
    registered: Deployment, path: str, headers: dict[str, str], status: int
) -> None:
    refused = await refusal(registered, path, headers)

    assert refused.response.status_code == status


async def test_operators_learn_who_is_refused_and_why(registered: Deployment) -> None:
    await refusal(registered, "CS-1", basic("CS-1", "wrong-password-here"))
    await refusal(registered, "CS-1", basic("CS-1", PASSWORD), "ocpp1.5")
    told = []
    async with registered.client() as citrine:
        async for event in citrine.follow_events(kinds=["station_refused"], from_token="0"):
            told.append((event.station_id, event.station_refused.reason, event.station_refused.offered))
            if len(told) == 2:
                break

    assert sorted(told) == [
        ("CS-1", HandshakeRefusal.REASON_WRONG_PASSWORD, ""),
        ("CS-1", HandshakeRefusal.REASON_NO_COMMON_VERSION, "ocpp1.5"),
    ]


async def test_unknown_station_and_wrong_password_look_the_same(registered: Deployment) -> None:
    """Neither status, body nor time tells which stations exist."""
    seen: dict[str, set[tuple[int, bytes]]] = {"CS-1": set(), "CS-UNKNOWN": set()}
    times: dict[str, list[float]] = {"CS-1": [], "CS-UNKNOWN": []}
    # In turn, so that a machine that is busy for a moment delays both.
    for attempt in range(5):
        for station_id in seen:
            begin = time.perf_counter()
            refused = await refusal(registered, station_id, basic(station_id, f"wrong-password-{attempt}"))
            times[station_id].append(time.perf_counter() - begin)
            seen[station_id].add((refused.response.status_code, bytes(refused.response.body)))

    assert seen["CS-1"] == seen["CS-UNKNOWN"]
    assert len(seen["CS-1"]) == 1
    # A check of the password costs many times what is left without one.
    assert 1 / 3 < min(times["CS-1"]) / min(times["CS-UNKNOWN"]) < 3


async def test_a_disabled_station_is_forbidden(registered: Deployment) -> None:
    async with registered.client() as citrine:
        await citrine.stations.UpdateStation(UpdateStationRequest(station=Station(station_id="CS-1", enabled=False)))

    refused = await refusal(registered, "CS-1", basic("CS-1", PASSWORD))

    assert refused.response.status_code == 403


async def test_a_station_without_our_subprotocols_is_refused(registered: Deployment) -> None:
    """TC_B_58 of the errata of 2025-04: at the upgrade, not after it."""
    refused = await refusal(registered, "CS-1", basic("CS-1", PASSWORD), "ocpp1.2")

    assert refused.response.status_code == 400


async def test_the_first_subprotocol_of_the_station_that_we_speak_is_taken(registered: Deployment) -> None:
    offered = [Subprotocol(name) for name in ("ocpp9.9", "ocpp2.1", "ocpp2.0.1")]
    async with connect(
        f"{registered.url()}/CS-1",
        subprotocols=offered,
        additional_headers=basic("CS-1", PASSWORD),
    ) as websocket:
        assert websocket.subprotocol == "ocpp2.1"


async def test_stations_of_two_tenants_may_bear_the_same_id(registered: Deployment) -> None:
    async with registered.client() as citrine:
        await citrine.tenants.CreateTenant(CreateTenantRequest(tenant=Tenant(tenant_id="acme")))
    async with registered.client(tenant="acme") as citrine:
        created = await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="CS-1")))

    async with contextlib.AsyncExitStack() as stack:
        ours = await stack.enter_async_context(raw_station(registered.url(), "CS-1", PASSWORD))
        theirs = await stack.enter_async_context(
            raw_station(urljoin(registered.url(), "/acme"), "CS-1", created.generated_password)
        )
        assert (await ours.boot())["status"] == "Accepted"
        assert (await theirs.boot())["status"] == "Accepted"


async def test_a_new_password_counts_at_once(registered: Deployment) -> None:
    """A remembered login of the old password is forgotten with it."""
    async with raw_station(registered.url(), "CS-1", PASSWORD) as station:
        await station.boot()
    async with registered.client() as citrine:
        await citrine.stations.SetStationPassword(
            SetStationPasswordRequest(station_id="CS-1", password="another-long-password")
        )

    refused = await refusal(registered, "CS-1", basic("CS-1", PASSWORD))
    async with raw_station(registered.url(), "CS-1", "another-long-password") as station:
        answer = await station.result("Heartbeat", {})

    assert refused.response.status_code == 401
    assert "currentTime" in answer


async def test_a_station_may_come_without_password_only_by_the_flag(registered: Deployment) -> None:
    async with registered.client() as citrine:
        await citrine.stations.CreateStation(
            CreateStationRequest(station=Station(station_id="OPEN-1", allow_no_password=True))
        )

    async with raw_station(registered.url(), "OPEN-1") as station:
        assert (await station.boot())["status"] == "Accepted"


async def test_the_newest_connection_wins(registered: Deployment) -> None:
    async with raw_station(registered.url(), "CS-1", PASSWORD) as old:
        await old.boot()
        async with raw_station(registered.url(), "CS-1", PASSWORD) as new:
            await old.websocket.wait_closed()
            assert "currentTime" in await new.result("Heartbeat", {})
