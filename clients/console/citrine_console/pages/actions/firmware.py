"""Firmware of a station, and what a local controller publishes to the stations behind it."""

from collections.abc import Sequence

from citrine.api.v1 import firmware_management_pb2 as firmware
from citrine.api.v1.stations_pb2 import Station
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp_firmware
from citrine_console.forms import Field, Values
from citrine_console.pages.actions.station_action import StationAction, entered_time, ocpp
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS"]


async def _firmware_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    when = _("empty: now; in {zone}").format(zone=visit.zone.key)
    return [
        Field("location", _("Where the station gets it"), required=True, hint=_("a URL of https, ftps, sftp, …")),
        Field("firmware_version", _("Version"), hint=_("that it boots with then"), attributes={"maxlength": "50"}),
        Field("retrieve", _("Retrieve from"), "datetime", hint=when),
        Field("install", _("Install from"), "datetime", hint=_("empty: as soon as it is there")),
        Field("signing_certificate", _("Signing certificate"), "textarea", hint=_("PEM; with a signature")),
        Field("signature", _("Signature"), "textarea", hint="Base64", attributes={"rows": "3"}),
        Field("sha256", _("SHA-256 of the file"), hint=_("64 hexadecimal digits: the signature is verified by it")),
        Field("skip_signature", _("Leave the verification to the station"), "checkbox"),
    ]


def _firmware(values: Values) -> firmware.UpdateFirmwareRequest:
    file = {
        "location": values["location"],
        "retrieveDateTime": entered_time(values, "retrieve"),
        "installDateTime": entered_time(values, "install"),
        "signingCertificate": values["signing_certificate"].replace("\r\n", "\n") or None,
        "signature": "".join(values["signature"].split()) or None,
    }
    return firmware.UpdateFirmwareRequest(
        request=ocpp(ocpp_firmware.UpdateFirmwareRequest, {"requestId": 0, "firmware": file}),
        firmware_version=values["firmware_version"],
        sha256=values["sha256"].lower(),
        skip_signature=values.checked("skip_signature"),
    )


def _checksum_field() -> Field:
    attributes = {"minlength": "32", "maxlength": "32", "spellcheck": "false"}
    return Field(
        "checksum", _("MD5 of the file"), required=True, hint=_("32 hexadecimal digits"), attributes=attributes
    )


async def _publish_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        Field("location", _("Where it gets the file"), required=True, hint=_("a URL of https, ftps, sftp, …")),
        _checksum_field(),
        Field("retries", _("Further attempts"), "number", hint=_("optional"), attributes={"min": "0"}),
        Field("retry_interval", _("Seconds between them"), "number", hint=_("optional"), attributes={"min": "0"}),
    ]


def _publish(values: Values) -> firmware.PublishFirmwareRequest:
    payload = {
        "requestId": 0,
        "location": values["location"],
        "checksum": values["checksum"].lower(),
        "retries": values.number("retries") if values["retries"] else None,
        "retryInterval": values.number("retry_interval") if values["retry_interval"] else None,
    }
    return firmware.PublishFirmwareRequest(request=ocpp(ocpp_firmware.PublishFirmwareRequest, payload))


async def _unpublish_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [_checksum_field()]


def _unpublish(values: Values) -> firmware.UnpublishFirmwareRequest:
    payload = {"checksum": values["checksum"].lower()}
    return firmware.UnpublishFirmwareRequest(request=ocpp(ocpp_firmware.UnpublishFirmwareRequest, payload))


ACTIONS = [
    StationAction(
        "update-firmware",
        noop("Update firmware"),
        noop("Update the firmware of {station}"),
        "UpdateFirmware",
        "firmware_management",
        _firmware,
        _firmware_fields,
        words=noop("The station downloads and installs it, and is out of service while it restarts."),
        hurts=True,
        operation="update_firmware",
        many=noop("Update the firmware of {stations}"),
    ),
    StationAction(
        "publish-firmware",
        noop("Publish firmware"),
        noop("Have {station} publish firmware"),
        "PublishFirmware",
        "firmware_management",
        _publish,
        _publish_fields,
        words=noop("For a local controller: it downloads the file, and offers it to the stations behind it."),
        is_in_menu=False,
    ),
    StationAction(
        "unpublish-firmware",
        noop("Withdraw firmware"),
        noop("Have {station} withdraw firmware"),
        "UnpublishFirmware",
        "firmware_management",
        _unpublish,
        _unpublish_fields,
        words=noop("Stations behind it can't download the file from it any more."),
        hurts=True,
        is_in_menu=False,
    ),
]
