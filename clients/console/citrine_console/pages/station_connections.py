"""When a station was connected and when it was not, and how its connectors were, over time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from citrine.api.v1.availability_pb2 import ConnectorStatus, ListConnectorStatusesRequest
from citrine.api.v1.connections_pb2 import CloseConnectionRequest, ConnectionRecord, ListConnectionRecordsRequest
from citrine_console.cells import Button, Card, Code, Figure, badge, evse_words, segment
from citrine_console.clock import utc_now
from citrine_console.formats import duration, enum_word
from citrine_console.forms import Done, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.station_tabs import tab_page
from citrine_console.plots import Series, lines
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.words import detail_words

__all__ = ["ACTIONS", "PAGES"]

MOST_STATUSES = 200


async def _records(visit: Visit) -> Mapping[str, object]:
    request = ListConnectionRecordsRequest(
        station_id=visit["station_id"], page_size=PAGE_SIZE, page_token=visit.query["page"]
    )
    answer = await visit.citrine.connections.ListConnectionRecords(request)
    records = [*answer.records]
    heads = [
        *(_("Opened"), _("Closed"), Figure(_("Lasted")), Figure(_("Not connected before"))),
        *(_("Address"), _("OCPP"), _("Edge"), _("Why it closed")),
    ]
    rows = [_row(one, before) for one, before in zip(records, [*records[1:], None], strict=True)]
    buttons = []
    if visit.may("CloseConnection") and records and not records[0].HasField("close_time"):
        buttons = [Button(f"/stations/{segment(visit['station_id'])}/connections/close", _("Close the connection"))]
    return {
        "cards": [
            Card(_("Over time"), _plot(visit, records)),
            list_card(visit, _("Connections"), heads, rows, answer.next_page_token, buttons=buttons),
        ]
    }


def _row(one: ConnectionRecord, before: ConnectionRecord | None) -> Sequence[object]:
    opened = one.connection.open_time.ToDatetime(tzinfo=UTC)
    closed = one.close_time.ToDatetime(tzinfo=UTC) if one.HasField("close_time") else None
    away = None
    if before is not None and before.HasField("close_time"):
        away = max((opened - before.close_time.ToDatetime(tzinfo=UTC)).total_seconds(), 0.0)
    reason = " ".join(filter(None, (str(one.close_code) if one.HasField("close_code") else "", one.close_reason)))
    return [
        one.connection.open_time,
        one.close_time if closed else badge(_("open"), "good"),
        duration(((closed or utc_now()) - opened).total_seconds()),
        duration(away) if away is not None else "",
        Code(one.connection.remote_address),
        one.connection.ocpp_version,
        Code(one.connection.edge_id),
        reason,
    ]


def _plot(visit: Visit, records: Sequence[ConnectionRecord]) -> Markup:
    points: list[tuple[datetime, float]] = []
    for one in reversed(records):
        points.append((one.connection.open_time.ToDatetime(tzinfo=UTC), 1.0))
        if one.HasField("close_time"):
            points.append((one.close_time.ToDatetime(tzinfo=UTC), 0.0))
    if points:
        points.append((utc_now().replace(microsecond=0), points[-1][1]))
    title = _("Connected (1) and not connected (0)")
    return lines(title, [Series(_("connected"), points, digits=0, stepped=True)], visit.zone)


async def _statuses(visit: Visit) -> Mapping[str, object]:
    request = ListConnectorStatusesRequest(
        station_id=visit["station_id"], page_size=MOST_STATUSES, page_token=visit.query["statuses-page"]
    )
    answer = await visit.citrine.availability.ListConnectorStatuses(request)
    heads = [_("Time"), _("Connector"), _("Status"), _("Detail"), Figure(_("Lasted"))]
    rows: list[Sequence[object]] = []
    until: dict[tuple[int, int], datetime] = {}
    for one in answer.statuses:
        place = (one.evse_id, one.connector_id)
        began = one.time.ToDatetime(tzinfo=UTC)
        lasted = duration(((until.get(place) or utc_now()) - began).total_seconds())
        until[place] = began
        rows.append([one.time, evse_words(*place), enum_word(one, "status"), _detail(one), lasted])
    return {
        "cards": [list_card(visit, _("States of connectors"), heads, rows, answer.next_page_token, name="statuses")]
    }


def _detail(one: ConnectorStatus) -> str:
    return detail_words(one.detail) if one.HasField("detail") else ""


async def _close(visit: Visit, values: Values) -> Done:
    await visit.citrine.connections.CloseConnection(CloseConnectionRequest(station_id=visit["station_id"]))
    return Done(_("The connection is closed."))


_DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/connections/close",
        title=lambda visit: _("Close the connection of {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station loses its connection, and opens another one by itself. Charging goes on."),
        act=_close,
        needs=("CloseConnection",),
        submit=lambda visit: _("Close the connection"),
        hurts=True,
    )
]

PAGES: list[Page] = [
    tab_page(
        "connections",
        [
            Region(
                "records",
                "parts/cards.html",
                _records,
                kinds=("station_connected", "station_disconnected"),
                concerns=of_station,
                every=60,
            ),
            Region(
                "statuses",
                "parts/cards.html",
                _statuses,
                kinds=("connector_status_changed",),
                concerns=of_station,
                needs=("ListConnectorStatuses",),
            ),
        ],
    )
]

ACTIONS: list[Action] = [dialog.action() for dialog in _DIALOGS]
