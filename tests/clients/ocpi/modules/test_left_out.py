"""What the feed leaves out since OCPI can't say it: listed with its partner, object and reason until it is mended."""

import asyncio
import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine_cli.main import main
from citrine_ocpi.db import Database, upgrade
from citrine_ocpi.feed import LeftOutRepository, Subject, left_out
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_roaming import CHARGING
from tests.support.charging import started, updated
from tests.support.ocpi import RunningAdapter
from tests.support.waiting import PAUSE, WAIT

roaming = test_roaming.roaming


async def _listed(adapter: RunningAdapter) -> dict[str, tuple[str, str, str]]:
    """Return what is left out: partner, module and reason by object."""
    async with adapter.office.database.reading() as session:
        rows = await LeftOutRepository(session).list_some()
    return {row.name: (row.partner_id, row.module, row.reason) for row in rows}


async def _until(adapter: RunningAdapter, is_so: Callable[[Collection[str]], bool]) -> dict[str, tuple[str, str, str]]:
    async with asyncio.timeout(WAIT):
        while not is_so((found := await _listed(adapter)).keys()):
            await asyncio.sleep(PAUSE)
    return found


async def _place(roaming: Any, location_id: str) -> None:
    stations: Any = roaming.core.stub(StationsServiceStub)
    placed = UpdateStationRequest(station=Station(station_id="CS-1", location_id=location_id))
    placed.update_mask.paths.append("location_id")
    await stations.UpdateStation(placed)


async def test_what_is_left_out_is_listed_with_its_reason_until_it_is_mended(
    roaming: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _listed(roaming.adapter) == {}
    sites: Any = roaming.core.stub(LocationsServiceStub)
    unknown = locations.LocationEvse(uid="E-9", location_id="L-1")
    await sites.CreateLocationEvse(locations.CreateLocationEvseRequest(evse=unknown))
    evse, session = "location/L-1/E-9", "transaction/CS-1/T-1"
    assert (await _until(roaming.adapter, lambda names: evse in names))[evse][:2] == ("", "locations")

    # Nobody knows where its station is.
    await _place(roaming, "")
    await roaming.station.call(started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=CHARGING))
    found = await _until(roaming.adapter, lambda names: session in names)
    assert found[session] == ("tnm", "sessions", "the station stands at no location of ours")

    settings = roaming.adapter.settings
    monkeypatch.setenv("CITRINE_OCPI_DATABASE", settings.ocpi_database)
    monkeypatch.setenv("CITRINE_OCPI_ENCRYPTION_KEY_FILE", str(settings.ocpi_encryption_key_file))
    capsys.readouterr()
    for options, names in ((["--partner", "xyz"], [evse]), (["--module", "sessions"], [session])):
        assert await asyncio.to_thread(main, ["ocpi", "left-out", "list", "--json", *options]) == 0
        assert [one["object"] for one in json.loads(capsys.readouterr().out)] == names
    assert await asyncio.to_thread(main, ["ocpi", "left-out", "list"]) == 0
    assert "stands at no location of ours" in capsys.readouterr().out

    await _place(roaming, "L-1")
    connector = locations.LocationConnector(
        connector_id=1,
        standard=locations.CONNECTOR_STANDARD_IEC_62196_T2,
        format=locations.CONNECTOR_FORMAT_SOCKET,
        power_type=locations.POWER_TYPE_AC_3_PHASE,
        max_voltage=230,
        max_amperage=32,
    )
    known = locations.UpdateLocationEvseRequest(evse=locations.LocationEvse(uid="E-9", connectors=[connector]))
    known.update_mask.paths.append("connectors")
    await sites.UpdateLocationEvse(known)
    await roaming.station.call(updated(1, 100.0, minutes=1, info=CHARGING))
    # Its EVSE is there anew, of which nothing is known, and goes again.
    await _until(roaming.adapter, lambda names: {evse, session}.isdisjoint(names) and len(names) == 1)
    await _place(roaming, "")
    await _until(roaming.adapter, lambda names: not names)
    await roaming.tnm.wait_for(lambda one: any(place[0] == "sessions" for place in one.objects))


async def test_the_list_is_bounded_and_the_oldest_go(
    adapter_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_out, "MOST", 3)
    database, noon = Database(adapter_url), datetime(2026, 1, 31, 12, tzinfo=UTC)
    try:
        await upgrade(database)
        async with database.writing() as session:
            repository = LeftOutRepository(session)
            for minute in range(5):
                time = noon + timedelta(minutes=minute)
                await repository.add(Subject("cdrs", f"record/{minute}"), "tnm", "why", time)
            await repository.add(Subject("cdrs", "record/2"), "tnm", "still", noon + timedelta(hours=1))

            rows = await repository.list_some()
            assert [(row.name, row.reason, row.times) for row in rows] == [
                ("record/2", "still", 2),
                ("record/4", "why", 1),
                ("record/3", "why", 1),
            ]
            await repository.remove_before(noon + timedelta(minutes=30))
            assert [row.name for row in await repository.list_some()] == ["record/2"]
    finally:
        await database.close()
