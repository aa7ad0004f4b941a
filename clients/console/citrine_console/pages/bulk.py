"""One action on many stations: those that are selected in the table, or all that its filter finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from citrine.api.v1.operations_pb2 import (
    OFFLINE_STATIONS_SKIP,
    OFFLINE_STATIONS_WAIT,
    CreateOperationRequest,
    Operation,
    OperationAction,
    OperationSelection,
)
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import STATION_ORDER_ID, AcceptStationRequest, ListStationsRequest
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.pages import actions
from citrine_console.pages.station_filters import list_request
from citrine_console.site import Action
from citrine_console.texts import _, ngettext, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "choices"]

ALL = "all"
"""Name of the field that says that all stations are meant that the filter finds."""

MOST_COUNTED = 5
"""Pages of stations that are counted before somebody confirms; of more it says so."""

COUNTED = 1000
"""Stations of one of these pages."""


def choices(visit: Visit) -> list[tuple[str, str]]:
    """Return what may be done with many stations: last part of the path, and text."""
    if not visit.may("CreateOperation", "GetOperation"):
        return []
    if visit.query["state"] == "held":
        return [("accept", _("Accept"))] if visit.may("AcceptStation") else []
    return [(name, _(action.text)) for name, action in actions.OF_MANY.items() if visit.may(action.rpc)]


@dataclass(frozen=True)
class _Bulk:
    """The form of one action for many stations."""

    name: str
    many: str
    action: actions.StationAction | None
    """None: stations that are held are accepted."""

    def dialog(self) -> FormDialog:
        rpc = self.action.rpc if self.action is not None else "AcceptStation"
        return FormDialog(
            path=f"/bulk/{self.name}",
            title=lambda visit: _(self.many).format(stations=_("many stations")),
            words=lambda visit: _(self.action.words) if self.action is not None and self.action.words else "",
            fields=self._fields,
            act=self._act,
            needs=("CreateOperation", "GetOperation", "ListStations", rpc),
            submit=lambda visit: _(self.action.text) if self.action is not None else _("Accept"),
            hurts=self.action is not None and self.action.hurts,
            # Its query is the filter of the table, whose names are those of some fields, too.
            is_filled_by_query=False,
        )

    async def _fields(self, visit: Visit) -> Sequence[Field]:
        what = _(self.many).format(stations=await _stations(visit))
        fields = [Field("what", what, "note")]
        if self.action is not None and self.action.fields is not None:
            fields += await self.action.fields(visit, None)
        offline = [("skip", _("Leave them out")), ("wait", _("Wait until they are connected, at most a day"))]
        return [
            *fields,
            Field("offline", _("Stations that are not connected"), "select", "skip", offline),
            Field("max_parallel", _("At a time"), "number", "50", attributes={"min": "1", "max": "1000"}),
            Field("operation_reason", _("Why"), hint=_("shown with each command"), attributes={"maxlength": "255"}),
        ]

    async def _act(self, visit: Visit, values: Values) -> Done:
        if self.action is not None:
            action = OperationAction(**{self.action.operation: self.action.request(values)})  # type: ignore[arg-type]
        else:
            action = OperationAction(accept_station=AcceptStationRequest())
        operation = Operation(
            selection=_selection(visit),
            action=action,
            offline=OFFLINE_STATIONS_WAIT if values["offline"] == "wait" else OFFLINE_STATIONS_SKIP,
            max_parallel=values.number("max_parallel", 50),
            reason=values["operation_reason"],
        )
        made = await visit.citrine.operations.CreateOperation(CreateOperationRequest(operation=operation))
        return Done(goto=f"/operations/{made.operation_id}")


async def _stations(visit: Visit) -> str:
    """Return the stations that are meant in words, with their number."""
    if not visit.query[ALL]:
        ids = visit.query.all("station")
        if len(ids) == 1:
            return ids[0]
        return ngettext("{} station", "{} stations", len(ids)).format(len(ids))
    request = list_request(visit)
    request.page_token, request.page_size = "", COUNTED
    # In the order of the table stations may move between the pages, and be counted twice or not at all.
    request.order, request.descending = STATION_ORDER_ID, False
    count = 0
    for _page in range(MOST_COUNTED):
        answer = await visit.citrine.stations.ListStations(request)
        count += len(answer.stations)
        if not answer.next_page_token:
            return ngettext("{} station", "{} stations", count).format(f"{count:,}")
        request.page_token = answer.next_page_token
    return _("more than {} stations").format(f"{count:,}")


def _selection(visit: Visit) -> OperationSelection:
    if not visit.query[ALL]:
        ids = visit.query.all("station")
        if not ids:
            raise Wrong("what", _("Select stations in the table first."))
        return OperationSelection(stations=StationSelector(station_ids=ids))
    found: ListStationsRequest = list_request(visit)
    selection = OperationSelection(
        station_id_prefix=found.station_id_prefix,
        vendor_name=found.vendor_name,
        model=found.model,
        firmware_version=found.firmware_version,
        ocpp_version=found.ocpp_version,
        faulted_only=found.faulted_only,
        connection=found.connection,
    )
    if found.HasField("stations"):
        selection.stations.CopyFrom(found.stations)
    if selection == OperationSelection():
        selection.all_stations = True
    return selection


ACTIONS: list[Action] = [
    *(_Bulk(name, action.many, action).dialog().action() for name, action in actions.OF_MANY.items()),
    _Bulk("accept", noop("Accept {stations}"), None).dialog().action(),
]
