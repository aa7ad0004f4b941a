"""Reservations of all stations, and cancelling them."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.reservation_pb2 import (
    RESERVATION_STATE_ACTIVE,
    RESERVATION_STATE_REQUESTED,
    CancelReservationRequest,
    ListReservationsRequest,
    Reservation,
)
from citrine_console.cells import (
    Ago,
    Button,
    Code,
    Figure,
    evse_words,
    muted,
    station_link,
    transaction_link,
)
from citrine_console.filter_forms import (
    Filter,
    enum_choices,
    enum_number,
    place_filters,
    time_filters,
)
from citrine_console.filters import selector_of, time_range
from citrine_console.formats import enum_word
from citrine_console.forms import Done, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

_OPEN = (RESERVATION_STATE_REQUESTED, RESERVATION_STATE_ACTIVE)


def _filters() -> Sequence[Filter]:
    return [
        Filter("open", _("Which"), [("yes", _("Only open ones"))]),
        Filter("state", _("State"), enum_choices(Reservation, "state")),
        Filter("station", _("Station")),
        Filter("token", _("Token")),
        Filter("token_group", _("Group of tokens")),
        *time_filters(),
        *place_filters(),
    ]


async def _reservations(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    answer = await visit.citrine.reservation.ListReservations(
        ListReservationsRequest(
            page_size=PAGE_SIZE,
            page_token=query["page"],
            station_id=query["station"],
            state=enum_number(Reservation, "state", query["state"]),
            open_only=bool(query["open"]),
            id_token=query["token"],
            group_id=query["token_group"],
            create_time=time_range(visit),
            stations=selector_of(visit),
        )
    )
    heads = [
        *(Figure(_("Number")), _("Station"), _("EVSE"), _("Token"), _("State"), _("Until"), _("Transaction")),
        *(_("Created"), _("Changed"), ""),
    ]
    rows = [_row(visit, one) for one in answer.reservations]
    return {"cards": [list_card(visit, _("Reservations"), heads, rows, answer.next_page_token)]}


def _row(visit: Visit, one: Reservation) -> Sequence[object]:
    request = one.request
    may_cancel = one.state in _OPEN and visit.may("CancelReservation")
    return [
        str(request.id),
        station_link(one.station_id),
        evse_words(request.evse_id) if request.evse_id else _("any"),
        [Code(request.id_token.id_token), muted(request.group_id_token.id_token)],
        [enum_word(one, "state"), muted(one.detail)],
        request.expiry_date_time,
        transaction_link(one.station_id, one.transaction_id),
        Ago(one.create_time),
        Ago(one.state_time),
        [Button(f"/reservations/{one.record_id}/cancel", _("Cancel it")) if may_cancel else ""],
    ]


async def _cancel(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.reservation.CancelReservation(CancelReservationRequest(record_id=int(visit["id"])))
    return Done.answered(answer.response)


_DIALOGS = [
    FormDialog(
        path="/reservations/{id:int}/cancel",
        title=lambda visit: _("Cancel a reservation"),
        words=lambda visit: _("The station gives the EVSE to whoever comes. Nobody notifies the driver from here."),
        act=_cancel,
        needs=("CancelReservation",),
        submit=lambda visit: _("Cancel it"),
        hurts=True,
    )
]

PAGES: list[Page] = [
    list_page(
        "/reservations",
        lambda visit: _("Reservations"),
        "ListReservations",
        _reservations,
        filters=_filters,
        kinds=("reservation_changed",),
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
