"""`citrine location`."""

import itertools
import json
import re
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


def test_what_options_and_a_file_say_is_changed_and_nothing_else(
    citrine: Cli, core: ScriptedCore, tmp_path: Path
) -> None:
    """Also what they say to be empty or not so, which protobuf does not tell from a field that is not set."""
    file = tmp_path / "north.json"
    file.write_text(json.dumps({"publish": False, "images": [], "owner": None, "updateTime": "2026-01-01T00:00:00Z"}))
    core.on("UpdateLocation", pb.Location(location_id="north"))

    citrine("location", "update", "north", "--hide")
    citrine("location", "update", "north", "--name", "", "--city", "Gent", "--tariff", "")
    citrine("location", "update", "north", "--file", str(file))

    hidden, named, filed = core.requests("UpdateLocation")
    assert hidden.update_mask.paths == ["publish"]
    assert named.location == pb.Location(location_id="north", city="Gent")
    assert named.update_mask.paths == ["name", "city", "tariff_ids"]
    assert set(filed.update_mask.paths) == {"publish", "images", "owner"}
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


def test_all_that_is_stored_of_a_location_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    """Exceptions to the opening times by the clock of the location, as its regular hours are."""
    text = pb.DisplayText(language="nl", text="Achter het station")
    image = pb.Image(url="https://a.example/a.png", category=pb.IMAGE_CATEGORY_ENTRANCE, type="png")
    place = pb.ParkingPlace(parking_id="P-1", vehicle_types=[pb.VEHICLE_TYPE_VAN], max_vehicle_height=275, roofed=True)
    location = pb.Location(
        location_id="north",
        country_code="BE",
        party_id="CIT",
        time_zone="Asia/Tokyo",
        publish_allowed_to=[pb.PublishToken(type="RFID", uid="04AA", group_id="fleet")],
        related_locations=[pb.AdditionalGeoLocation(latitude="1.00000", longitude="2.00000", name=text)],
        parking_places=[place],
        directions=[text],
        suboperator=pb.BusinessDetails(name="Sub", website="https://sub.example"),
        facilities=[pb.FACILITY_WIFI, pb.FACILITY_BUS_STOP],
        charging_when_closed=False,
        images=[image],
        energy_mix=pb.EnergyMix(is_green_energy=True, supplier_name="Zon", energy_product_name="Groen"),
        help_phone="+32 9 000",
    )
    location.energy_mix.energy_sources.add(source=pb.ENERGY_SOURCE_CATEGORY_SOLAR, percentage=100)
    location.opening_times.twentyfourseven = True
    closing = location.opening_times.exceptional_closings.add()
    closing.period_begin.FromJsonString("2026-12-24T15:00:00Z")
    closing.period_end.FromJsonString("2026-12-25T15:00:00Z")
    evse = pb.LocationEvse(
        uid="E-1",
        capabilities=[pb.EVSE_CAPABILITY_RFID_READER],
        parking_restrictions=[pb.PARKING_RESTRICTION_TAXIS],
        parking=[pb.EvseParking(parking_id="P-1", evse_position=pb.EVSE_POSITION_LEFT)],
        connectors=[pb.LocationConnector(connector_id=1, power_type=pb.POWER_TYPE_DC, max_voltage=920)],
        accepted_service_providers=["Roam"],
        images=[image],
    )
    core.on("GetLocation", location)
    core.on("GetLocationEvse", evse)

    lines = itertools.takewhile(bool, citrine("location", "show", "north").lines)
    facts = dict(re.split("  +", line, maxsplit=1) for line in lines)
    shown = citrine("location", "evse", "E-1").out

    assert facts == {
        "location": "north",
        "party": "BE CIT",
        "coordinates": ",",
        "time zone": "Asia/Tokyo",
        "published": "no",
        "published to": "RFID 04AA group fleet",
        "suboperator": "Sub https://sub.example",
        "facilities": "wifi, bus stop",
        "open": "always",
        "closed": "2026-12-25 00:00 JST to 2026-12-26 00:00 JST",
        "charging when closed": "no",
        "help": "+32 9 000",
        "energy": "green, 100 % solar, Zon, Groen",
        "directions nl": "Achter het station",
        "point 1": "1.00000, 2.00000 Achter het station",
        "image 1": "entrance https://a.example/a.png",
    }
    for said in ("rfid reader", "taxis", "P-1 left", "dc", "920", "Roam", "https://a.example/a.png"):
        assert said in shown


def test_an_option_is_said_of_an_evse_that_a_file_has_filled(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    file = tmp_path / "evse.json"
    file.write_text(json.dumps({"uid": "E-1", "publicId": "NL*TNM*E1", "filled": "publicId,capabilities"}))
    core.on("UpdateLocationEvse", pb.LocationEvse(uid="E-1"))

    citrine("location", "update-evse", "E-1", "--file", str(file), "--public-id", "NL*TNM*E2")

    (request,) = core.requests("UpdateLocationEvse")
    assert request.evse.public_id == "NL*TNM*E2"
    assert list(request.evse.filled.paths) == ["capabilities"]
    assert set(request.update_mask.paths) == {"public_id"}


def test_an_evse_is_taken_from_its_station(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateLocationEvse", pb.LocationEvse(uid="E-1"))

    citrine("location", "update-evse", "E-1", "--station", "", "--floor", "")

    (request,) = core.requests("UpdateLocationEvse")
    assert request.evse == pb.LocationEvse(uid="E-1")
    assert set(request.update_mask.paths) == {"station_id", "evse_id", "floor_level"}
