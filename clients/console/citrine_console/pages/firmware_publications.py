"""Publications of firmware by local controllers: those of all, those of one, and each with what was said of it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from markupsafe import Markup

from citrine.api.v1.firmware_management_pb2 import (
    PUBLICATION_STATE_PUBLISHED,
    FirmwarePublication,
    GetFirmwarePublicationRequest,
    ListFirmwarePublicationsRequest,
    ListFirmwarePublicationStatusesRequest,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.cells import (
    Ago,
    Button,
    Card,
    Code,
    Figure,
    facts,
    link,
    muted,
    segment,
    shown,
    station_link,
    two_lines,
)
from citrine_console.errors import NotShown
from citrine_console.filter_forms import Filter, enum_choices, enum_number, place_filters
from citrine_console.filters import selector_of
from citrine_console.formats import enum_word
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import action_buttons
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "OF_STATION", "PAGES"]

_KINDS = ("firmware_publication_changed",)

_OF_STATION = "publications"
"""Name of the list where it is of one local controller."""


_MAX_REQUEST_ID = 2**31 - 1
"""Largest number that a publication may have."""


def _path(one: FirmwarePublication) -> str:
    return f"/firmware-publications/{segment(one.station_id)}/{one.request_id}"


def _request_id(visit: Visit) -> int:
    number = int(visit["request_id"])
    if number > _MAX_REQUEST_ID:
        raise NotShown
    return number


async def _all(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwarePublicationsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        station_id=visit.query["station"],
        state=enum_number(FirmwarePublication, "state", visit.query["state"]),
        stations=selector_of(visit),
    )
    answer = await visit.citrine.firmware_management.ListFirmwarePublications(request)
    heads = [_("Firmware"), _("Local controller"), *_heads()]
    rows = [
        [first, station_link(one.station_id, "firmware-updates"), *others]
        for one in answer.publications
        for first, *others in [_row(visit, one)]
    ]
    hint = _("A local controller publishes firmware to the stations behind it: it is asked on its page, at Firmware.")
    return {"cards": [list_card(visit, _("Publications"), heads, rows, answer.next_page_token, hint=hint)]}


async def _of_one(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwarePublicationsRequest(
        page_size=PAGE_SIZE, page_token=visit.query[f"{_OF_STATION}-page"], station_id=visit["station_id"]
    )
    answer = await visit.citrine.firmware_management.ListFirmwarePublications(request)
    rows = [_row(visit, one) for one in answer.publications]
    card = list_card(
        visit,
        _("Published to stations behind it"),
        [_("Firmware"), *_heads()],
        rows,
        answer.next_page_token,
        name=_OF_STATION,
        buttons=action_buttons(visit, "publish-firmware", "unpublish-firmware"),
        empty=_("None was asked for. Only local controllers can do it."),
    )
    return {"cards": [card]}


def _heads() -> list[str]:
    return [Figure(_("Number")), _("State"), _("Found at"), _("Created"), _("Updated")]


def _firmware(one: FirmwarePublication) -> Markup:
    text = one.request.location or _("not asked for here")
    return Markup('<span class="long">{}</span>').format(link(_path(one), text))


def _row(visit: Visit, one: FirmwarePublication) -> Sequence[object]:
    return [
        two_lines(_firmware(one), Code(one.checksum), visit.zone),
        str(one.request_id),
        [enum_word(one, "state"), muted(one.reason)],
        [Code(place) for place in one.locations],
        Ago(one.create_time),
        Ago(one.update_time),
    ]


async def _publication(visit: Visit) -> Mapping[str, object]:
    one = await visit.citrine.firmware_management.GetFirmwarePublication(
        GetFirmwarePublicationRequest(station_id=visit["station_id"], request_id=_request_id(visit))
    )
    buttons = []
    if one.state == PUBLICATION_STATE_PUBLISHED and one.checksum and visit.may("UnpublishFirmware"):
        query = urlencode({"checksum": one.checksum})
        buttons.append(Button(f"/stations/{segment(one.station_id)}/unpublish-firmware?{query}", _("Withdraw it")))
    asked = one.request
    pairs = [
        (_("Local controller"), station_link(one.station_id, "firmware-updates")),
        (_("State"), [enum_word(one, "state"), muted(one.reason)]),
        (_("From"), Code(asked.location) if asked.location else ""),
        ("MD5", Code(one.checksum) if one.checksum else ""),
        (_("Found at"), shown([Code(place) for place in one.locations], visit.zone)),
        (_("Further attempts"), asked.retries if asked.HasField("retries") else ""),
        (_("Command"), link(f"/commands/{segment(one.command_id)}", one.command_id) if one.command_id else ""),
        (_("Asked for by"), one.requested_by),
        (_("Created"), one.create_time),
        (_("Updated"), one.update_time),
        (_("Unknown from"), one.deadline_time if one.HasField("deadline_time") else ""),
        (_("Finished"), one.finish_time if one.HasField("finish_time") else ""),
    ]
    title = _("Publication {number}").format(number=one.request_id)
    return {"cards": [Card(title, facts(visit.zone, pairs), buttons)]}


async def _statuses(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwarePublicationStatusesRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        station_id=visit["station_id"],
        request_id=_request_id(visit),
    )
    answer = await visit.citrine.firmware_management.ListFirmwarePublicationStatuses(request)
    rows = [[one.time, enum_word(one.message, "status")] for one in answer.statuses]
    title, empty = _("What it said"), _("It has said nothing.")
    return {"cards": [list_card(visit, title, [_("Time"), _("Status")], rows, answer.next_page_token, empty=empty)]}


def _of_publication(visit: Visit, event: Event) -> bool:
    number = event.firmware_publication_changed.request_id
    return of_station(visit, event) and str(number) == visit["request_id"]


OF_STATION = Region(
    "publications",
    "parts/cards.html",
    _of_one,
    kinds=_KINDS,
    concerns=of_station,
    needs=("ListFirmwarePublications",),
)
"""The region of a page of a station that has what it published."""

PAGES: list[Page] = [
    list_page(
        "/firmware-publications",
        lambda visit: _("Publications of firmware"),
        "ListFirmwarePublications",
        _all,
        section="campaigns",
        filters=lambda: [
            Filter("station", _("Local controller")),
            Filter("state", _("State"), enum_choices(FirmwarePublication, "state")),
            *place_filters(),
        ],
        kinds=_KINDS,
    ),
    Page(
        path="/firmware-publications/{station_id}/{request_id:int}",
        title=lambda visit: _("Publication of firmware by {station}").format(station=visit["station_id"]),
        template="parts/page.html",
        section="campaigns",
        needs=("GetFirmwarePublication", "ListFirmwarePublicationStatuses"),
        regions=[
            Region(
                "publication", "parts/cards.html", _publication, kinds=_KINDS, concerns=_of_publication, is_main=True
            ),
            Region("statuses", "parts/cards.html", _statuses, kinds=_KINDS, concerns=_of_publication),
        ],
    ),
]

ACTIONS: list[Action] = []
