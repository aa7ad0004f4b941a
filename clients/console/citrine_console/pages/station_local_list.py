"""The local authorization list of a station: which tokens it should know while it is away, and which it knows."""

from collections.abc import Mapping, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.local_auth_list_pb2 import (
    GetLocalListRequest,
    ListLocalListEntriesRequest,
    LocalList,
    LocalListEntry,
    UpdateLocalListRequest,
)
from citrine_console.cells import Button, Card, Code, badge, facts, segment
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


async def _get(visit: Visit) -> LocalList:
    request = GetLocalListRequest(station_id=visit["station_id"])
    return await visit.citrine.local_auth_list.GetLocalList(request)


async def _list(visit: Visit) -> Mapping[str, object]:
    one = await _get(visit)
    pairs = [
        (_("State"), enum_word(one, "state")),
        (_("Problem"), one.problem),
        (_("Kept in step"), one.keep_in_step),
        (_("Version that it confirmed"), str(one.version) if one.HasField("version") else ""),
        (_("Version sent"), str(one.sent_version or "")),
        (_("Entries"), one.entries),
        (_("Differences"), str(one.differences)),
        (_("Groups of tokens"), ", ".join(one.group_ids) or _("all")),
        (_("Refused tokens are on it"), one.include_refused),
        (_("Confirmed"), one.confirm_time if one.HasField("confirm_time") else ""),
    ]
    buttons = action_buttons(visit, "sync-local-list")
    if visit.may("UpdateLocalList"):
        path = f"/stations/{segment(visit['station_id'])}/local-list/edit"
        buttons.append(Button(path, _("What is on it")))
    return {"cards": [Card(_("Local list"), facts(visit.zone, pairs), buttons)]}


async def _entries(visit: Visit) -> Mapping[str, object]:
    answer = await visit.citrine.local_auth_list.ListLocalListEntries(
        ListLocalListEntriesRequest(
            station_id=visit["station_id"],
            page_size=PAGE_SIZE,
            page_token=visit.query["page"],
            differences_only=bool(visit.query["differences"]),
        )
    )
    base = f"/stations/{segment(visit['station_id'])}/local-list"
    only = bool(visit.query["differences"])
    other = Button(
        base if only else f"{base}?differences=yes", _("All") if only else _("Only differences"), is_page=True
    )
    heads = [_("Token"), _("Type"), _("Should be"), _("Is"), _("Difference")]
    rows = [_row(one) for one in answer.entries]
    return {"cards": [list_card(visit, _("Entries"), heads, rows, answer.next_page_token, buttons=[other])]}


def _row(one: LocalListEntry) -> Sequence[object]:
    wanted = enum_word(one.wanted, "status") if one.HasField("wanted") else _("not on it")
    held = enum_word(one.held, "status") if one.HasField("held") else _("not on it")
    differs = one.HasField("wanted") != one.HasField("held") or one.wanted != one.held
    return [
        Code(one.id_token.id_token),
        one.id_token.type,
        wanted,
        held,
        badge(_("differs"), "warn") if differs else "",
    ]


async def _fields(visit: Visit) -> Sequence[Field]:
    one = await _get(visit)
    return [
        Field("keep_in_step", _("Keep it in step with the tokens"), "checkbox", "yes" if one.keep_in_step else ""),
        Field("groups", _("Only tokens of these groups"), value=", ".join(one.group_ids), hint=_("divided by commas")),
        Field("include_refused", _("Refused tokens too"), "checkbox", "yes" if one.include_refused else ""),
    ]


async def _edit(visit: Visit, values: Values) -> Done:
    local_list = LocalList(
        station_id=visit["station_id"],
        keep_in_step=values.checked("keep_in_step"),
        group_ids=[text.strip() for text in values["groups"].split(",") if text.strip()],
        include_refused=values.checked("include_refused"),
    )
    mask = FieldMask(paths=["keep_in_step", "group_ids", "include_refused"])
    await visit.citrine.local_auth_list.UpdateLocalList(UpdateLocalListRequest(local_list=local_list, update_mask=mask))
    return Done(_("Saved."))


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/local-list/edit",
        title=lambda visit: _("Local list of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("A list that is kept in step is sent whenever tokens change."),
        fields=_fields,
        act=_edit,
        needs=("UpdateLocalList", "GetLocalList"),
        submit=lambda visit: _("Save"),
    )
]

PAGES: list[Page] = [
    tab_page(
        "local-list",
        [
            Region(
                "local-list", "parts/cards.html", _list, kinds=("local_list_changed",), concerns=of_station, every=60
            ),
            Region(
                "entries",
                "parts/cards.html",
                _entries,
                kinds=("local_list_changed",),
                concerns=of_station,
                needs=("ListLocalListEntries",),
                every=60,
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
