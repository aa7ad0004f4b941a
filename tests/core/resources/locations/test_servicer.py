"""LocationsService: locations as an operator keeps them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import locations_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.stations_pb2 import CreateStationRequest, DeleteStationRequest, Station, UpdateStationRequest
from citrine.events.v1.events_pb2 import Event, LocationChanged
from citrine_core.events import OutboxRepository
from tests.support.api import Api, auth, field_violations

Who = tuple[tuple[str, str], ...]


@pytest.fixture
async def who(api: Api) -> Who:
    return auth(await api.key("default"))


def stamp(text: str) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.fromisoformat(text).astimezone(UTC))
    return found


def place(location_id: str = "north", **fields: Any) -> pb.Location:
    """A location with what is required, and the fields."""
    least = pb.Location(
        location_id=location_id,
        address="F.Rooseveltlaan 3A",
        city="Gent",
        country="BEL",
        coordinates=pb.GeoLocation(latitude="51.047599", longitude="3.729944"),
        time_zone="Europe/Brussels",
    )
    for name in fields:
        least.ClearField(name)  # type: ignore[arg-type]  # it is a field
    least.MergeFrom(pb.Location(**fields))
    return least


async def create(api: Api, who: Who, location_id: str = "north", **fields: Any) -> pb.Location:
    request = pb.CreateLocationRequest(location=place(location_id, **fields))
    return await api.locations.CreateLocation(request, metadata=who)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def changes(api: Api) -> list[LocationChanged]:
    async with api.unit_of_work(read_only=True) as work:
        rows = await OutboxRepository(work.session).list("default", after=0, through=2**62, limit=100)
    found = [Event.FromString(payload).location_changed for _, payload in rows]
    return [one for one in found if one.location_id and not one.evse_uid]


FULL: dict[str, Any] = {
    "country_code": "BE",
    "party_id": "BEC",
    "publish": False,
    "publish_allowed_to": [
        pb.PublishToken(visual_number="12345-67", issuer="NewMotion"),
        pb.PublishToken(group_id="G"),
        pb.PublishToken(uid="04A2B3C8D1E2F3", type="RFID"),
    ],
    "name": "Gent Zuid",
    "postal_code": "9000",
    "state": "East Flanders",
    "related_locations": [
        pb.AdditionalGeoLocation(
            latitude="51.04759", longitude="-3.72994", name=pb.DisplayText(language="nl", text="Ingang")
        )
    ],
    "parking_type": pb.PARKING_TYPE_ON_STREET,
    "parking_places": [
        pb.ParkingPlace(
            parking_id="P1",
            physical_reference="12a",
            vehicle_types=[pb.VEHICLE_TYPE_PERSONAL_VEHICLE, pb.VEHICLE_TYPE_VAN],
            max_vehicle_weight=3500,
            max_vehicle_height=275,
            max_vehicle_length=600,
            max_vehicle_width=220,
            parking_space_length=650,
            parking_space_width=300,
            dangerous_goods_allowed=False,
            direction=pb.PARKING_DIRECTION_PARALLEL,
            drive_through=True,
            restricted_to_type=True,
            reservation_required=True,
            time_limit=Duration(seconds=3600),
            roofed=False,
            images=[pb.Image(url="https://x.example/p.jpg", category=pb.IMAGE_CATEGORY_OTHER, type="jpeg")],
            lighting=True,
            refrigeration_outlet=False,
            standards=["PAS 1899:2022"],
            apds_reference="https://x.example/apds/1",
        )
    ],
    "directions": [pb.DisplayText(language="en", text="Left of the church")],
    "operator": pb.BusinessDetails(
        name="BeCharged",
        website="https://becharged.example",
        logo=pb.Image(
            url="https://x.example/l.png",
            thumbnail="https://x.example/s.png",
            category=pb.IMAGE_CATEGORY_OPERATOR,
            type="png",
            width=512,
            height=256,
        ),
    ),
    "suboperator": pb.BusinessDetails(name="Maintenance"),
    "owner": pb.BusinessDetails(name="City of Gent", website="https://gent.example"),
    "facilities": [pb.FACILITY_WIFI, pb.FACILITY_HOTEL],
    "opening_times": pb.OpeningTimes(
        regular_hours=[pb.RegularHours(weekday=1, period_begin="08:00", period_end="20:00")],
        exceptional_openings=[
            pb.ExceptionalPeriod(
                period_begin=stamp("2026-07-19T08:00:00+02:00"), period_end=stamp("2026-07-19T12:00:00+02:00")
            )
        ],
        exceptional_closings=[
            pb.ExceptionalPeriod(
                period_begin=stamp("2026-12-25T00:00:00+01:00"), period_end=stamp("2026-12-26T00:00:00+01:00")
            )
        ],
    ),
    "charging_when_closed": False,
    "images": [pb.Image(url="https://x.example/a.jpg", category=pb.IMAGE_CATEGORY_LOCATION, type="jpeg")],
    "energy_mix": pb.EnergyMix(
        is_green_energy=True,
        energy_sources=[
            pb.EnergySource(source=pb.ENERGY_SOURCE_CATEGORY_SOLAR, percentage=33.3),
            pb.EnergySource(source=pb.ENERGY_SOURCE_CATEGORY_WIND, percentage=66.7),
        ],
        environ_impact=[
            pb.EnvironmentalImpact(category=pb.ENVIRONMENTAL_IMPACT_CATEGORY_CARBON_DIOXIDE, amount=12.5),
        ],
        supplier_name="Greenpeace Energy",
        energy_product_name="Wind and sun",
    ),
    "help_phone": "+3290000000",
    "tariff_ids": ["day"],
}


PUBLIC: dict[str, Any] = {"publish": True, "opening_times": pb.OpeningTimes(twentyfourseven=True)}
"""What the full one can not say."""

FULL_EVSE: dict[str, Any] = {
    "uid": "E-1",
    "location_id": "north",
    "station_id": "CS-1",
    "evse_id": 1,
    "public_id": "BE*BEC*E041503001",
    "status_schedule": [
        pb.StatusSchedule(
            period_begin=stamp("2026-12-01T00:00:00+01:00"),
            period_end=stamp("2026-12-02T00:00:00+01:00"),
            status=pb.EVSE_STATUS_INOPERATIVE,
        )
    ],
    "capabilities": [pb.EVSE_CAPABILITY_RFID_READER, pb.EVSE_CAPABILITY_CREDIT_CARD_PAYABLE],
    "connectors": [
        pb.LocationConnector(
            connector_id=1,
            standard=pb.CONNECTOR_STANDARD_IEC_62196_T2_COMBO,
            format=pb.CONNECTOR_FORMAT_CABLE,
            power_type=pb.POWER_TYPE_DC,
            max_voltage=920,
            max_amperage=500,
            max_electric_power=350_000,
            tariff_ids=["night"],
            terms_and_conditions="https://x.example/terms",
            capabilities=[pb.CONNECTOR_CAPABILITY_ISO_15118_20_PLUG_AND_CHARGE],
        )
    ],
    "floor_level": "-1",
    "coordinates": pb.GeoLocation(latitude="51.047600", longitude="3.729945"),
    "physical_reference": "7",
    "directions": [pb.DisplayText(language="nl", text="Links van de kerk")],
    "parking_restrictions": [pb.PARKING_RESTRICTION_EV_ONLY, pb.PARKING_RESTRICTION_TAXIS],
    "parking": [pb.EvseParking(parking_id="P1", evse_position=pb.EVSE_POSITION_LEFT)],
    "images": [pb.Image(url="https://x.example/e.jpg", category=pb.IMAGE_CATEGORY_CHARGER, type="jpeg")],
    "accepted_service_providers": ["TheProvider"],
}

OUTPUT_ONLY = {
    "Location": ("tenant_id", "evses", "create_time", "update_time", "etag"),
    "LocationEvse": (
        *("status", "status_time", "stale_since", "filled"),
        *("delete_time", "create_time", "update_time", "etag"),
    ),
    "LocationConnector": ("filled",),
}


def fields_of(descriptor: Descriptor) -> Iterator[str]:
    """Yield the fields of a message that a caller may fill, and of those within it."""
    for field in descriptor.fields:
        if field.name not in OUTPUT_ONLY.get(descriptor.name, ()):
            yield field.full_name
            if field.message_type is not None and field.message_type.file.name == descriptor.file.name:
                yield from fields_of(field.message_type)


def filled_in(message: Message) -> Iterator[str]:
    """Yield the fields that are filled in a message, and in those within it."""
    for field, value in message.ListFields():
        yield field.full_name
        for one in value if field.is_repeated else [value]:
            if isinstance(one, Message):
                yield from filled_in(one)


def as_said(shown: Message) -> Message:
    """Return what is shown without what only the core says."""
    said = type(shown).FromString(shown.SerializeToString())
    for name in OUTPUT_ONLY[shown.DESCRIPTOR.name]:
        said.ClearField(name)
    return said


async def test_each_field_of_a_location_and_an_evse_is_read_as_it_was_said(api: Api, who: Who) -> None:
    """A field that the contract gets has to be said here."""
    locations, evse = [place(**FULL), place("south", **PUBLIC)], pb.LocationEvse(**FULL_EVSE)
    said = {name for message in (*locations, evse) for name in filled_in(message)}
    assert {*fields_of(pb.Location.DESCRIPTOR), *fields_of(pb.LocationEvse.DESCRIPTOR)} - said == set()

    for location in locations:
        await api.locations.CreateLocation(pb.CreateLocationRequest(location=location), metadata=who)
        shown = await api.locations.GetLocation(pb.GetLocationRequest(location_id=location.location_id), metadata=who)
        assert as_said(shown) == location
    station = Station(station_id="CS-1", location_id="north")
    await api.stations.CreateStation(CreateStationRequest(station=station), metadata=who)
    await api.locations.CreateLocationEvse(pb.CreateLocationEvseRequest(evse=evse), metadata=who)
    shown_evse = await api.locations.GetLocationEvse(pb.GetLocationEvseRequest(uid="E-1"), metadata=who)
    assert as_said(shown_evse) == evse
    assert not shown_evse.filled.paths
    listed = await api.locations.ListLocations(pb.ListLocationsRequest(include_evses=True), metadata=who)
    assert [[as_said(one) for one in location.evses] for location in listed.locations] == [[evse], []]


async def test_a_location_is_made_read_changed_and_deleted(api: Api, who: Who) -> None:
    """What the mask does not name stays."""
    created = await create(api, who, **FULL)

    assert created == await api.locations.GetLocation(pb.GetLocationRequest(location_id="north"), metadata=who)

    change = pb.Location(location_id="north", name="South", etag=created.etag)
    mask = FieldMask(paths=["name", "opening_times", "charging_when_closed"])
    request = pb.UpdateLocationRequest(location=change, update_mask=mask)
    updated = await api.locations.UpdateLocation(request, metadata=who)

    assert (updated.name, updated.city, updated.facilities) == ("South", "Gent", created.facilities)
    assert not updated.HasField("opening_times")
    assert not updated.HasField("charging_when_closed")
    assert updated.update_time.ToNanoseconds() > created.update_time.ToNanoseconds()
    raced = await refused(api.locations.UpdateLocation(request, metadata=who))
    assert raced.code() is grpc.StatusCode.ABORTED

    again = await refused(create(api, who))
    assert again.code() is grpc.StatusCode.ALREADY_EXISTS

    await api.locations.DeleteLocation(pb.DeleteLocationRequest(location_id="north"), metadata=who)
    gone = await refused(api.locations.GetLocation(pb.GetLocationRequest(location_id="north"), metadata=who))
    assert gone.code() is grpc.StatusCode.NOT_FOUND
    kinds = LocationChanged.Kind
    assert [(one.location_id, one.kind) for one in await changes(api)] == [
        ("north", kinds.KIND_CREATED),
        ("north", kinds.KIND_UPDATED),
        ("north", kinds.KIND_DELETED),
    ]
    assert [one.location for one in await changes(api)] == [created, updated, pb.Location()]


TEXT = pb.DisplayText(language="en", text="x")
IMAGE = pb.Image(url="https://x.example/a.jpg", category=pb.IMAGE_CATEGORY_LOCATION, type="jpeg")

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"location_id": "a b"}, "location.location_id"),
    ({"address": ""}, "location.address"),
    ({"city": "x" * 46}, "location.city"),
    ({"country": "NL"}, "location.country"),
    ({"country_code": "NLD"}, "location.country_code"),
    ({"party_id": "toolong"}, "location.party_id"),
    ({"coordinates": pb.GeoLocation(latitude="51.0", longitude="3.729944")}, "location.coordinates.latitude"),
    ({"coordinates": pb.GeoLocation(latitude="51.04759", longitude="181.00000")}, "location.coordinates.longitude"),
    ({"time_zone": "Mars/Olympus"}, "location.time_zone"),
    ({"publish": True, "publish_allowed_to": [pb.PublishToken(group_id="g")]}, "location.publish_allowed_to"),
    ({"publish_allowed_to": [pb.PublishToken(uid="1")]}, "location.publish_allowed_to[0].type"),
    ({"publish_allowed_to": [pb.PublishToken(visual_number="1")]}, "location.publish_allowed_to[0].issuer"),
    ({"directions": [TEXT, TEXT]}, "location.directions[1]"),
    ({"facilities": [pb.FACILITY_WIFI, pb.FACILITY_WIFI]}, "location.facilities[1]"),
    ({"operator": pb.BusinessDetails(website="ftp://x", name="x")}, "location.operator.website"),
    ({"operator": pb.BusinessDetails()}, "location.operator.name"),
    ({"images": [pb.Image(url="https://x.example", type="png")]}, "location.images[0].category"),
    ({"opening_times": pb.OpeningTimes()}, "location.opening_times.regular_hours"),
    (
        {
            "opening_times": pb.OpeningTimes(
                regular_hours=[pb.RegularHours(weekday=7, period_begin="20:00", period_end="08:00")]
            )
        },
        "location.opening_times.regular_hours[0].period_end",
    ),
    (
        {"opening_times": pb.OpeningTimes(twentyfourseven=True, exceptional_closings=[pb.ExceptionalPeriod()])},
        "location.opening_times.exceptional_closings[0].period_begin",
    ),
    (
        {
            "energy_mix": pb.EnergyMix(
                energy_sources=[pb.EnergySource(source=pb.ENERGY_SOURCE_CATEGORY_COAL, percentage=99)]
            )
        },
        "location.energy_mix.energy_sources",
    ),
    ({"parking_places": [pb.ParkingPlace(parking_id="P")]}, "location.parking_places[0].vehicle_types"),
]


async def test_what_breaks_the_rules_of_ocpi_is_refused_by_its_field(api: Api, who: Who) -> None:
    found = []
    for fields, _ in WRONG:
        error = await refused(create(api, who, **{"location_id": "north", **fields}))
        found.append((error.code(), field_violations(error)))

    assert found == [(grpc.StatusCode.INVALID_ARGUMENT, [name]) for _, name in WRONG]


async def test_locations_are_listed_by_country_publication_and_time_of_change(api: Api, who: Who) -> None:
    """Of the caller's tenant; who goes on from the last change that it saw misses none."""
    for location_id, fields in (("a", {"publish": True}), ("b", {"country": "NLD"}), ("c", {"publish": True})):
        await create(api, who, location_id, **fields)
    await create(api, auth(await api.tenant("acme")), "d")

    async def listed(**filters: Any) -> list[str]:
        found: list[str] = []
        request = pb.ListLocationsRequest(page_size=2, **filters)
        while True:
            page = await api.locations.ListLocations(request, metadata=who)
            found += [one.location_id for one in page.locations]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    assert await listed() == ["a", "b", "c"]
    assert await listed(published_only=True) == ["a", "c"]
    assert await listed(country="NLD") == ["b"]

    mask = FieldMask(paths=["name"])
    request = pb.UpdateLocationRequest(location=pb.Location(location_id="a", name="new"), update_mask=mask)
    changed = await api.locations.UpdateLocation(request, metadata=who)
    assert await listed(update_time=TimeRange()) == ["b", "c", "a"]
    assert await listed(update_time=TimeRange(start=changed.update_time)) == ["a"]


async def test_a_location_with_stations_or_evses_is_not_deleted(api: Api, who: Who) -> None:
    """And none that does not exist has stations."""
    station = Station(station_id="CS-1", location_id="north")
    nowhere = await refused(api.stations.CreateStation(CreateStationRequest(station=station), metadata=who))
    assert nowhere.code() is grpc.StatusCode.NOT_FOUND
    await create(api, who)
    await api.stations.CreateStation(CreateStationRequest(station=station), metadata=who)
    delete = pb.DeleteLocationRequest(location_id="north")

    assert (await refused(api.locations.DeleteLocation(delete, metadata=who))).code() is (
        grpc.StatusCode.FAILED_PRECONDITION
    )
    planned = await api.locations.CreateLocationEvse(
        pb.CreateLocationEvseRequest(evse=pb.LocationEvse(location_id="north")), metadata=who
    )
    away = UpdateStationRequest(station=Station(station_id="CS-1"), update_mask=FieldMask(paths=["location_id"]))
    await api.stations.UpdateStation(away, metadata=who)
    assert (await refused(api.locations.DeleteLocation(delete, metadata=who))).code() is (
        grpc.StatusCode.FAILED_PRECONDITION
    )
    await api.locations.DeleteLocationEvse(pb.DeleteLocationEvseRequest(uid=planned.uid), metadata=who)
    await api.locations.DeleteLocation(delete, metadata=who)
    await api.stations.DeleteStation(DeleteStationRequest(station_id="CS-1"), metadata=who)
