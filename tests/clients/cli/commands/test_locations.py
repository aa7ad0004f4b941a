"""`citrine location`."""

import json
from pathlib import Path

from citrine.api.v1 import locations_pb2 as pb
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_a_location_is_added_from_options_and_a_file(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    file = tmp_path / "north.json"
    file.write_text(json.dumps({"city": "Gent", "facilities": ["FACILITY_WIFI"], "timeZone": "Europe/Brussels"}))
    core.on("CreateLocation", pb.Location(location_id="north"))

    ran = citrine(
        *("location", "add", "north", "--file", str(file), "--address", "Kaai 1", "--country", "BEL"),
        *("--at", "51.047599, 3.729944", "--city", "Brugge", "--publish", "--tariff", "day"),
    )

    assert ran.lines == ["location north added"]
    (request,) = core.requests("CreateLocation")
    assert request.location == pb.Location(
        location_id="north",
        address="Kaai 1",
        city="Brugge",
        country="BEL",
        coordinates=pb.GeoLocation(latitude="51.047599", longitude="3.729944"),
        time_zone="Europe/Brussels",
        facilities=[pb.FACILITY_WIFI],
        publish=True,
        tariff_ids=["day"],
    )


def test_a_location_is_hidden_and_nothing_else_of_it_changed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateLocation", pb.Location(location_id="north"))

    citrine("location", "update", "north", "--hide")
    citrine("location", "update", "north", "--name", "North")

    hidden, named = core.requests("UpdateLocation")
    assert hidden.update_mask.paths == ["publish"]
    assert named.location == pb.Location(location_id="north", name="North")
    assert not named.update_mask.paths
    assert citrine("location", "update", "north").code == 2


def test_a_location_is_shown_with_its_evses(citrine: Cli, core: ScriptedCore) -> None:
    connector = pb.LocationConnector(
        connector_id=1, standard=pb.CONNECTOR_STANDARD_IEC_62196_T2_COMBO, max_electric_power=150_000
    )
    evse = pb.LocationEvse(
        uid="E-1", station_id="CS-1", evse_id=1, status=pb.EVSE_STATUS_OUT_OF_ORDER, connectors=[connector]
    )
    core.on("GetLocation", pb.Location(location_id="north", postal_code="9000", city="Gent", evses=[evse]))

    out = citrine("location", "show", "north").out

    assert "9000 Gent" in out
    assert "out of order" in out.lower()
    assert "IEC_62196_T2_COMBO 150 kW" in out


def test_an_option_is_said_of_an_evse_that_a_file_has_filled(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    file = tmp_path / "evse.json"
    file.write_text(json.dumps({"uid": "E-1", "publicId": "NL*TNM*E1", "filled": "publicId,capabilities"}))
    core.on("UpdateLocationEvse", pb.LocationEvse(uid="E-1"))

    citrine("location", "update-evse", "E-1", "--file", str(file), "--public-id", "NL*TNM*E2")

    (request,) = core.requests("UpdateLocationEvse")
    assert request.evse.public_id == "NL*TNM*E2"
    assert list(request.evse.filled.paths) == ["capabilities"]
