"""Which stations partners see by groups and labels: pulled and pushed alike, and at once where the filter changes."""

from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine_ocpi.published import LocationFilters
from citrine_ocpi.published.tags import group_tag, label_tag
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_roaming import LOCATION
from tests.support.emsp import Emsp

roaming = test_roaming.roaming


async def _tag(roaming: Any, station_id: str, groups: tuple[str, ...] = (), **labels: str) -> None:
    stations: Any = roaming.core.stub(StationsServiceStub)
    tagged = UpdateStationRequest(station=Station(station_id=station_id, groups=groups, labels=labels))
    tagged.update_mask.paths.extend(["groups", "labels"])
    await stations.UpdateStation(tagged)


async def _see(roaming: Any, *tags: str) -> None:
    async with roaming.adapter.office.database.writing() as session:
        await LocationFilters(session).set("tnm", (), tags)


def _statuses(partner: Emsp) -> dict[str, str]:
    """Return the status of each EVSE that a partner has, by uid, as it was sent one after the other."""
    found: dict[str, str] = {}
    for one in partner.received:
        if one.module != "locations" or not one.path.startswith(LOCATION):
            continue
        uid = one.path.removeprefix(LOCATION).strip("/")
        if not uid and one.method == "PUT":
            found = {evse["uid"]: evse["status"] for evse in one.body.get("evses", [])}
        elif uid and "status" in one.body:
            found[uid] = one.body["status"]
    return found


@pytest.fixture
async def station(roaming: Any) -> None:
    """Add a second station with an EVSE at the location, of another group."""
    await roaming.core.add_station("CS-2", registration=1)
    stations: Any = roaming.core.stub(StationsServiceStub)
    placed = UpdateStationRequest(station=Station(station_id="CS-2", location_id="L-1"))
    placed.update_mask.paths.append("location_id")
    await stations.UpdateStation(placed)
    sites: Any = roaming.core.stub(LocationsServiceStub)
    known = await sites.GetLocationEvse(locations.GetLocationEvseRequest(uid="E-1"))
    evse = locations.LocationEvse(uid="E-2", location_id="L-1", station_id="CS-2", evse_id=1)
    evse.connectors.extend(known.connectors)
    await sites.CreateLocationEvse(locations.CreateLocationEvseRequest(evse=evse))
    await _tag(roaming, "CS-1", ("public",), city="Bergen")
    await _tag(roaming, "CS-2", ("depot",), city="Bergen")
    for one in (roaming.tnm, roaming.xyz):
        await one.wait_for(lambda peer: {"E-1", "E-2"} <= _statuses(peer).keys())


@pytest.mark.usefixtures("station")
async def test_a_partner_sees_stations_of_its_groups_and_labels_alone(roaming: Any) -> None:
    tnm, xyz = roaming.tnm, roaming.xyz
    url = tnm.endpoints["locations", "SENDER"]

    await _see(roaming, group_tag("public"), group_tag("other"), label_tag("city", "Bergen"))
    await tnm.wait_for(lambda one: _statuses(one).get("E-2") == "REMOVED")
    assert _statuses(tnm)["E-1"] == "AVAILABLE"
    (listed,) = await roaming.list(tnm, "locations")
    assert [one["uid"] for one in listed["evses"]] == ["E-1"]
    assert (await tnm.call("GET", f"{url}/L-1/E-2")).status_code == 404
    start = {
        "response_url": f"{tnm.url}/2.2.1/receiver/commands/1",
        "location_id": "L-1",
        "evse_uid": "E-2",
        "connector_id": "1",
    }
    command = await tnm.call("POST", f"{tnm.endpoints['commands', 'RECEIVER']}/UNLOCK_CONNECTOR", start)
    assert command.json()["status_code"] == 2003

    # A station comes into the group: it is pushed, and found by who asks for what changed.
    await _tag(roaming, "CS-2", ("depot", "public"), city="Bergen")
    await tnm.wait_for(lambda one: _statuses(one)["E-2"] != "REMOVED")
    (changed,) = await roaming.list(tnm, "locations", f"?date_from={listed['last_updated']}")
    assert changed["last_updated"] > listed["last_updated"]
    assert [one["uid"] for one in changed["evses"]] == ["E-1", "E-2"]

    # No station is left of it.
    await _see(roaming, label_tag("city", "Oslo"))
    await tnm.wait_for(lambda one: {*_statuses(one).values()} == {"REMOVED"})
    assert await roaming.list(tnm, "locations") == []
    assert (await tnm.call("GET", f"{url}/L-1")).status_code == 404

    # What changes meanwhile is not for it, and it gets the whole once it sees all again.
    before = len(tnm.received)
    await roaming.set_status("FAULTED")
    await xyz.wait_for(lambda one: _statuses(one)["E-1"] == "OUTOFORDER")
    assert [one for one in tnm.received[before:] if one.module == "locations"] == []
    await _see(roaming)
    await tnm.wait_for(lambda one: _statuses(one)["E-1"] == "OUTOFORDER" and _statuses(one)["E-2"] != "REMOVED")
    assert [one["id"] for one in await roaming.list(tnm, "locations")] == ["L-1"]
    # Nobody else was told of it, not even that the location was last updated.
    bodies = [one.body for one in xyz.received if one.module == "locations" and one.method == "PATCH"]
    assert [one for one in bodies if one.keys() <= {"last_updated"}] == []
    assert "REMOVED" not in {one.body.get("status") for one in xyz.received if one.module == "locations"}
