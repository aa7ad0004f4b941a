"""The list calls of the API, timed."""

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1.availability_pb2 import ListConnectorsRequest, ListConnectorStatusesRequest
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.connections_pb2 import ListConnectionsRequest
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.refusals_pb2 import ListRefusalsRequest
from citrine.api.v1.remote_control_pb2 import ListRemoteStartsRequest
from citrine.api.v1.reports_pb2 import ListReportRunsRequest
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine.api.v1.stations_pb2 import ListHandshakeRefusalsRequest, ListStationsRequest
from citrine.api.v1.tariff_and_cost_pb2 import ListTransactionCostsRequest
from citrine.api.v1.tokens_pb2 import ListTokensRequest
from citrine.api.v1.transactions_pb2 import ListTransactionEventsRequest, ListTransactionsRequest
from citrine_sdk import Citrine
from citrine_simulator.load.tally import Latencies

__all__ = ["ListCall", "time_lists"]


@dataclass(frozen=True)
class ListCall:
    """One list call, made again and again."""

    name: str
    rows: int
    """Rows of its page."""
    p50: float
    """Milliseconds."""
    p99: float


def _calls(citrine: Citrine, station: str, transaction: str, token: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, rpc and request of each."""
    week = TimeRange()
    week.start.FromDatetime(datetime.now(UTC) - timedelta(days=34))
    week.end.FromDatetime(datetime.now(UTC) - timedelta(days=27))
    stations, transactions = citrine.stations, citrine.transactions
    yield "ListStations", stations.ListStations, ListStationsRequest()
    yield "ListStations, connected_only", stations.ListStations, ListStationsRequest(connected_only=True)
    yield "ListConnections", citrine.connections.ListConnections, ListConnectionsRequest()
    yield "ListTransactions", transactions.ListTransactions, ListTransactionsRequest()
    yield "ListTransactions, active_only", transactions.ListTransactions, ListTransactionsRequest(active_only=True)
    of_station = ListTransactionsRequest(station_id=station)
    yield "ListTransactions of a station", transactions.ListTransactions, of_station
    yield "ListTransactions of a token", transactions.ListTransactions, ListTransactionsRequest(id_token=token)
    yield "ListTransactions of a week", transactions.ListTransactions, ListTransactionsRequest(start_time=week)
    by_prefix = ListTransactionsRequest(transaction_id_prefix=transaction[:-1])
    yield "ListTransactions by a prefix", transactions.ListTransactions, by_prefix
    events = ListTransactionEventsRequest(station_id=station, transaction_id=transaction)
    yield "ListTransactionEvents", transactions.ListTransactionEvents, events
    samples = citrine.meter_values.ListSamples
    yield "ListSamples of a station", samples, ListSamplesRequest(station_id=station)
    of_transaction = ListSamplesRequest(station_id=station, transaction_id=transaction)
    yield "ListSamples of a transaction", samples, of_transaction
    yield "ListTokens", citrine.tokens.ListTokens, ListTokensRequest()
    yield "ListCommands", citrine.commands.ListCommands, ListCommandsRequest()
    yield "ListConnectors", citrine.availability.ListConnectors, ListConnectorsRequest(station_id=station)
    statuses = ListConnectorStatusesRequest(station_id=station)
    yield "ListConnectorStatuses", citrine.availability.ListConnectorStatuses, statuses
    costs = ListTransactionCostsRequest()
    yield "ListTransactionCosts", citrine.tariff_and_cost.ListTransactionCosts, costs
    yield "ListRemoteStarts", citrine.remote_control.ListRemoteStarts, ListRemoteStartsRequest()
    yield "ListReportRuns", citrine.reports.ListReportRuns, ListReportRunsRequest()
    yield "ListSecurityEvents", citrine.security.ListSecurityEvents, ListSecurityEventsRequest()
    yield "ListRefusals", citrine.refusals.ListRefusals, ListRefusalsRequest()
    yield "ListHandshakeRefusals", stations.ListHandshakeRefusals, ListHandshakeRefusalsRequest()


async def time_lists(
    citrine: Citrine, times: int, station: str, transaction: str, token: str, say: Callable[[str], None]
) -> list[ListCall]:
    """Call each list so many times, one after another, and time the callers' wait.

    Args:
        citrine: Client.
        times: How often.
        station: A station that charged, where one is to be named.
        transaction: One of its transactions.
        token: Its token.
        say: Says what is measured now.
    """
    found = []
    for name, rpc, request in _calls(citrine, station, transaction, token):
        say(name)
        found.append(await _time(name, rpc, request, times))
    return found


async def _time(name: str, rpc: Callable[[Any], Awaitable[Any]], request: Any, times: int) -> ListCall:
    # The first one prepares statements.
    page = await rpc(request)
    rows = sum(len(getattr(page, field.name)) for field in page.DESCRIPTOR.fields if field.is_repeated)
    waits = []
    for _ in range(times):
        began = time.perf_counter()
        await rpc(request)
        waits.append(time.perf_counter() - began)
    latencies = Latencies.of(waits)
    return ListCall(name, rows, latencies.p50, latencies.p99)
