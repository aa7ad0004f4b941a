"""Security events of all stations."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine_console.cells import Ago, Code, station_link
from citrine_console.filter_forms import Filter, place_filters, time_filters
from citrine_console.filters import selector_of, time_range
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


def _filters() -> Sequence[Filter]:
    kind = Filter("type", _("Kind"), placeholder="TamperDetectionActivated")
    return [Filter("station", _("Station")), kind, *time_filters(), *place_filters()]


async def _events(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    answer = await visit.citrine.security.ListSecurityEvents(
        ListSecurityEventsRequest(
            page_size=PAGE_SIZE,
            page_token=query["page"],
            station_id=query["station"],
            type=query["type"],
            time=time_range(visit),
            stations=selector_of(visit),
        )
    )
    rows = [
        [Code(one.request.type), station_link(one.station_id), one.request.timestamp, one.request.tech_info,
         Ago(one.create_time)]
        for one in answer.security_events
    ]  # fmt: skip
    heads = [_("Kind"), _("Station"), _("When"), _("More"), _("Received")]
    return {"cards": [list_card(visit, _("Security events"), heads, rows, answer.next_page_token)]}


PAGES: list[Page] = [
    list_page(
        "/security-events",
        lambda visit: _("Security events"),
        "ListSecurityEvents",
        _events,
        filters=_filters,
        kinds=("security_event_received",),
    ),
]

ACTIONS: list[Action] = []
