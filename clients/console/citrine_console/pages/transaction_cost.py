"""What transactions cost as they go on: as their stations were told, and as it is reckoned now."""

from collections.abc import Sequence
from datetime import UTC, datetime

import grpc

from citrine.api.v1.meter_values_pb2 import Sample
from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest, TransactionCost
from citrine.api.v1.transactions_pb2 import ListTransactionEventsRequest
from citrine_console.formats import enum_word
from citrine_console.plots import Series
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["REGISTER", "cost_series", "energy_series", "find_cost"]

REGISTER = "Energy.Active.Import.Register"
"""What a sample is of that says nothing else, in Wh."""

MOST_EVENTS = 500
"""Newest events that a curve is made of."""


async def find_cost(visit: Visit, station_id: str, transaction_id: str) -> TransactionCost | None:
    """Return what a transaction costs; None where no tariff applies, or who looks may not see it."""
    if not visit.may("GetTransactionCost"):
        return None
    request = GetTransactionCostRequest(station_id=station_id, transaction_id=transaction_id)
    try:
        return await visit.citrine.tariff_and_cost.GetTransactionCost(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return None


async def cost_series(visit: Visit, cost: TransactionCost) -> Series | None:
    """Return the total with tax of a transaction over time; None where nobody was told what it costs meanwhile."""
    if not visit.may("ListTransactionEvents") or not cost.HasField("cost"):
        return None
    request = ListTransactionEventsRequest(
        station_id=cost.station_id,
        transaction_id=cost.transaction_id,
        page_size=MOST_EVENTS,
        newest_first=True,
        omit_meter_values=True,
    )
    answer = await visit.citrine.transactions.ListTransactionEvents(request)
    points = [
        (event.request.timestamp.ToDatetime(tzinfo=UTC), event.response.total_cost)
        for event in answer.events
        if event.response.HasField("total_cost")
    ]
    name = _("cost")
    if answer.next_page_token:
        name = _("cost in the newest {count} events").format(count=MOST_EVENTS)
    return Series(name, _with_present(sorted(points), cost), cost.cost.currency, 2) if points else None


def energy_series(samples: Sequence[Sample]) -> Series | None:
    """Return the energy of a transaction over time, by the register of the outlet; None where only others tell it.

    Registers of single phases, of the inlet or of the grid are of another energy.
    """
    points = sorted(
        (one.time.ToDatetime(tzinfo=UTC), float(one.value) / 1000)
        for one in samples
        if (enum_word(one.sampled_value, "measurand") or REGISTER) == REGISTER
        and not one.sampled_value.HasField("phase")
        and enum_word(one.sampled_value, "location") in ("", "Outlet")
    )
    return Series(_("energy"), [(time, value - points[0][1]) for time, value in points], "kWh", 2) if points else None


def _with_present(points: Sequence[tuple[datetime, float]], cost: TransactionCost) -> list[tuple[datetime, float]]:
    """Return the points with what it costs by now."""
    reckoned = cost.reckoned_time.ToDatetime(tzinfo=UTC)
    is_later = cost.HasField("reckoned_time") and reckoned > points[-1][0]
    return [*points, (reckoned, float(cost.cost.total.after_tax))] if is_later else [*points]
