"""Certificates of authorities: which ones the tenant knows, and what each is used for."""

from collections.abc import Mapping, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.certificate_store_pb2 import (
    CERTIFICATE_USE_UNSPECIFIED,
    CertificateUse,
    CreateStoredCertificateRequest,
    DeleteStoredCertificateRequest,
    GetStoredCertificateRequest,
    ListStoredCertificatesRequest,
    StoredCertificate,
    UpdateStoredCertificateRequest,
)
from citrine_console.cells import Button, Card, Code, facts, link, table, two_lines
from citrine_console.filter_forms import Filter
from citrine_console.forms import Choice, Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_words.enums import words_of

__all__ = ["ACTIONS", "PAGES"]

_USES = words_of(CertificateUse.items(), "CERTIFICATE_USE_")

_NAMES: Mapping[str, str] = {
    "csms-root": noop("Root of this CSMS: stations verify it by this one"),
    "manufacturer-root": noop("Root of signatures of firmware"),
    "v2g-root": noop("V2G root of ISO 15118"),
    "mo-root": noop("Root of a mobility operator"),
    "oem-root": noop("Root of a manufacturer of vehicles"),
    "station-ca": noop("Signs certificates of stations"),
}
"""What each use is, by its word."""


def _choices() -> list[Choice]:
    return [(word, _(_NAMES[word]) if word in _NAMES else word) for word in _USES]


def _words(one: StoredCertificate) -> str:
    return ", ".join(word for word, use in _USES.items() if use in one.uses)


async def _certificates(visit: Visit) -> Mapping[str, object]:
    request = ListStoredCertificatesRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        use=_USES.get(visit.query["use"], CERTIFICATE_USE_UNSPECIFIED),
    )
    answer = await visit.citrine.certificate_store.ListStoredCertificates(request)
    heads = [_("Subject"), _("Used as"), _("Issuer"), _("Valid until"), _("Description")]
    rows = [
        [
            two_lines(link(f"/certificates/{one.fingerprint}", one.subject), Code(one.fingerprint[:16]), visit.zone),
            _words(one),
            _("itself") if one.root else one.issuer,
            one.valid_to,
            one.description,
        ]
        for one in answer.certificates
    ]
    buttons = [Button("/certificates/add", _("Add a certificate"))] if visit.may("CreateStoredCertificate") else []
    title, hint = _("Certificates"), _("Those first that expire first.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, buttons=buttons, hint=hint)]}


async def _get(visit: Visit) -> StoredCertificate:
    request = GetStoredCertificateRequest(fingerprint=visit["fingerprint"])
    return await visit.citrine.certificate_store.GetStoredCertificate(request)


async def _certificate(visit: Visit) -> Mapping[str, object]:
    one = await _get(visit)
    path = f"/certificates/{one.fingerprint}"
    buttons = []
    if visit.may("UpdateStoredCertificate"):
        buttons.append(Button(f"{path}/edit", _("Change")))
    if visit.may("DeleteStoredCertificate"):
        buttons.append(Button(f"{path}/remove", _("Remove")))
    pairs = [
        (_("Used as"), _words(one)),
        (_("Issuer"), _("itself") if one.root else one.issuer),
        (_("Serial number"), Code(one.serial_number)),
        (_("SHA-256"), Code(one.fingerprint)),
        (_("Valid from"), one.valid_from),
        (_("Valid until"), one.valid_to),
        (_("Description"), one.description),
        (_("Stored"), one.create_time),
    ]
    rows = [[word, name] for word, name in _choices() if _USES[word] in one.uses]
    uses = table(visit.zone, _("Used as"), [_("Used as"), _("Meaning")], rows)
    return {"cards": [Card(one.subject, facts(visit.zone, pairs), buttons), Card(_("Used as"), uses)], "pem": one.pem}


def _use_fields(one: StoredCertificate) -> list[Field]:
    chosen = "\n".join(word for word, use in _USES.items() if use in one.uses)
    return [
        Field("uses", _("Used as"), "checks", value=chosen, choices=_choices()),
        Field("description", _("Description"), value=one.description, attributes={"maxlength": "255"}),
    ]


async def _add_fields(visit: Visit) -> Sequence[Field]:
    pem = Field("pem", _("Certificate"), "textarea", hint="PEM", required=True, attributes={"rows": "10"})
    return [pem, *_use_fields(StoredCertificate())]


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    one = await _get(visit)
    return [*_use_fields(one), Field("etag", "", "hidden", one.etag)]


def _entered(values: Values) -> StoredCertificate:
    uses = [_USES[word] for word in values.all("uses") if word in _USES]
    return StoredCertificate(uses=uses, description=values["description"])


async def _add(visit: Visit, values: Values) -> Done:
    certificate = _entered(values)
    certificate.pem = values["pem"].replace("\r\n", "\n")
    request = CreateStoredCertificateRequest(certificate=certificate)
    stored = await visit.citrine.certificate_store.CreateStoredCertificate(request)
    return Done(_("The certificate is stored."), goto=f"/certificates/{stored.fingerprint}")


async def _edit(visit: Visit, values: Values) -> Done:
    certificate = _entered(values)
    certificate.fingerprint, certificate.etag = visit["fingerprint"], values["etag"]
    mask = FieldMask(paths=["uses", "description"])
    request = UpdateStoredCertificateRequest(certificate=certificate, update_mask=mask)
    await visit.citrine.certificate_store.UpdateStoredCertificate(request)
    return Done(_("The certificate is changed."))


async def _remove(visit: Visit, values: Values) -> Done:
    request = DeleteStoredCertificateRequest(fingerprint=visit["fingerprint"])
    await visit.citrine.certificate_store.DeleteStoredCertificate(request)
    return Done(_("The certificate is removed."), goto="/certificates")


_DIALOGS = [
    FormDialog(
        path="/certificates/add",
        title=lambda visit: _("Add a certificate of an authority"),
        words=lambda visit: _("What it signed is trusted for the uses that are chosen, within a minute."),
        fields=_add_fields,
        act=_add,
        needs=("CreateStoredCertificate",),
        submit=lambda visit: _("Add"),
        hurts=True,
    ),
    FormDialog(
        path="/certificates/{fingerprint}/edit",
        title=lambda visit: _("Change what a certificate is used as"),
        words=lambda visit: _("Cores follow within a minute."),
        fields=_edit_fields,
        act=_edit,
        needs=("UpdateStoredCertificate", "GetStoredCertificate"),
        submit=lambda visit: _("Change"),
        hurts=True,
    ),
    FormDialog(
        path="/certificates/{fingerprint}/remove",
        title=lambda visit: _("Remove a certificate of an authority"),
        words=lambda visit: _(
            "Nothing is trusted here because of it any more, within a minute. Stations that have it retain it."
        ),
        act=_remove,
        needs=("DeleteStoredCertificate",),
        submit=lambda visit: _("Remove"),
        hurts=True,
    ),
]

PAGES: list[Page] = [
    list_page(
        "/certificates",
        lambda visit: _("Certificates of authorities"),
        "ListStoredCertificates",
        _certificates,
        filters=lambda: [Filter("use", _("Used as"), _choices())],
        every=WITHOUT_EVENT,
    ),
    Page(
        path="/certificates/{fingerprint}",
        title=lambda visit: _("Certificate of an authority"),
        template="parts/page.html",
        section="certificates",
        needs=("GetStoredCertificate",),
        regions=[Region("certificate", "certificates/one.html", _certificate, is_main=True, every=WITHOUT_EVENT)],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
