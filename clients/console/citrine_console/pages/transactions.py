"""Transactions: the table of all, and the page of one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, Sample
from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListTransactionEventsRequest,
    ListTransactionsRequest,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.formats import enum_word
from citrine_console.live import Page, Region
from citrine_console.paging import paging
from citrine_console.plots import Series, lines
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_sdk import pages

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

MOST_SAMPLES = 5000
"""Samples that plots are made of; a transaction with more is plotted by its first ones."""

_KINDS = (
    "transaction_started",
    "transaction_updated",
    "transaction_ended",
    "transaction_closed",
    "transaction_cost_changed",
)


async def _table(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    request = ListTransactionsRequest(
        page_size=PAGE_SIZE,
        page_token=query["page"],
        station_id=query["station"],
        id_token=query["token"],
        active_only=query["state"] == "active",
        unsettled_only=query["state"] == "unsettled",
        transaction_id_prefix=query["id"],
        reference=query["reference"],
    )
    answer = await visit.citrine.transactions.ListTransactions(request)
    return {"transactions": answer.transactions, **paging(visit, answer.next_page_token)}


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {"states": {"active": _("Charging now"), "unsettled": _("Not settled")}}


async def _head(visit: Visit) -> Mapping[str, object]:
    request = GetTransactionRequest(station_id=visit["station_id"], transaction_id=visit["transaction_id"])
    return {"transaction": await visit.citrine.transactions.GetTransaction(request)}


async def _events(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionEventsRequest(
        station_id=visit["station_id"], transaction_id=visit["transaction_id"], page_size=200
    )
    answer = await visit.citrine.transactions.ListTransactionEvents(request)
    return {"events": answer.events, "more": bool(answer.next_page_token)}


async def _plots(visit: Visit) -> Mapping[str, object]:
    request = ListSamplesRequest(station_id=visit["station_id"], transaction_id=visit["transaction_id"], page_size=1000)
    samples: list[Sample] = []
    async for page in pages(visit.citrine.meter_values.ListSamples, request):
        samples.extend(page.samples)
        if len(samples) >= MOST_SAMPLES:
            break
    return {"plots": [lines(title, series, visit.zone) for title, series in _measurands(samples)]}


def _measurands(samples: Sequence[Sample]) -> Sequence[tuple[str, list[Series]]]:
    """Return for each measurand its lines, one for each phase and place of measurement."""
    found: dict[str, dict[str, list[tuple[datetime, float]]]] = {}
    units: dict[str, str] = {}
    for one in samples:
        sampled = one.sampled_value
        measurand = enum_word(sampled, "measurand") or "Energy.Active.Import.Register"
        line = " ".join(filter(None, (enum_word(sampled, "phase"), enum_word(sampled, "location")))) or measurand
        units[measurand] = one.unit
        found.setdefault(measurand, {}).setdefault(line, []).append((one.time.ToDatetime(tzinfo=UTC), float(one.value)))
    return [
        (measurand, [Series(name, sorted(points), units[measurand]) for name, points in sorted(of.items())])
        for measurand, of in sorted(found.items())
    ]


def _concerns(visit: Visit, event: Event) -> bool:
    if event.station_id != visit["station_id"]:
        return False
    body = getattr(event, event.WhichOneof("body") or "")
    summary = getattr(body, "transaction", body)
    return bool(getattr(summary, "transaction_id", "") == visit["transaction_id"])


PAGES = [
    Page(
        path="/transactions",
        title=lambda visit: _("Transactions"),
        template="transactions/list.html",
        section="transactions",
        needs=("ListTransactions",),
        regions=[
            Region("filters", "transactions/filters.html", _filters),
            Region("transactions", "transactions/table.html", _table, kinds=_KINDS, is_main=True, pause=1),
        ],
    ),
    Page(
        path="/stations/{station_id}/transactions/{transaction_id}",
        title=lambda visit: visit["transaction_id"],
        template="transactions/transaction.html",
        section="transactions",
        needs=("GetTransaction",),
        regions=[
            Region("head", "transactions/head.html", _head, kinds=_KINDS, concerns=_concerns, is_main=True),
            Region(
                "plots",
                "transactions/plots.html",
                _plots,
                kinds=_KINDS,
                concerns=_concerns,
                needs=("ListSamples",),
                pause=2,
            ),
            Region(
                "events",
                "transactions/events.html",
                _events,
                kinds=_KINDS,
                concerns=_concerns,
                needs=("ListTransactionEvents",),
            ),
        ],
    ),
]

ACTIONS: list[Action] = []
