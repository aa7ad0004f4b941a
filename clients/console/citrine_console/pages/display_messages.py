"""Messages on the displays of stations: of all, and those of one station."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.display_message_pb2 import (
    DISPLAY_MESSAGE_STATE_SET,
    ClearDisplayMessageRequest,
    DisplayMessage,
    GetDisplayMessagesRequest,
    ListDisplayMessagesRequest,
)
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine_console.cells import (
    Ago,
    Button,
    Figure,
    muted,
    segment,
    station_link,
    transaction_link,
    two_lines,
)
from citrine_console.filter_forms import Filter, enum_choices, enum_number, filters_region, place_filters
from citrine_console.filters import selector_of
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


def _filters() -> Sequence[Filter]:
    return [Filter("station", _("Station")), *_state_filter(), *place_filters()]


def _state_filter() -> Sequence[Filter]:
    return [Filter("state", _("State"), enum_choices(DisplayMessage, "state"))]


async def _all(visit: Visit) -> Mapping[str, object]:
    return await _messages(visit, visit.query["station"], [])


async def _of_station(visit: Visit) -> Mapping[str, object]:
    buttons = action_buttons(visit, "display-message")
    if visit.may("GetDisplayMessages"):
        buttons.append(Button(f"/stations/{segment(visit['station_id'])}/display/ask", _("Ask for messages")))
    return await _messages(visit, visit["station_id"], buttons)


async def _messages(visit: Visit, station_id: str, buttons: Sequence[Button]) -> Mapping[str, object]:
    answer = await visit.citrine.display_message.ListDisplayMessages(
        ListDisplayMessagesRequest(
            page_size=PAGE_SIZE,
            page_token=visit.query["page"],
            station_id=station_id,
            state=enum_number(DisplayMessage, "state", visit.query["state"]),
            stations=selector_of(visit),
        )
    )
    heads = [
        *(_("Message"), _("Station"), Figure("Id"), _("Priority"), _("While"), _("State"), _("From"), _("Until")),
        *(_("Changed"), ""),
    ]
    rows = [_row(visit, one) for one in answer.display_messages]
    if buttons or "station_id" in visit.parameters:
        heads, rows = [heads[0], *heads[2:]], [[row[0], *row[2:]] for row in rows]
    return {"cards": [list_card(visit, _("Display messages"), heads, rows, answer.next_page_token, buttons=buttons)]}


def _row(visit: Visit, one: DisplayMessage) -> Sequence[object]:
    info = one.message
    clear = f"/stations/{segment(one.station_id)}/display/clear?id={info.id}"
    may_clear = one.state == DISPLAY_MESSAGE_STATE_SET and visit.may("ClearDisplayMessage")
    language = info.message.language
    return [
        two_lines(
            info.message.content, ", ".join(filter(None, (enum_word(info.message, "format"), language))), visit.zone
        ),
        station_link(one.station_id, "display"),
        str(info.id),
        str(enum_word(info, "priority")),
        [str(enum_word(info, "state")), transaction_link(one.station_id, info.transaction_id)],
        [enum_word(one, "state"), muted(one.detail)],
        info.start_date_time if info.HasField("start_date_time") else "",
        info.end_date_time if info.HasField("end_date_time") else "",
        Ago(one.state_time),
        [Button(clear, _("Clear")) if may_clear else ""],
    ]


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _clear_fields(visit: Visit) -> Sequence[Field]:
    return [Field("id", _("Id of the message"), "number", required=True)]


async def _clear(visit: Visit, values: Values) -> Done:
    request = ocpp.ClearDisplayMessageRequest(id=values.number("id"))
    answer = await visit.citrine.display_message.ClearDisplayMessage(
        ClearDisplayMessageRequest(target=_target(visit), request=request)
    )
    return Done.answered(answer.response)


async def _ask(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.display_message.GetDisplayMessages(
        GetDisplayMessagesRequest(target=_target(visit), request=ocpp.GetDisplayMessagesRequest())
    )
    return Done.answered(answer.response)


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/display/clear",
        title=lambda visit: _("Clear a message of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("It is shown no more."),
        fields=_clear_fields,
        act=_clear,
        needs=("ClearDisplayMessage",),
        submit=lambda visit: _("Clear"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/display/ask",
        title=lambda visit: _("Ask {station} for its messages").format(station=visit["station_id"]),
        words=lambda visit: _("The station sends a report; messages show up here as they arrive."),
        act=_ask,
        needs=("GetDisplayMessages",),
        submit=lambda visit: _("Ask"),
    ),
]

_CHANGES = ("display_message_changed", "report_finished")

PAGES: list[Page] = [
    list_page(
        "/display-messages",
        lambda visit: _("Display messages"),
        "ListDisplayMessages",
        _all,
        filters=_filters,
        kinds=_CHANGES,
    ),
    tab_page(
        "display",
        [
            filters_region(_state_filter),
            Region("messages", "parts/cards.html", _of_station, kinds=_CHANGES, concerns=of_station, every=60),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
