"""Transactions: the table of all with its filters, and the files that they are exported as."""

from collections.abc import AsyncIterator, Mapping

from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, Transaction
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine_console.downloads import exports
from citrine_console.filters import selector_of, time_range
from citrine_console.formats import enum_word, iso, optional
from citrine_console.live import Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_sdk import pages

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50
EXPORTED = 1000
"""Transactions of a part of a file."""

_KINDS = (
    "transaction_started",
    "transaction_updated",
    "transaction_ended",
    "transaction_closed",
    "transaction_settled",
    "transaction_reopened",
)

_STATES: Mapping[str, "ChargingStateEnum.ValueType"] = {
    "charging": ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING,
    "connected": ChargingStateEnum.CHARGING_STATE_ENUM_EV_CONNECTED,
    "suspended-ev": ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV,
    "suspended-evse": ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EVSE,
    "idle": ChargingStateEnum.CHARGING_STATE_ENUM_IDLE,
}

_COLUMNS = (
    "station_id", "transaction_id", "evse_id", "connector_id", "id_token", "id_token_type", "reference",
    "charging_state", "start_time", "end_time", "stopped_reason", "energy_kwh", "exported_energy_kwh",
    "meter_start_wh", "meter_last_wh", "soc_percent", "settle_time", "settlement", "missing_events", "anomalies",
)  # fmt: skip


def _request(visit: Visit) -> ListTransactionsRequest:
    query = visit.query
    request = ListTransactionsRequest(
        station_id=query["station"],
        id_token=query["token"],
        group_id=query["tokens"],
        active_only=query["state"] == "active",
        unsettled_only=query["state"] == "unsettled",
        transaction_id_prefix=query["id"],
        reference=query["reference"],
        start_time=time_range(visit),
        stations=selector_of(visit),
    )
    if query["state"] in _STATES:
        request.charging_state = _STATES[query["state"]]
    return request


async def _table(visit: Visit) -> Mapping[str, object]:
    request = _request(visit)
    request.page_size, request.page_token = PAGE_SIZE, visit.query["page"]
    answer = await visit.citrine.transactions.ListTransactions(request)
    return {"transactions": answer.transactions, "pages": paging(visit, answer.next_page_token)}


async def _filters(visit: Visit) -> Mapping[str, object]:
    states = {
        "active": _("Under way"),
        "charging": _("Charging"),
        "suspended-ev": _("Suspended by the vehicle"),
        "suspended-evse": _("Suspended by the station"),
        "connected": _("Connected"),
        "idle": _("Idle"),
        "unsettled": _("Not settled"),
    }
    return {"states": states, "filter": visit.query.with_(page=None, before=None)}


async def _exported(visit: Visit) -> AsyncIterator[list[Transaction]]:
    request = _request(visit)
    request.page_size = EXPORTED
    async for page in pages(visit.citrine.transactions.ListTransactions, request):
        yield [*page.transactions]


def _row(one: Transaction) -> list[str]:
    return [
        one.station_id,
        one.transaction_id,
        _figure(optional(one, "evse_id")),
        _figure(optional(one, "connector_id")),
        one.id_token.id_token,
        one.id_token.type,
        one.reference,
        enum_word(one, "charging_state"),
        iso(one.start_time),
        iso(one.end_time),
        enum_word(one, "stopped_reason"),
        f"{one.energy_wh / 1000:.6f}" if one.HasField("energy_wh") else "",
        f"{one.exported_energy_wh / 1000:.6f}" if one.HasField("exported_energy_wh") else "",
        _figure(optional(one, "meter_start_wh")),
        _figure(optional(one, "meter_last_wh")),
        _figure(optional(one, "soc_percent")),
        iso(one.settle_time),
        enum_word(one, "settlement"),
        str(one.missing_events),
        ", ".join(enum_word(anomaly, "kind") for anomaly in one.anomalies),
    ]


def _figure(value: object | None) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


PAGES = [
    Page(
        path="/transactions",
        title=lambda visit: _("Transactions"),
        template="transactions/list.html",
        section="transactions",
        needs=("ListTransactions",),
        regions=[
            Region("filters", "transactions/filters.html", _filters),
            Region("transactions", "transactions/table.html", _table, kinds=_KINDS, is_main=True),
        ],
    ),
]

ACTIONS: list[Action] = exports("/transactions", "ListTransactions", _exported, _COLUMNS, _row)
