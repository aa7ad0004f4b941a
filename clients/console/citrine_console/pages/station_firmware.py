"""Firmware of a station: updates with their states, and what the station said of them."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.firmware_management_pb2 import (
    FirmwareUpdate,
    ListFirmwareStatusesRequest,
    ListFirmwareUpdatesRequest,
)
from citrine_console.cells import Ago, Code, Figure, link, muted, segment, two_lines
from citrine_console.formats import enum_word
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages import firmware_publications
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


async def _updates(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwareUpdatesRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"]
    )
    answer = await visit.citrine.firmware_management.ListFirmwareUpdates(request)
    heads = [
        *(Figure(_("Number")), _("State"), _("Firmware"), _("Before, after"), _("Verified by"), _("Asked for by")),
        *(_("Created"), _("Updated")),
    ]
    rows = [_row(visit, one) for one in answer.updates]
    buttons, empty = action_buttons(visit, "update-firmware"), _("None was asked for.")
    return {
        "cards": [list_card(visit, _("Updates"), heads, rows, answer.next_page_token, buttons=buttons, empty=empty)]
    }


def _row(visit: Visit, one: FirmwareUpdate) -> Sequence[object]:
    campaign = link(f"/campaigns/{segment(one.campaign_id)}", one.campaign_id) if one.campaign_id else ""
    versions = " → ".join(filter(None, (one.version_before, one.version_after)))
    return [
        str(one.request_id),
        [enum_word(one, "state"), muted(one.reason)],
        two_lines(one.firmware_version, Code(one.request.firmware.location), visit.zone),
        [versions, enum_word(one, "version_check")],
        str(enum_word(one, "verification")),
        campaign or one.requested_by,
        Ago(one.create_time),
        Ago(one.update_time),
    ]


async def _statuses(visit: Visit) -> Mapping[str, object]:
    request = ListFirmwareStatusesRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["statuses-page"]
    )
    answer = await visit.citrine.firmware_management.ListFirmwareStatuses(request)
    heads = [_("Time"), _("Status"), Figure(_("Update"))]
    rows = [[one.time, enum_word(one.message, "status"), str(one.request_id or "")] for one in answer.statuses]
    title, empty = _("What it said"), _("It has said nothing.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="statuses", empty=empty)]}


PAGES: list[Page] = [
    tab_page(
        "firmware-updates",
        [
            Region(
                "updates",
                "parts/cards.html",
                _updates,
                kinds=("firmware_update_changed", "command_finished"),
                concerns=of_station,
            ),
            Region(
                "statuses",
                "parts/cards.html",
                _statuses,
                kinds=("firmware_update_changed",),
                concerns=of_station,
                needs=("ListFirmwareStatuses",),
            ),
            firmware_publications.OF_STATION,
        ],
    )
]

ACTIONS: list[Action] = []
