"""Certificates of a station: those it has logged in with, those issued here, those it has installed, its orders."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from citrine.api.v1.certificates_pb2 import (
    DeleteCertificateRequest,
    GetInstalledCertificateIdsRequest,
    InstallCertificateRequest,
    InstalledCertificate,
    ListInstalledCertificatesRequest,
)
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.security_pb2 import (
    IssuedCertificate,
    ListCertificateOrdersRequest,
    ListIssuedCertificatesRequest,
    RevokeIssuedCertificateRequest,
)
from citrine.api.v1.stations_pb2 import GetStationRequest, RevokeStationCertificateRequest
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine_console.cells import Ago, Button, Card, Code, badge, muted, segment, table, two_lines
from citrine_console.filter_forms import enum_choices, enum_number
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import STATION_EVENTS, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_sdk import pages

__all__ = ["ACTIONS", "PAGES"]

_HASH_DATA = ("hash_algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number")
"""What names a certificate to a station. A serial number is that of its issuer only."""


def _base(visit: Visit) -> str:
    return f"/stations/{segment(visit['station_id'])}/certificates"


async def _installed(visit: Visit) -> Mapping[str, object]:
    request = ListInstalledCertificatesRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"]
    )
    answer = await visit.citrine.certificates.ListInstalledCertificates(request)
    heads = [_("Subject"), _("Kind"), _("Serial number"), _("Expires"), _("Installed by"), _("Reported"), ""]
    rows = [_installed_row(visit, one) for one in answer.installed_certificates]
    buttons = []
    if visit.may("GetInstalledCertificateIds"):
        buttons.append(Button(f"{_base(visit)}/ask", _("Ask for them")))
    if visit.may("InstallCertificate"):
        buttons.append(Button(f"{_base(visit)}/install", _("Install one")))
    title, empty = _("Installed certificates"), _("None are known.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, buttons=buttons, empty=empty)]}


def _installed_row(visit: Visit, one: InstalledCertificate) -> Sequence[object]:
    data = one.certificate_hash_data
    remove = f"{_base(visit)}/delete?{urlencode(_hash_data(one))}"
    return [
        two_lines(one.subject or _("unknown here"), Code(one.fingerprint[:16]), visit.zone),
        str(enum_word(one, "certificate_type")),
        Code(data.serial_number),
        one.valid_to if one.HasField("valid_to") else "",
        [one.requested_by, Ago(one.install_time) if one.HasField("install_time") else ""],
        Ago(one.report_time) if one.HasField("report_time") else "",
        [Button(remove, _("Delete")) if visit.may("DeleteCertificate") else ""],
    ]


def _hash_data(one: InstalledCertificate) -> dict[str, str]:
    data = one.certificate_hash_data
    words = {name: str(getattr(data, name)) for name in _HASH_DATA}
    return words | {"hash_algorithm": str(enum_word(data, "hash_algorithm"))}


async def _logins(visit: Visit) -> Mapping[str, object]:
    station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))
    heads = [_("Subject"), _("Issuer"), _("SHA-256"), _("Expires"), _("First used"), _("State"), ""]
    may = visit.may("RevokeStationCertificate")
    rows = [
        [
            one.subject,
            one.issuer,
            Code(one.sha256[:16]),
            one.valid_to,
            one.first_use_time,
            badge(_("revoked"), "bad") if one.HasField("revoke_time") else "",
            [
                Button(f"{_base(visit)}/revoke?sha256={one.sha256}", _("Revoke"))
                if may and not one.HasField("revoke_time")
                else ""
            ],
        ]
        for one in station.certificates
    ]
    body = table(visit.zone, _("Logged in with"), heads, rows, empty=_("It has logged in with none."))
    return {"cards": [Card(_("Logged in with"), body)]}


async def _issued(visit: Visit) -> Mapping[str, object]:
    request = ListIssuedCertificatesRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["issued-page"]
    )
    answer = await visit.citrine.security.ListIssuedCertificates(request)
    heads = [_("Name"), _("Kind"), _("Serial number"), _("State"), _("Valid until"), _("Used"), _("Renewed from"), ""]
    rows = [_issued_row(visit, one) for one in answer.issued_certificates]
    title, empty = _("Issued here"), _("None was issued here.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="issued", empty=empty)]}


def _issued_row(visit: Visit, one: IssuedCertificate) -> Sequence[object]:
    path = f"{_base(visit)}/revoke-issued?fingerprint={one.fingerprint}"
    may = visit.may("RevokeIssuedCertificate") and not one.HasField("revoke_time")
    return [
        two_lines(one.common_name, Code(one.fingerprint[:16]), visit.zone),
        str(enum_word(one, "certificate_type")),
        Code(one.serial_number),
        enum_word(one, "state"),
        one.valid_to,
        Ago(one.use_time) if one.HasField("use_time") else "",
        one.renew_time if one.HasField("renew_time") else "",
        [Button(path, _("Revoke")) if may else ""],
    ]


async def _orders(visit: Visit) -> Mapping[str, object]:
    request = ListCertificateOrdersRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["orders-page"]
    )
    answer = await visit.citrine.security.ListCertificateOrders(request)
    heads = [_("Order"), _("Kind"), _("Name"), _("State"), _("Created"), _("Next step"), _("Finished")]
    rows = [
        [
            Code(one.order_id[:13]),
            str(enum_word(one, "certificate_type")),
            one.common_name,
            [enum_word(one, "state"), muted(one.reason)],
            Ago(one.create_time),
            one.next_time if one.HasField("next_time") else "",
            Ago(one.finish_time) if one.HasField("finish_time") else "",
        ]
        for one in answer.certificate_orders
    ]
    title, empty = _("Orders"), _("It has ordered none.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="orders", empty=empty)]}


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _ask(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.certificates.GetInstalledCertificateIds(
        GetInstalledCertificateIdsRequest(target=_target(visit), request=ocpp.GetInstalledCertificateIdsRequest())
    )
    return Done.answered(answer.response)


async def _install_fields(visit: Visit) -> Sequence[Field]:
    kinds = enum_choices(ocpp.InstallCertificateRequest, "certificate_type")
    return [
        Field("certificate_type", _("Kind"), "select", choices=kinds),
        Field("certificate", _("Certificate"), "textarea", hint="PEM", required=True, attributes={"rows": "10"}),
    ]


async def _install(visit: Visit, values: Values) -> Done:
    request = ocpp.InstallCertificateRequest(
        certificate_type=enum_number(ocpp.InstallCertificateRequest, "certificate_type", values["certificate_type"]),
        certificate=values["certificate"],
    )
    answer = await visit.citrine.certificates.InstallCertificate(
        InstallCertificateRequest(target=_target(visit), request=request)
    )
    return Done.answered(answer.response)


async def _delete_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("serial_number", _("Serial number"), required=True),
        Field("issuer_name_hash", _("Hash of its issuer's name"), hint=_("needed where several have the number")),
        Field("issuer_key_hash", "", "hidden"),
        Field("hash_algorithm", "", "hidden"),
        Field("force", _("Also the last root that it trusts us by"), "checkbox"),
    ]


async def _delete(visit: Visit, values: Values) -> Done:
    listed = ListInstalledCertificatesRequest(station_id=visit["station_id"], serial_number=values["serial_number"])
    # One certificate may be there by several types, and is deleted by its hash data as one.
    found: dict[tuple[str, ...], InstalledCertificate] = {}
    async for page in pages(visit.citrine.certificates.ListInstalledCertificates, listed):
        for one in page.installed_certificates:
            data = _hash_data(one)
            if all(not values[name] or values[name].lower() == data[name].lower() for name in _HASH_DATA):
                found[tuple(data.values())] = one
    if not found:
        raise Wrong("serial_number", _("It has none with this number."))
    if len(found) > 1:
        raise Wrong("serial_number", _("It has several with this number: delete one by its button in the table."))
    (chosen,) = found.values()
    request = ocpp.DeleteCertificateRequest(certificate_hash_data=chosen.certificate_hash_data)
    answer = await visit.citrine.certificates.DeleteCertificate(
        DeleteCertificateRequest(target=_target(visit), request=request, force=values.checked("force"))
    )
    return Done.answered(answer.response)


async def _revoke(visit: Visit, values: Values) -> Done:
    request = RevokeStationCertificateRequest(station_id=visit["station_id"], certificate_sha256=values["sha256"])
    await visit.citrine.stations.RevokeStationCertificate(request)
    return Done(_("The certificate is revoked."))


async def _revoke_issued(visit: Visit, values: Values) -> Done:
    request = RevokeIssuedCertificateRequest(station_id=visit["station_id"], fingerprint=values["fingerprint"])
    await visit.citrine.security.RevokeIssuedCertificate(request)
    return Done(_("The certificate is revoked."))


async def _sha256_field(visit: Visit) -> Sequence[Field]:
    return [Field("sha256", "SHA-256", required=True)]


async def _fingerprint_field(visit: Visit) -> Sequence[Field]:
    return [Field("fingerprint", _("Fingerprint"), required=True)]


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/certificates/ask",
        title=lambda visit: _("Ask {station} for its certificates").format(station=visit["station_id"]),
        act=_ask,
        needs=("GetInstalledCertificateIds",),
        submit=lambda visit: _("Ask"),
    ),
    FormDialog(
        path="/stations/{station_id}/certificates/install",
        title=lambda visit: _("Install a certificate at {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station trusts whatever this certificate signs."),
        fields=_install_fields,
        act=_install,
        needs=("InstallCertificate",),
        submit=lambda visit: _("Install"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/certificates/delete",
        title=lambda visit: _("Delete a certificate of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station trusts what it signed no more."),
        fields=_delete_fields,
        act=_delete,
        needs=("DeleteCertificate", "ListInstalledCertificates"),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/certificates/revoke",
        title=lambda visit: _("Revoke a certificate of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station can't connect with it any more; its connection is closed."),
        fields=_sha256_field,
        act=_revoke,
        needs=("RevokeStationCertificate",),
        submit=lambda visit: _("Revoke"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/certificates/revoke-issued",
        title=lambda visit: _("Revoke a certificate that was issued here"),
        words=lambda visit: _("The station can't connect with it any more; it has to order another one."),
        fields=_fingerprint_field,
        act=_revoke_issued,
        needs=("RevokeIssuedCertificate",),
        submit=lambda visit: _("Revoke"),
        hurts=True,
    ),
]

_ORDERS = ("certificate_order_changed", "certificate_expiring")

PAGES: list[Page] = [
    tab_page(
        "certificates",
        [
            Region("logins", "parts/cards.html", _logins, kinds=STATION_EVENTS, concerns=of_station),
            Region(
                "installed",
                "parts/cards.html",
                _installed,
                kinds=("installed_certificate_changed", "command_finished"),
                concerns=of_station,
            ),
            Region(
                "issued",
                "parts/cards.html",
                _issued,
                kinds=(*_ORDERS, "station_connected"),
                concerns=of_station,
                needs=("ListIssuedCertificates",),
            ),
            Region(
                "orders",
                "parts/cards.html",
                _orders,
                kinds=_ORDERS,
                concerns=of_station,
                needs=("ListCertificateOrders",),
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
