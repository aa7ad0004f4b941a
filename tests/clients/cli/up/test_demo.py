"""The demo is made at the first start and stays the same."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from citrine.api.v1.stations_pb2 import CreateStationResponse, SetStationPasswordResponse, Station
from citrine_cli.up.demo import Demo, seed
from citrine_sdk import Citrine
from tests.clients.scripted_core import ScriptedCore


class Stored:
    """Tenants, locations, stations and tokens as a core keeps them."""

    def __init__(self, core: ScriptedCore) -> None:
        self.tenants: dict[str, Message] = {}
        self.stations: dict[str, Message] = {}
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, Message] = {}
        self.locations: dict[str, Message] = {}
        core.on("GetTenant", lambda request, context: self._get(self.tenants, request.tenant_id, context))
        core.on("GetStation", lambda request, context: self._get(self.stations, request.station_id, context))
        core.on("GetToken", lambda request, context: self._get(self.tokens, request.id_token, context))
        core.on("CreateTenant", lambda request, context: self._add(self.tenants, "tenant_id", request.tenant))
        core.on("CreateToken", lambda request, context: self._add(self.tokens, "id_token", request.token))
        core.on("GetLocation", lambda request, context: self._get(self.locations, request.location_id, context))
        core.on("CreateLocation", lambda request, context: self._add(self.locations, "location_id", request.location))
        self.evses: dict[str, Message] = {}
        core.on("GetLocationEvse", lambda request, context: self._get(self.evses, request.uid, context))
        core.on("CreateLocationEvse", lambda request, context: self._add(self.evses, "uid", request.evse))
        core.on("CreateStation", self._create_station)
        core.on("SetStationPassword", self._set_password)
        core.on("LowerSecurityProfile", self._lower)

    def _get(self, kept: dict[str, Message], name: str, context: grpc.ServicerContext) -> Message:
        if name not in kept:
            context.abort(grpc.StatusCode.NOT_FOUND, name)
        return kept[name]

    def _add(self, kept: dict[str, Message], key: str, message: Message) -> Message:
        kept[getattr(message, key)] = message
        return message

    def _create_station(self, request: Any, context: object) -> CreateStationResponse:
        self.passwords[request.station.station_id] = request.password
        return CreateStationResponse(station=self._add(self.stations, "station_id", request.station))  # type: ignore[arg-type]

    def _set_password(self, request: Any, context: object) -> SetStationPasswordResponse:
        self.passwords[request.station_id] = request.password
        return SetStationPasswordResponse()

    def _lower(self, request: Any, context: object) -> Station:
        station = self.stations[request.station_id]
        assert isinstance(station, Station)
        station.security_profile = request.security_profile
        return station


@pytest.fixture
def stored(core: ScriptedCore) -> Stored:
    return Stored(core)


@pytest.fixture
async def citrine(core: ScriptedCore, stored: Stored) -> AsyncIterator[Citrine]:
    async with Citrine(core.address, key="secret") as opened:
        yield opened


async def test_a_first_start_makes_the_demo(citrine: Citrine, stored: Stored, tmp_path: Path) -> None:
    demo = await seed(citrine, citrine, tmp_path / "demo.json")

    assert list(stored.tenants) == ["demo"]
    assert len(stored.evses) == 8
    assert stored.passwords == demo.stations
    assert len(demo.stations) == 4
    assert set(stored.tokens) == set(demo.tokens)
    placed = [one for one in stored.stations.values() if isinstance(one, Station)]
    assert {one.location_id for one in placed} == set(stored.locations) == {"harbour", "garage"}
    assert all(one.labels and one.groups for one in placed)
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


async def test_a_second_start_shows_the_same(citrine: Citrine, stored: Stored, tmp_path: Path) -> None:
    first = await seed(citrine, citrine, tmp_path / "demo.json")

    assert await seed(citrine, citrine, tmp_path / "demo.json") == first


async def test_what_was_removed_stays_removed(citrine: Citrine, stored: Stored, tmp_path: Path) -> None:
    first = await seed(citrine, citrine, tmp_path / "demo.json")
    removed = next(iter(first.stations))
    del stored.stations[removed]

    second = await seed(citrine, citrine, tmp_path / "demo.json")

    assert set(second.stations) == set(first.stations) - {removed}
    assert removed not in stored.stations


async def test_a_demo_of_before_gets_the_evses_once_but_not_those_that_an_operator_placed_elsewhere(
    citrine: Citrine, core: ScriptedCore, stored: Stored, tmp_path: Path
) -> None:
    first = await seed(citrine, citrine, tmp_path / "demo.json")
    (tmp_path / "demo.evses").unlink()
    stored.evses.clear()
    create = core.answers["CreateLocationEvse"]

    def create_or_refuse(request: Any, context: grpc.ServicerContext) -> Any:
        if request.evse.station_id == "DEMO-1":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "station DEMO-1 does not stand at location harbour")
        return create(request, context)

    core.on("CreateLocationEvse", create_or_refuse)

    assert await seed(citrine, citrine, tmp_path / "demo.json") == first
    assert {one.rpartition("-")[0] for one in stored.evses} == {"DEMO-2", "DEMO-3", "DEMO-4"}
    stored.evses.clear()
    assert await seed(citrine, citrine, tmp_path / "demo.json") == first
    assert not stored.evses


async def test_a_new_database_gets_the_same_credentials(
    citrine: Citrine, core: ScriptedCore, stored: Stored, tmp_path: Path
) -> None:
    first = await seed(citrine, citrine, tmp_path / "demo.json")
    fresh = Stored(core)

    assert await seed(citrine, citrine, tmp_path / "demo.json") == first
    assert fresh.passwords == first.stations


async def test_lost_credentials_are_replaced(citrine: Citrine, stored: Stored, tmp_path: Path) -> None:
    first = await seed(citrine, citrine, tmp_path / "demo.json")
    (tmp_path / "demo.json").unlink()
    for number, station in enumerate(stored.stations.values(), 1):
        assert isinstance(station, Station)
        station.security_profile = min(number, 3)

    second = await seed(citrine, citrine, tmp_path / "demo.json")

    profiles = [station.security_profile for station in stored.stations.values() if isinstance(station, Station)]
    assert profiles == [1, 2, 2, 2], "who had a certificate orders another one by password"
    assert second.stations != first.stations
    assert stored.passwords == second.stations


async def test_a_start_that_broke_off_is_finished(
    citrine: Citrine, core: ScriptedCore, stored: Stored, tmp_path: Path
) -> None:
    create_token = core.answers["CreateToken"]
    core.on("CreateToken", lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "full"))
    with pytest.raises(grpc.aio.AioRpcError):
        await seed(citrine, citrine, tmp_path / "demo.json")
    core.on("CreateToken", create_token)

    demo = await seed(citrine, citrine, tmp_path / "demo.json")

    assert isinstance(demo, Demo)
    assert stored.passwords == demo.stations
    assert set(stored.tokens) == set(demo.tokens)
