"""The page of one transaction: what was measured, what it costs and why, its limit, and how it was settled."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import grpc

from citrine.api.v1.charge_records_pb2 import ListChargeRecordsRequest, ListChargeRecordsResponse
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, Sample
from citrine.api.v1.tariff_and_cost_pb2 import ListCostCorrectionsRequest
from citrine.api.v1.transaction_limits_pb2 import GetTransactionLimitRequest
from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListSettlementActionsRequest,
    ListTransactionEventsRequest,
    TransactionAnomaly,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.formats import enum_word
from citrine_console.lists import PAGE_SIZE
from citrine_console.live import Page, Region
from citrine_console.live.regions import Load
from citrine_console.pages import transaction_actions
from citrine_console.pages.transaction_cost import REGISTER, cost_series, energy_series, find_cost
from citrine_console.paging import paging
from citrine_console.plots import Series, lines
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_console.zones import station_zone
from citrine_sdk import pages
from citrine_words.prices import element_lines

__all__ = ["ACTIONS", "ANOMALIES", "PAGES"]

T = TypeVar("T")

MOST_SAMPLES = 5000
"""Samples that plots are made of; a transaction with more is plotted by its first ones, and that is said."""

MOST_EVENTS = 200
MOST_LISTED = 10

_KINDS = (
    "transaction_started",
    "transaction_updated",
    "transaction_ended",
    "transaction_closed",
    "transaction_cost_changed",
    "transaction_checked",
    "transaction_anomaly_found",
    "transaction_settled",
    "transaction_reopened",
    "transaction_over",
    "cost_corrected",
    "charge_record_made",
    "transaction_limit_changed",
)

ANOMALIES: Mapping[int, str] = {
    TransactionAnomaly.KIND_OUTLIER_DROPPED: noop("A reading fits none of the others, and is not billed."),
    TransactionAnomaly.KIND_RESTART_ASSUMED: noop("The register was taken to have begun anew from 0."),
    TransactionAnomaly.KIND_REGISTER_JUMPED: noop("The register went on from another height; the jump is not billed."),
    TransactionAnomaly.KIND_UNIT_ASSUMED: noop(
        "A reading was taken to be in kWh instead of Wh, or the other way round."
    ),
    TransactionAnomaly.KIND_SERIES_CHANGED: noop("A reading is of another register than the one that counts."),
    TransactionAnomaly.KIND_CLOCK_JUMPED: noop("The clock of the station is off: it is billed by ours."),
    TransactionAnomaly.KIND_GAP: noop("Events are missing."),
    TransactionAnomaly.KIND_ID_USED_AGAIN: noop("The station used the id of an earlier transaction again."),
    TransactionAnomaly.KIND_ENERGY_OF_EVSE: noop("Its events tell no energy: it is that of its EVSE in the same time."),
    TransactionAnomaly.KIND_SECOND_END: noop("Its station ended it once more; the first end counts."),
}
"""What is doubtful about a transaction, in words."""


async def _found(call: Awaitable[T]) -> T | None:
    """Return what a call returns; None where there is no such thing."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise


def _names(visit: Visit) -> dict[str, Any]:
    return {"station_id": visit["station_id"], "transaction_id": visit["transaction_id"]}


async def _head(visit: Visit) -> Mapping[str, object]:
    transaction = await visit.citrine.transactions.GetTransaction(GetTransactionRequest(**_names(visit)))
    return {
        "transaction": transaction,
        "own_zone": await station_zone(visit, visit["station_id"]),
        "anomalies": [(one, _(ANOMALIES.get(one.kind, ""))) for one in transaction.anomalies],
        "buttons": transaction_actions.buttons(visit, transaction),
    }


async def _cost(visit: Visit) -> Mapping[str, object]:
    cost = await find_cost(visit, visit["station_id"], visit["transaction_id"])
    corrections = await visit.citrine.tariff_and_cost.ListCostCorrections(
        ListCostCorrectionsRequest(**_names(visit), page_size=PAGE_SIZE, page_token=visit.query["cost-page"])
    )
    return {
        "cost": cost,
        "lines": [*element_lines(cost.tariff)] if cost is not None else [],
        "corrections": corrections.corrections,
        "pages": paging(visit, corrections.next_page_token, "cost"),
        "own_zone": await station_zone(visit, visit["station_id"]),
    }


async def _limit(visit: Visit) -> Mapping[str, object]:
    request = GetTransactionLimitRequest(**_names(visit))
    limit = await _found(visit.citrine.transaction_limits.GetTransactionLimit(request))
    return {"limit": limit, "own_zone": await station_zone(visit, visit["station_id"])}


async def _settlement(visit: Visit) -> Mapping[str, object]:
    actions = await visit.citrine.transactions.ListSettlementActions(
        ListSettlementActionsRequest(**_names(visit), page_size=PAGE_SIZE, page_token=visit.query["settlement-page"])
    )
    records = ListChargeRecordsResponse()
    if visit.may("ListChargeRecords"):
        request = ListChargeRecordsRequest(**_names(visit), page_size=MOST_LISTED)
        records = await visit.citrine.charge_records.ListChargeRecords(request)
    more = urlencode({"station": visit["station_id"], "transaction": visit["transaction_id"], "revisions": "all"})
    return {
        "actions": actions.actions,
        "pages": paging(visit, actions.next_page_token, "settlement"),
        "records": records.records,
        "more_records": f"/charge-records?{more}" if records.next_page_token else "",
        "own_zone": await station_zone(visit, visit["station_id"]),
    }


async def _events(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionEventsRequest(
        **_names(visit), page_size=MOST_EVENTS, page_token=visit.query["events-page"]
    )
    answer = await visit.citrine.transactions.ListTransactionEvents(request)
    return {
        "events": answer.events,
        "pages": paging(visit, answer.next_page_token, "events"),
        "own_zone": await station_zone(visit, visit["station_id"]),
    }


async def _plots(visit: Visit) -> Mapping[str, object]:
    request = ListSamplesRequest(**_names(visit), page_size=1000)
    samples: list[Sample] = []
    is_cut = False
    async for page in pages(visit.citrine.meter_values.ListSamples, request):
        samples.extend(page.samples)
        if len(samples) >= MOST_SAMPLES and page.next_page_token:
            is_cut = True
            break
    zone = await station_zone(visit, visit["station_id"])
    curve = await _cost_curve(visit, samples)
    plots = [*([(_("Cost and energy"), curve)] if curve else []), *_measurands(samples)]
    return {
        "plots": [lines(title, series, zone) for title, series in plots],
        "most": MOST_SAMPLES if is_cut else 0,
    }


async def _cost_curve(visit: Visit, samples: Sequence[Sample]) -> list[Series]:
    """Return what the transaction cost as it went on, and its energy meanwhile; nothing where nobody was told."""
    cost = await find_cost(visit, visit["station_id"], visit["transaction_id"])
    curve = None if cost is None else await cost_series(visit, cost)
    energy = energy_series(samples)
    return [] if curve is None else [curve] if energy is None else [curve, energy]


def _measurands(samples: Sequence[Sample]) -> Sequence[tuple[str, list[Series]]]:
    """Return for each measurand its lines, one for each phase and place of measurement."""
    found: dict[str, dict[str, list[tuple[datetime, float]]]] = {}
    units: dict[str, str] = {}
    for one in samples:
        sampled = one.sampled_value
        measurand = enum_word(sampled, "measurand") or REGISTER
        line = " ".join(filter(None, (enum_word(sampled, "phase"), enum_word(sampled, "location")))) or measurand
        units[measurand] = "%" if one.unit == "Percent" else one.unit
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


def _region(name: str, load: Load, needs: str) -> Region:
    return Region(
        name,
        f"transactions/{name}.html",
        load,
        kinds=_KINDS,
        concerns=_concerns,
        needs=(needs,),
    )


PAGES = [
    Page(
        path="/stations/{station_id}/transactions/{transaction_id}",
        title=lambda visit: visit["transaction_id"],
        template="transactions/transaction.html",
        section="transactions",
        needs=("GetTransaction",),
        regions=[
            Region("head", "transactions/head.html", _head, kinds=_KINDS, concerns=_concerns, is_main=True),
            _region("cost", _cost, "GetTransactionCost"),
            _region("limit", _limit, "GetTransactionLimit"),
            _region("settlement", _settlement, "ListSettlementActions"),
            _region("plots", _plots, "ListSamples"),
            _region("events", _events, "ListTransactionEvents"),
        ],
    ),
]

ACTIONS: list[Action] = [dialog.action() for dialog in transaction_actions.DIALOGS]
