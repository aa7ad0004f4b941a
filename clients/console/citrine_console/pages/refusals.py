"""Messages of stations that were refused, dropped, mended or tolerated, and those that are held back."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from citrine.api.v1.poisoned_messages_pb2 import (
    DeletePoisonedMessageRequest,
    GetPoisonedMessageRequest,
    ListPoisonedMessagesRequest,
    PoisonedMessage,
    RunPoisonedMessageRequest,
)
from citrine.api.v1.refusals_pb2 import ForgetRefusalsRequest, ListRefusalsRequest, Refusal
from citrine_console.cells import Ago, Button, Code, Figure, segment, station_link, two_lines
from citrine_console.filter_forms import (
    Filter,
    enum_choices,
    enum_number,
    place_filters,
    time_filters,
)
from citrine_console.filters import selector_of, time_range
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.tolerance_kinds import kind_words, refusal_words

__all__ = ["ACTIONS", "PAGES"]


def _filters() -> Sequence[Filter]:
    return [
        Filter("station", _("Station")),
        Filter("outcome", _("What became of it"), enum_choices(Refusal, "outcome")),
        Filter("action", _("Message"), placeholder="StatusNotification"),
        *time_filters(),
        *place_filters(),
    ]


async def _refusals(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    answer = await visit.citrine.refusals.ListRefusals(
        ListRefusalsRequest(
            page_size=PAGE_SIZE,
            page_token=query["page"],
            station_id=query["station"],
            action=query["action"],
            outcome=enum_number(Refusal, "outcome", query["outcome"]),
            last_time=time_range(visit),
            stations=selector_of(visit),
        )
    )
    heads = [
        *(_("Message"), _("Station"), _("Outcome"), _("Problem"), Figure(_("Times"))),
        *(_("First"), _("Last"), _("Passes with"), ""),
    ]
    rows = [_row(visit, one) for one in answer.refusals]
    buttons = []
    if visit.may("ListToleranceRules"):
        buttons.append(Button("/tolerance-rules", _("Tolerance rules"), is_page=True))
    if visit.may("ForgetRefusals") and query["station"]:
        buttons += [Button(f"/refused/forget?station={segment(query['station'])}", _("Forget those of the station"))]
    title = _("Messages that break the schema")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, buttons=buttons)]}


def _row(visit: Visit, one: Refusal) -> Sequence[object]:
    problem = " ".join(filter(None, (one.code, one.path)))
    return [
        refusal_words(one),
        station_link(one.station_id),
        enum_word(one, "outcome"),
        two_lines(one.description, Code(problem), visit.zone),
        one.count,
        Ago(one.first_time),
        Ago(one.last_time),
        kind_words(one.remedies),
        [_accept(one) if one.remedies and one.action and visit.may("SetToleranceRule", "GetToleranceRule") else ""],
    ]


def _accept(one: Refusal) -> Button:
    """Return the button of the rule by which such messages pass."""
    kinds = "\n".join(kind_words(one.remedies).split())
    query = urlencode({"station": one.station_id, "actions": one.action, "kinds": kinds})
    return Button(f"/tolerance-rules/new?{query}", _("Accept"))


async def _poisoned(visit: Visit) -> Mapping[str, object]:
    request = ListPoisonedMessagesRequest(
        page_size=PAGE_SIZE, page_token=visit.query["held-back-page"], station_id=visit.query["station"]
    )
    answer = await visit.citrine.poisoned_messages.ListPoisonedMessages(request)
    heads = [_("Message"), _("Station"), _("Error"), _("Received"), ""]
    rows = [_poisoned_row(visit, one) for one in answer.messages]
    title = _("Messages that could not be processed")
    hint = _("They were stored, and answered with an error. Run one again once its cause is mended.")
    return {"cards": [list_card(visit, title, heads, rows, answer.next_page_token, name="held-back", hint=hint)]}


def _poisoned_row(visit: Visit, one: PoisonedMessage) -> Sequence[object]:
    path = f"/refused/held-back/{segment(one.poisoned_message_id)}"
    return [
        one.action,
        station_link(one.station_id),
        one.error,
        Ago(one.receive_time),
        [
            Button(f"{path}/show", _("Show")) if visit.may("GetPoisonedMessage") else "",
            Button(f"{path}/run", _("Run again")) if visit.may("RunPoisonedMessage") else "",
            Button(f"{path}/delete", _("Delete")) if visit.may("DeletePoisonedMessage") else "",
        ],
    ]


async def _station_field(visit: Visit) -> Sequence[Field]:
    return [Field("station", _("Station"), required=True)]


async def _forget(visit: Visit, values: Values) -> Done:
    await visit.citrine.refusals.ForgetRefusals(ForgetRefusalsRequest(station_id=values["station"]))
    return Done(_("Forgotten."))


async def _show(visit: Visit, values: Values) -> Done:
    request = GetPoisonedMessageRequest(poisoned_message_id=visit["id"])
    return Done(answer=await visit.citrine.poisoned_messages.GetPoisonedMessage(request))


async def _run(visit: Visit, values: Values) -> Done:
    request = RunPoisonedMessageRequest(poisoned_message_id=visit["id"])
    answer = await visit.citrine.poisoned_messages.RunPoisonedMessage(request)
    return Done(_("It was processed. The station would have been answered:"), answer.response)


async def _delete(visit: Visit, values: Values) -> Done:
    await visit.citrine.poisoned_messages.DeletePoisonedMessage(
        DeletePoisonedMessageRequest(poisoned_message_id=visit["id"])
    )
    return Done(_("Deleted."))


_DIALOGS = [
    FormDialog(
        path="/refused/forget",
        title=lambda visit: _("Forget refused messages"),
        words=lambda visit: _("They are no more listed. What the station sends from now on is counted from 0."),
        fields=_station_field,
        act=_forget,
        needs=("ForgetRefusals",),
        submit=lambda visit: _("Forget"),
        hurts=True,
    ),
    FormDialog(
        path="/refused/held-back/{id}/show",
        title=lambda visit: _("A message that could not be processed"),
        words=lambda visit: _("It is shown as the station sent it, secrets masked."),
        act=_show,
        needs=("GetPoisonedMessage",),
        submit=lambda visit: _("Show"),
    ),
    FormDialog(
        path="/refused/held-back/{id}/run",
        title=lambda visit: _("Run a message again"),
        words=lambda visit: _("It is processed as if it came now. The station is not answered again."),
        act=_run,
        needs=("RunPoisonedMessage",),
        submit=lambda visit: _("Run again"),
    ),
    FormDialog(
        path="/refused/held-back/{id}/delete",
        title=lambda visit: _("Delete a message that could not be processed"),
        words=lambda visit: _("What the station reported with it is lost."),
        act=_delete,
        needs=("DeletePoisonedMessage",),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
]

PAGES: list[Page] = [
    list_page(
        "/refused",
        lambda visit: _("Refused messages"),
        "ListRefusals",
        _refusals,
        filters=_filters,
        kinds=("messages_refused",),
        others=[
            Region(
                "held-back",
                "parts/cards.html",
                _poisoned,
                kinds=("messages_refused",),
                needs=("ListPoisonedMessages",),
                every=60,
            )
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
