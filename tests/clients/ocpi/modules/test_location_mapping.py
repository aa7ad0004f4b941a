"""Locations of the core become locations of OCPI, with all that they say, and nothing that a version does not know."""

import json
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1 import locations_pb2 as pb
from citrine_ocpi.models import v2_3_0
from citrine_ocpi.modules.locations.enums import STANDARDS, STATUSES, names_of
from citrine_ocpi.modules.locations.mapping import location_body
from citrine_ocpi.modules.locations.stamps import changes_of, stamped
from citrine_ocpi.transport import Party, Version
from tests.support.emsp.validation import faults

TEXT = {"language": "en", "text": "Left of the gate"}
IMAGE = {"url": "https://example.com/a.png", "category": "IMAGE_CATEGORY_CHARGER", "type": "png", "width": 800}
COMPANY = {"name": "Citrine", "website": "https://example.com", "logo": IMAGE}
SPAN = {"period_begin": "2025-12-24T00:00:00Z", "period_end": "2025-12-25T00:00:00Z"}
CONNECTOR = {
    "connector_id": 1,
    "standard": "CONNECTOR_STANDARD_IEC_60309_2_THREE_32",
    "format": "CONNECTOR_FORMAT_CABLE",
    "power_type": "POWER_TYPE_AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "max_electric_power": 22000,
    "terms_and_conditions": "https://example.com/terms",
    "capabilities": ["CONNECTOR_CAPABILITY_ISO_15118_2_PLUG_AND_CHARGE"],
}
EVSE: dict[str, Any] = {
    "uid": "E-1",
    "public_id": "DE*CIT*E1",
    "status": "EVSE_STATUS_OUT_OF_ORDER",
    "status_schedule": [{"period_begin": "2025-12-24T00:00:00Z", "status": "EVSE_STATUS_PLANNED"}],
    "capabilities": ["EVSE_CAPABILITY_RFID_READER"],
    "connectors": [
        CONNECTOR,
        {"connector_id": 2},
        {**CONNECTOR, "connector_id": 3, "standard": "CONNECTOR_STANDARD_MCS"},
    ],
    "floor_level": "-1",
    "coordinates": {"latitude": "60.392990", "longitude": "5.324150"},
    "physical_reference": "7",
    "directions": [TEXT],
    "parking_restrictions": ["PARKING_RESTRICTION_TAXIS", "PARKING_RESTRICTION_PLUGGED"],
    "parking": [{"parking_id": "P1", "evse_position": "EVSE_POSITION_LEFT"}],
    "images": [IMAGE],
    "accepted_service_providers": ["TNM"],
}
LOCATION: dict[str, Any] = {
    "location_id": "L-1",
    "publish_allowed_to": [{"uid": "04A1B2C3", "type": "EMAID"}, {"visual_number": "7", "issuer": "TNM"}],
    "name": "Harbour",
    "address": "Quay 1",
    "city": "Bergen",
    "postal_code": "5003",
    "state": "Vestland",
    "country": "NOR",
    "coordinates": {"latitude": "60.392990", "longitude": "5.324150"},
    "related_locations": [{"latitude": "60.392991", "longitude": "5.324151", "name": TEXT}],
    "parking_type": "PARKING_TYPE_ON_STREET",
    "parking_places": [
        {
            "parking_id": "P1",
            "vehicle_types": ["VEHICLE_TYPE_VAN"],
            "max_vehicle_height": 210,
            "dangerous_goods_allowed": False,
            "direction": "PARKING_DIRECTION_ANGLE",
            "time_limit": "7200s",
            "images": [IMAGE],
            "standards": ["PAS 1899"],
        }
    ],
    "directions": [TEXT],
    "operator": COMPANY,
    "suboperator": COMPANY,
    "owner": {"name": "The port"},
    "facilities": ["FACILITY_WIFI", "FACILITY_TRAM_STOP"],
    "time_zone": "Europe/Oslo",
    "opening_times": {
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
        "exceptional_openings": [SPAN],
        "exceptional_closings": [SPAN],
    },
    "charging_when_closed": False,
    "images": [IMAGE],
    "energy_mix": {
        "is_green_energy": True,
        "energy_sources": [{"source": "ENERGY_SOURCE_CATEGORY_WATER", "percentage": 100}],
        "environ_impact": [{"category": "ENVIRONMENTAL_IMPACT_CATEGORY_CARBON_DIOXIDE", "amount": 0.5}],
        "supplier_name": "BKK",
    },
    "help_phone": "+47 123",
    "tariff_ids": ["DAY"],
    "evses": [EVSE, {"uid": "E-2", "connectors": [{"connector_id": 1}]}],
}


def body(version: Version, **changes: Any) -> dict[str, Any]:
    location = ParseDict({**LOCATION, **changes}, pb.Location())
    # As it is written and read again.
    written: dict[str, Any] = json.loads(
        json.dumps(location_body(location, Party("DE", "CIT"), version)), parse_float=Decimal
    )
    return written


@pytest.mark.parametrize("version", Version)
def test_all_that_a_location_says_is_there_as_the_specification_has_it(version: Version) -> None:
    seen = body(version)

    assert faults(seen, "Location", str(version)) == []
    (evse,) = seen["evses"]
    assert (evse["status"], evse["connectors"][0]["standard"]) == ("OUTOFORDER", "IEC_60309_2_three_32")
    # A connector of which too little is known is left out, and an EVSE that has no other.
    is_later = version is Version.V2_3_0
    assert [one["id"] for one in evse["connectors"]] == (["1", "3"] if is_later else ["1"])
    assert evse["connectors"][0]["tariff_ids"] == ["DAY"]
    assert evse["parking_restrictions"] == (["TAXIS", "PLUGGED"] if is_later else ["PLUGGED"])
    assert seen["publish_allowed_to"][0]["type"] == ("EMAID" if is_later else "OTHER")
    later = {"help_phone", "parking_places"}
    expected = {*LOCATION, "country_code", "party_id", "publish", "id", "last_updated"} - {"location_id", "tariff_ids"}
    assert seen.keys() == (expected if is_later else expected - later)


def test_each_value_of_an_enum_has_its_name_in_ocpi() -> None:
    assert {*STATUSES} == {*pb.EvseStatus.values()}
    assert {*STATUSES.values()} == {*v2_3_0.Status}
    assert {*STANDARDS.values()} - {"UNSPECIFIED"} == {*v2_3_0.ConnectorType}
    for enum, model in (
        (pb.EvseCapability, v2_3_0.Capability),
        (pb.Facility, v2_3_0.Facility),
        (pb.ParkingRestriction, v2_3_0.ParkingRestriction),
        (pb.VehicleType, v2_3_0.VehicleType),
        (pb.ParkingType, v2_3_0.ParkingType),
        (pb.PowerType, v2_3_0.PowerType),
    ):
        assert {*names_of(enum, enum.values())} == {*model}


def test_what_changes_of_a_connector_changes_the_time_of_all_around_it_and_of_nothing_else() -> None:
    first = stamped(None, body(Version.V2_3_0), "2025-01-01T00:00:00Z")
    stronger = {**EVSE, "connectors": [{**CONNECTOR, "max_amperage": 63}, *EVSE["connectors"][1:]]}

    second = stamped(first, body(Version.V2_3_0, evses=[stronger]), "2025-01-02T00:00:00Z")

    (evse,) = second["evses"]
    times = [one["last_updated"][9] for one in (second, evse, *evse["connectors"])]
    assert times == ["2", "2", "2", "1"]
    assert stamped(second, body(Version.V2_3_0, evses=[stronger]), "2025-01-03T00:00:00Z") == second
    changes = changes_of(first, second)
    assert changes is not None
    # Who gets the EVSE needs no location beside it.
    assert (changes.fields, changes.evses) == ({}, {"E-1": {}})


def test_a_field_that_is_gone_has_the_whole_sent() -> None:
    first = stamped(None, body(Version.V2_3_0), "2025-01-01T00:00:00Z")
    second = stamped(first, body(Version.V2_3_0, name=""), "2025-01-02T00:00:00Z")

    changes = changes_of(first, second)

    assert changes is not None
    assert changes.fields is None


def test_a_time_limit_of_a_parking_place_is_in_minutes() -> None:
    assert body(Version.V2_3_0)["parking_places"][0]["time_limit"] == 120
