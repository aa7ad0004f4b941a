"""Stations as they are registered: created, accepted where they are held, edited, given a password, and removed."""

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.locations_pb2 import ListLocationsRequest
from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_ACCEPTED,
    BOOT_POLICY_CONFIGURED,
    BOOT_POLICY_PENDING,
    BOOT_POLICY_REJECTED,
    AcceptStationRequest,
    BootPolicy,
    CreateStationRequest,
    DeleteStationRequest,
    GetStationRequest,
    SetStationPasswordRequest,
    Station,
    StationAddress,
    UpdateStationRequest,
)
from citrine_console.formats import enum_word
from citrine_console.forms import Choice, Done, Field, FormDialog, Values, Wrong
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "buttons"]

_POLICIES: Sequence[tuple[str, "BootPolicy.ValueType"]] = (
    ("accepted", BOOT_POLICY_ACCEPTED),
    ("configured", BOOT_POLICY_CONFIGURED),
    ("pending", BOOT_POLICY_PENDING),
    ("rejected", BOOT_POLICY_REJECTED),
)

_EDITED = (
    "description",
    "location_id",
    "labels",
    "groups",
    "boot_policy",
    "configuration_id",
    "certificate_name",
    "enabled",
    "allow_no_password",
)


def _policy_choices() -> list[Choice]:
    return [
        ("accepted", _("Accepted: it may do all")),
        ("configured", _("Pending until its configuration was applied")),
        ("pending", _("Pending: it may be configured, but not charge")),
        ("rejected", _("Rejected: it may do nothing")),
    ]


def _policy(values: Values) -> "BootPolicy.ValueType":
    return dict(_POLICIES).get(values["boot_policy"], BOOT_POLICY_ACCEPTED)


async def _common_fields(visit: Visit, station: Station) -> list[Field]:
    location = Field("location_id", _("Location"), value=station.location_id)
    if visit.may("ListLocations"):
        request = ListLocationsRequest(page_size=1000)
        answer = await visit.citrine.locations.ListLocations(request)
        choices = [("", _("None")), *((one.location_id, one.name or one.location_id) for one in answer.locations)]
        if not answer.next_page_token:
            location = Field("location_id", _("Location"), "select", value=station.location_id, choices=choices)
    policy = next((name for name, number in _POLICIES if number == station.boot_policy), "accepted")
    labels = "\n".join(f"{key}={value}" for key, value in sorted(station.labels.items()))
    return [
        Field("description", _("Description"), value=station.description, attributes={"maxlength": "255"}),
        location,
        Field("groups", _("Groups"), value=", ".join(station.groups), hint=_("divided by commas")),
        Field("labels", _("Labels"), "textarea", labels, hint=_("key=value, each on a line"), attributes={"rows": "3"}),
        Field("boot_policy", _("When it boots it is"), "select", policy, _policy_choices()),
        Field(
            "configuration_id",
            _("Configuration"),
            value=station.configuration_id,
            hint=_("empty: the one that is for such stations"),
        ),
        Field(
            "certificate_name",
            _("Name in its certificate"),
            value=station.certificate_name,
            hint=_("where that is not its id"),
            attributes={"maxlength": "64"},
        ),
        Field(
            "allow_no_password",
            _("May connect without a password"),
            "checkbox",
            "yes" if station.allow_no_password else "",
            hint=_("in closed networks only"),
        ),
    ]


def _labels(values: Values) -> dict[str, str]:
    labels = {}
    for line in filter(None, map(str.strip, values["labels"].splitlines())):
        key, equals, value = line.partition("=")
        if not equals:
            raise Wrong("labels", _("Each line needs a key, =, and a value."))
        labels[key.strip()] = value.strip()
    return labels


def _entered(values: Values, station_id: str) -> Station:
    return Station(
        station_id=station_id,
        description=values["description"],
        location_id=values["location_id"],
        groups=list(filter(None, map(str.strip, values["groups"].split(",")))),
        labels=_labels(values),
        boot_policy=_policy(values),
        configuration_id=values["configuration_id"],
        certificate_name=values["certificate_name"],
        allow_no_password=values.checked("allow_no_password"),
    )


# Create


async def _create_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field(
            "station_id",
            _("Id"),
            hint=_("as in its URL: letters, digits and * - _ = + | @ ."),
            required=True,
            attributes={"maxlength": "48", "spellcheck": "false"},
        ),
        Field("password", _("Password"), "password", hint=_("16 to 64 characters; empty: one is made")),
        *(await _common_fields(visit, Station())),
    ]


async def _create(visit: Visit, values: Values) -> Done:
    if not values["station_id"]:
        raise Wrong("station_id", _("Enter an id."))
    request = CreateStationRequest(station=_entered(values, values["station_id"]), password=values["password"])
    answer = await visit.citrine.stations.CreateStation(request)
    return Done(
        _("{station} may connect now. Set this in it:").format(station=answer.station.station_id),
        secret=_settings(answer.address, answer.generated_password),
    )


def _settings(address: StationAddress, password: str) -> str:
    lines = [f"{_('URL')}: {url}" for url in address.urls] or [_("No edge is linked now that would tell its URL.")]
    lines.append(f"{_('User name')}: {address.username}")
    if password:
        lines.append(f"{_('Password')}: {password}")
    return "\n".join(lines)


# Accept


async def _accept_fields(visit: Visit) -> Sequence[Field]:
    station = await _station(visit)
    hardware = station.hardware
    said = ", ".join(filter(None, (hardware.vendor_name, hardware.model, hardware.serial_number)))
    return [
        Field("said", _("It says that it is: {what}, from {address}").format(
            what=said or _("nothing yet"), address=station.remote_address or _("an unknown address")
        ), "note"),
        Field("description", _("Description"), attributes={"maxlength": "255"}),
        Field("boot_policy", _("When it boots it is"), "select", "accepted", _policy_choices()),
        Field("password", _("Password"), "password", hint=_("from now on; empty: the one that it came with")),
        Field("configuration_id", _("Configuration"), hint=_("empty: the one that is for such stations")),
    ]  # fmt: skip


async def _accept(visit: Visit, values: Values) -> Done:
    request = AcceptStationRequest(
        station_id=visit["station_id"],
        boot_policy=_policy(values),
        password=values["password"],
        description=values["description"],
        configuration_id=values["configuration_id"],
    )
    await visit.citrine.stations.AcceptStation(request)
    return Done(_("{station} is accepted, and asked to boot again.").format(station=visit["station_id"]))


# Edit and remove


async def _station(visit: Visit) -> Station:
    return await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    station = await _station(visit)
    enabled = Field(
        "enabled", _("May connect"), "checkbox", "yes" if station.enabled else "", hint=_("else it is refused with 403")
    )
    return [enabled, *(await _common_fields(visit, station)), Field("etag", "", "hidden", station.etag)]


async def _edit(visit: Visit, values: Values) -> Done:
    station = _entered(values, visit["station_id"])
    station.enabled = values.checked("enabled")
    station.etag = values["etag"]
    await visit.citrine.stations.UpdateStation(
        UpdateStationRequest(station=station, update_mask=FieldMask(paths=_EDITED))
    )
    return Done(_("Changed."))


async def _remove(visit: Visit, values: Values) -> Done:
    await visit.citrine.stations.DeleteStation(DeleteStationRequest(station_id=visit["station_id"]))
    return Done(_("{station} is removed.").format(station=visit["station_id"]), goto="/stations")


# Password


async def _password_fields(visit: Visit) -> Sequence[Field]:
    fields = [Field("password", _("Password"), "password", hint=_("16 to 64 characters; empty: one is made"))]
    if visit.session.permissions.has("variables:send"):
        fields += [
            Field("send", _("Send it to the station"), "checkbox"),
            Field("when_online", _("If it is not connected, send it when it is back"), "checkbox"),
        ]
    return fields


async def _password(visit: Visit, values: Values) -> Done:
    request = SetStationPasswordRequest(
        station_id=visit["station_id"],
        password=values["password"],
        send=values.checked("send"),
        when_online=values.checked("send") and values.checked("when_online"),
    )
    answer = await visit.citrine.stations.SetStationPassword(request)
    status = enum_word(answer, "status")
    if not answer.generated_password:
        return Done(_("The password is set.") + (f" {_('The station answered')}: {status}" if status else ""))
    return Done(_("The password is set."), state=status, secret=answer.generated_password)


ACTIONS: list[Action] = [
    dialog.action()
    for dialog in (
        FormDialog(
            path="/new/station",
            title=lambda visit: _("New station"),
            words=lambda visit: _("It may connect from then on. Its address and password are shown once."),
            fields=_create_fields,
            act=_create,
            needs=("CreateStation",),
            submit=lambda visit: _("Create"),
        ),
        FormDialog(
            path="/stations/{station_id}/accept",
            title=lambda visit: _("Accept {station}").format(station=visit["station_id"]),
            words=lambda visit: _(
                "Nobody registered this station. Whoever connected first under this id chose its password: compare "
                "what it says of itself."
            ),
            fields=_accept_fields,
            act=_accept,
            needs=("AcceptStation", "GetStation"),
            submit=lambda visit: _("Accept"),
        ),
        FormDialog(
            path="/stations/{station_id}/edit",
            title=lambda visit: _("Edit {station}").format(station=visit["station_id"]),
            fields=_edit_fields,
            act=_edit,
            needs=("UpdateStation", "GetStation"),
            submit=lambda visit: _("Save"),
        ),
        FormDialog(
            path="/stations/{station_id}/password",
            title=lambda visit: _("New password of {station}").format(station=visit["station_id"]),
            words=lambda visit: _(
                "Without sending it, the station does not learn of it and can't connect again until it is set there. "
                "Sent, its present password is valid until it has taken the new one."
            ),
            fields=_password_fields,
            act=_password,
            needs=("SetStationPassword",),
            submit=lambda visit: _("Set the password"),
            hurts=True,
        ),
        FormDialog(
            path="/stations/{station_id}/remove",
            title=lambda visit: _("Remove {station}").format(station=visit["station_id"]),
            words=lambda visit: _(
                "Its websocket is closed and it is not let in any more. Its connectors, variables and reports are "
                "removed, and commands that wait for it are cancelled. Its transactions are retained."
            ),
            act=_remove,
            needs=("DeleteStation",),
            submit=lambda visit: _("Remove"),
            hurts=True,
        ),
    )
]


def buttons(visit: Visit, *, to_accept: bool) -> list[tuple[str, str]]:
    """Return the buttons of a station's page about its registration: last part of the path, and text."""
    wanted = [
        *([("accept", _("Accept"), "AcceptStation")] if to_accept else []),
        ("edit", _("Edit"), "UpdateStation"),
        ("password", _("New password"), "SetStationPassword"),
        ("remove", _("Remove"), "DeleteStation"),
    ]
    return [(path, text) for path, text, rpc in wanted if visit.may(rpc, "GetStation")]
