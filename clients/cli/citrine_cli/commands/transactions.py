"""`citrine transaction`: what stations charged."""

from typing import Annotated

import typer

from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListTransactionEventsRequest,
    ListTransactionsRequest,
    Transaction,
    TransactionEvent,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.words import amount, enum_word, number, time_word

__all__ = ["NAME", "build"]

NAME = "transaction"


def build() -> typer.Typer:
    """Return the commands of `citrine transaction`."""
    app = typer.Typer(help="Transactions: list, show.")
    client_command(app, "list")(list_transactions)
    client_command(app, "show")(show_transaction)
    return app


def _state(transaction: Transaction) -> str:
    if transaction.HasField("end_time"):
        return "ended"
    return "orphaned" if transaction.orphaned else enum_word(transaction, "charging_state") or "active"


async def list_transactions(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List transactions, the latest first."""
    request = ListTransactionsRequest(station_id=station, active_only=active)
    pages = collect(client.citrine.transactions.ListTransactions, request, limit)
    transactions = [transaction async for page in pages for transaction in page.transactions]
    if client.out.as_json:
        client.out.messages(transactions)
        return
    client.out.table(
        ["transaction", "station", "evse", "token", "state", "energy", "started", "ended"],
        (
            [
                found.transaction_id,
                found.station_id,
                number(found, "evse_id"),
                found.id_token.id_token,
                _state(found),
                amount(found, "energy_wh", "kWh", 1000),
                time_word(found, "start_time"),
                time_word(found, "end_time"),
            ]
            for found in transactions
        ),
        empty="no transactions",
    )


def _facts(found: Transaction) -> dict[str, str]:
    return {
        "transaction": found.transaction_id,
        "station": found.station_id,
        "tenant": found.tenant_id,
        "evse": number(found, "evse_id"),
        "connector": number(found, "connector_id"),
        "token": found.id_token.id_token,
        "state": _state(found),
        "started": time_word(found, "start_time"),
        "ended": time_word(found, "end_time"),
        "stopped because of": enum_word(found, "stopped_reason"),
        "energy": amount(found, "energy_wh", "kWh", 1000),
        "register first": amount(found, "meter_start_wh", "kWh", 1000),
        "register last": amount(found, "meter_last_wh", "kWh", 1000),
        "power": amount(found, "power_w", "kW", 1000),
        "state of charge": f"{found.soc_percent:g} %" if found.HasField("soc_percent") else "",
        "total cost": number(found, "total_cost"),
        "remote start": number(found, "remote_start_id"),
        "reservation": number(found, "reservation_id"),
        "events": f"{found.events}{', some are missing' if found.has_gap else ''}",
        "offline": "yes" if found.offline else "",
        "updated": time_word(found, "update_time"),
    }


def _event_row(event: TransactionEvent) -> list[str]:
    request = event.request
    return [
        str(request.seq_no),
        time_word(request, "timestamp"),
        enum_word(request, "event_type"),
        enum_word(request, "trigger_reason"),
        enum_word(request.transaction_info, "charging_state"),
        "yes" if request.offline else "",
    ]


async def show_transaction(
    client: Client,
    transaction_id: Annotated[str, typer.Argument(metavar="ID", help="transactionId of the station.")],
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Station, where several used one id.")] = "",
) -> None:
    """Show a transaction and, without --json, its events."""
    request = GetTransactionRequest(transaction_id=transaction_id, station_id=station)
    found = await client.citrine.transactions.GetTransaction(request)
    if client.out.as_json:
        client.out.message(found)
        return
    listed = ListTransactionEventsRequest(station_id=found.station_id, transaction_id=found.transaction_id)
    pages = collect(client.citrine.transactions.ListTransactionEvents, listed)
    rows = [_event_row(event) async for page in pages for event in page.events]
    client.out.facts(_facts(found))
    client.out.table(["seq no", "time", "event", "trigger", "charging state", "offline"], rows, empty="no events")
