"""What is done with locations and their EVSEs: created, changed, removed, by forms and as JSON."""

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.locations_pb2 import (
    PARKING_TYPE_UNSPECIFIED,
    CreateLocationEvseRequest,
    CreateLocationRequest,
    DeleteLocationEvseRequest,
    DeleteLocationRequest,
    GeoLocation,
    GetLocationEvseRequest,
    GetLocationRequest,
    Location,
    LocationEvse,
    OpeningTimes,
    ParkingType,
    UpdateLocationEvseRequest,
    UpdateLocationRequest,
)
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.json_forms import json_of, message_of
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.enums import words_of

__all__ = ["DIALOGS"]

_OUTPUT = frozenset({"location_id", "tenant_id", "evses", "create_time", "update_time", "etag"})
"""Fields of a location that nobody writes, and its id."""

_EVSE_OUTPUT = frozenset(
    {
        "uid", "location_id", "status", "status_time", "stale_since", "filled", "delete_time", "create_time",
        "update_time", "etag",
    }
)  # fmt: skip

_FORM = (
    "name", "address", "city", "postal_code", "state", "country", "coordinates", "time_zone", "parking_type", "publish",
    "help_phone", "country_code", "party_id", "tariff_ids",
)  # fmt: skip
"""Fields of a location that the form has."""

_PARKING = words_of(ParkingType.items(), "PARKING_TYPE_")


def _fields(one: Location) -> Sequence[Field]:
    parking = next((word for word, number in _PARKING.items() if number == one.parking_type), "")
    return [
        Field("name", _("Name"), value=one.name, attributes={"maxlength": "255"}),
        Field("address", _("Street and number"), value=one.address, required=True, attributes={"maxlength": "255"}),
        Field("postal_code", _("Postal code"), value=one.postal_code, attributes={"maxlength": "10"}),
        Field("city", _("City"), value=one.city, required=True, attributes={"maxlength": "45"}),
        Field("state", _("State or province"), value=one.state, attributes={"maxlength": "45"}),
        Field("country", _("Country"), value=one.country, required=True, hint=_("three letters, as NLD")),
        Field("latitude", _("Latitude"), "decimal", one.coordinates.latitude, hint=_("5 to 7 decimals"), required=True),
        Field("longitude", _("Longitude"), "decimal", one.coordinates.longitude, required=True),
        Field("time_zone", _("Time zone"), value=one.time_zone, required=True, hint=_("as Europe/Amsterdam")),
        Field(
            "parking_type",
            _("Parking"),
            "select",
            parking,
            choices=[("", _("not said")), *((word, word.replace("-", " ")) for word in _PARKING)],
        ),
        Field("always_open", _("Open day and night"), "checkbox", "yes" if one.opening_times.twentyfourseven else ""),
        Field("publish", _("Shown to anybody"), "checkbox", "yes" if one.publish else ""),
        Field("help_phone", _("Telephone for drivers"), value=one.help_phone, attributes={"maxlength": "25"}),
        Field("country_code", _("Country of the party"), value=one.country_code, hint=_("two letters")),
        Field("party_id", _("Party"), value=one.party_id, attributes={"maxlength": "3"}),
        Field(
            "tariff_ids",
            _("Tariffs that are shown"),
            value=", ".join(one.tariff_ids),
            hint=_("ids, divided by commas"),
        ),
    ]


def _filled(location: Location, values: Values) -> Location:
    for name in ("name", "address", "city", "postal_code", "state", "time_zone", "help_phone", "party_id"):
        setattr(location, name, values[name])
    location.country, location.country_code = values["country"].upper(), values["country_code"].upper()
    location.coordinates.CopyFrom(GeoLocation(latitude=values["latitude"], longitude=values["longitude"]))
    location.parking_type = _PARKING.get(values["parking_type"], PARKING_TYPE_UNSPECIFIED)
    location.publish = values.checked("publish")
    del location.tariff_ids[:]
    location.tariff_ids.extend(one.strip() for one in values["tariff_ids"].split(",") if one.strip())
    return location


async def _location(visit: Visit) -> Location:
    return await visit.citrine.locations.GetLocation(GetLocationRequest(location_id=visit["location_id"]))


async def _new_fields(visit: Visit) -> Sequence[Field]:
    own = Field("location_id", _("Id"), hint=_("for good; empty: one is chosen"), attributes={"maxlength": "36"})
    return [own, *_fields(Location(time_zone=visit.zone.key))]


async def _create(visit: Visit, values: Values) -> Done:
    location = _filled(Location(location_id=values["location_id"]), values)
    if values.checked("always_open"):
        location.opening_times.CopyFrom(OpeningTimes(twentyfourseven=True))
    made = await visit.citrine.locations.CreateLocation(CreateLocationRequest(location=location))
    return Done(goto=f"/locations/{made.location_id}")


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    location = await _location(visit)
    return [Field("etag", "", "hidden", location.etag), *_fields(location)]


async def _edit(visit: Visit, values: Values) -> Done:
    location = _filled(Location(location_id=visit["location_id"], etag=values["etag"]), values)
    paths = [*_FORM]
    was_open = (await _location(visit)).opening_times.twentyfourseven
    if values.checked("always_open") != was_open:
        # Other opening times are written as JSON, and stay as they are.
        paths.append("opening_times")
        if values.checked("always_open"):
            location.opening_times.CopyFrom(OpeningTimes(twentyfourseven=True))
    request = UpdateLocationRequest(location=location, update_mask=FieldMask(paths=paths))
    await visit.citrine.locations.UpdateLocation(request)
    return Done(_("The location is changed."))


async def _json_fields(visit: Visit) -> Sequence[Field]:
    location = await _location(visit)
    return [
        Field("etag", "", "hidden", location.etag),
        Field("json", _("Location"), "textarea", json_of(location, _OUTPUT), attributes={"rows": "22"}),
    ]


async def _edit_json(visit: Visit, values: Values) -> Done:
    location = message_of(values["json"], Location())
    location.location_id, location.etag = visit["location_id"], values["etag"]
    paths = [name for name in Location.DESCRIPTOR.fields_by_name if name not in _OUTPUT]
    await visit.citrine.locations.UpdateLocation(
        UpdateLocationRequest(location=location, update_mask=FieldMask(paths=paths))
    )
    return Done(_("The location is changed."))


async def _delete(visit: Visit, values: Values) -> Done:
    await visit.citrine.locations.DeleteLocation(DeleteLocationRequest(location_id=visit["location_id"]))
    return Done(goto="/locations")


def _evse_fields(one: LocationEvse) -> Sequence[Field]:
    return [
        Field("public_id", _("Public id"), value=one.public_id, hint=_("of eMI3, as NL*TNM*E1234*1")),
        Field("station_id", _("Station"), value=one.station_id, hint=_("empty: none yet")),
        Field("evse_id", _("Its EVSE"), "number", str(one.evse_id or ""), attributes={"min": "1"}, hint=_("from 1")),
        Field("physical_reference", _("Printed on it"), value=one.physical_reference, attributes={"maxlength": "16"}),
        Field("floor_level", _("Level in a garage"), value=one.floor_level, attributes={"maxlength": "4"}),
        Field(
            "json",
            _("Everything else, as JSON"),
            "textarea",
            json_of(_without_filled(one), {*_EVSE_OUTPUT, *_EVSE_FORM}),
            hint=_("connectors, capabilities, parking, directions, images"),
            attributes={"rows": "10"},
        ),
    ]


_EVSE_FORM = ("public_id", "station_id", "evse_id", "physical_reference", "floor_level")


def _without_filled(evse: LocationEvse) -> LocationEvse:
    """Return an EVSE without what is filled with what its station says."""
    own = LocationEvse()
    own.CopyFrom(evse)
    for path in evse.filled.paths:
        own.ClearField(path)  # type: ignore[arg-type]
    for connector in own.connectors:
        for path in connector.filled.paths:
            connector.ClearField(path)  # type: ignore[arg-type]
        connector.ClearField("filled")
    return own


def _evse(evse: LocationEvse, values: Values) -> LocationEvse:
    message_of(values["json"], evse)
    for name in ("public_id", "station_id", "physical_reference", "floor_level"):
        setattr(evse, name, values[name])
    evse.evse_id = values.number("evse_id", 0)
    return evse


async def _new_evse_fields(visit: Visit) -> Sequence[Field]:
    return [Field("uid", _("Uid"), hint=_("for good; empty: one is chosen")), *_evse_fields(LocationEvse())]


async def _add_evse(visit: Visit, values: Values) -> Done:
    evse = _evse(LocationEvse(), values)
    evse.location_id, evse.uid = visit["location_id"], values["uid"]
    await visit.citrine.locations.CreateLocationEvse(CreateLocationEvseRequest(evse=evse))
    return Done(_("The EVSE is added."))


async def _edit_evse_fields(visit: Visit) -> Sequence[Field]:
    evse = await visit.citrine.locations.GetLocationEvse(GetLocationEvseRequest(uid=visit["uid"]))
    return [Field("etag", "", "hidden", evse.etag), *_evse_fields(evse)]


async def _edit_evse(visit: Visit, values: Values) -> Done:
    evse = _evse(LocationEvse(), values)
    evse.uid, evse.etag = visit["uid"], values["etag"]
    paths = [name for name in LocationEvse.DESCRIPTOR.fields_by_name if name not in _EVSE_OUTPUT]
    await visit.citrine.locations.UpdateLocationEvse(
        UpdateLocationEvseRequest(evse=evse, update_mask=FieldMask(paths=paths))
    )
    return Done(_("The EVSE is changed."))


async def _delete_evse(visit: Visit, values: Values) -> Done:
    await visit.citrine.locations.DeleteLocationEvse(DeleteLocationEvseRequest(uid=visit["uid"]))
    return Done(_("The EVSE is removed."))


DIALOGS = [
    FormDialog(
        path="/locations/new",
        title=lambda visit: _("New location"),
        fields=_new_fields,
        act=_create,
        needs=("CreateLocation",),
        submit=lambda visit: _("Create"),
    ),
    FormDialog(
        path="/locations/{location_id}/edit",
        title=lambda visit: _("Edit {location}").format(location=visit["location_id"]),
        fields=_edit_fields,
        act=_edit,
        needs=("GetLocation", "UpdateLocation"),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path="/locations/{location_id}/json",
        title=lambda visit: _("Edit {location} as JSON").format(location=visit["location_id"]),
        words=lambda visit: _("All that OCPI knows of a location. What is left out is removed."),
        fields=_json_fields,
        act=_edit_json,
        needs=("GetLocation", "UpdateLocation"),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path="/locations/{location_id}/delete",
        title=lambda visit: _("Delete {location}").format(location=visit["location_id"]),
        words=lambda visit: _(
            "The location is gone for good. That works once no station and no EVSE is there any more; transactions and "
            "charge records keep what they say of it."
        ),
        act=_delete,
        needs=("DeleteLocation",),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
    FormDialog(
        path="/locations/{location_id}/evses/new",
        title=lambda visit: _("Add an EVSE to {location}").format(location=visit["location_id"]),
        fields=_new_evse_fields,
        act=_add_evse,
        needs=("CreateLocationEvse",),
        submit=lambda visit: _("Add"),
    ),
    FormDialog(
        path="/locations/{location_id}/evses/{uid}/edit",
        title=lambda visit: _("Edit an EVSE of {location}").format(location=visit["location_id"]),
        fields=_edit_evse_fields,
        act=_edit_evse,
        needs=("GetLocationEvse", "UpdateLocationEvse"),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path="/locations/{location_id}/evses/{uid}/delete",
        title=lambda visit: _("Remove an EVSE of {location}").format(location=visit["location_id"]),
        words=lambda visit: _(
            "Drivers and partners see it as removed from now on. Its uid {uid} is never used again."
        ).format(uid=visit["uid"]),
        act=_delete_evse,
        needs=("DeleteLocationEvse",),
        submit=lambda visit: _("Remove"),
        hurts=True,
    ),
]
