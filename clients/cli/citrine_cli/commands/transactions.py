"""`citrine transaction`: transactions, and commands to start and stop them."""

from typing import Annotated

import grpc
import typer

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import (
    RequestStartTransactionRequest,
    RequestStopTransactionRequest,
    UnlockConnectorRequest,
)
from citrine.api.v1.transactions_pb2 import (
    CloseTransactionRequest,
    GetTransactionStatusRequest,
    ListTransactionEventsRequest,
    ListTransactionsRequest,
    Transaction,
    TransactionAnomaly,
    TransactionCheck,
    TransactionEvent,
)
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import transactions_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_cli.client import Client, client_command, collect
from citrine_cli.commands.remote_starts import list_starts
from citrine_cli.commands.settlements import Consent, add_commands, key_of_settled
from citrine_cli.commands.unmatched_ends import list_unmatched_ends
from citrine_cli.filters import EvseOption, OneOfIds, TokenGroupOption, range_of
from citrine_cli.filters import StationOption as OfStation
from citrine_cli.limits import MaxCost, MaxEnergy, MaxTime, parse_limit
from citrine_cli.named_things import warn_unknown_token
from citrine_cli.output import Facts
from citrine_cli.prefixes import find_transaction, key_of_transaction
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice, show_answer
from citrine_words.cells import PrefixId, State
from citrine_words.enums import words_of
from citrine_words.words import (
    amount,
    count,
    duration_word,
    enum_word,
    instant_word,
    money,
    number,
    plain,
    skew_word,
    time_word,
)

__all__ = ["build"]

_CHARGING_STATES = words_of(ocpp.ChargingStateEnum.items(), "CHARGING_STATE_ENUM_")

WITHOUT_TOKEN = "NoAuthorization"
"""Token type for charging without a token."""

TransactionId = Annotated[
    str, typer.Argument(metavar="ID", help="The transactionId of the station, or what it begins with.")
]
StationOption = Annotated[str, typer.Option("--station", metavar="ID", help="Station, where several used one id.")]


def build() -> typer.Typer:
    """Return the commands of `citrine transaction`."""
    app = typer.Typer(
        help="Transactions: list, show, start, stop, unlock, check, close;"
        " and their costs: settle, reopen, waive, credit, reprice."
    )
    client_command(app, "list")(list_transactions)
    client_command(app, "show")(show_transaction)
    client_command(app, "start")(start_transaction)
    client_command(app, "starts")(list_starts)
    client_command(app, "stop")(stop_transaction)
    client_command(app, "unlock")(unlock_connector)
    client_command(app, "check")(check_transaction)
    client_command(app, "unmatched")(list_unmatched_ends)
    client_command(app, "close")(close_transaction)
    add_commands(app)
    return app


def _state(transaction: Transaction) -> str:
    if transaction.HasField("end_time"):
        return State("ended")
    if transaction.HasField("close_time"):
        return State("closed")
    return State("orphaned") if transaction.orphaned else enum_word(transaction, "charging_state") or State("active")


async def list_transactions(
    client: Client,
    station: OfStation = "",
    evse: EvseOption = None,
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=f"Only active ones that are {', '.join(_CHARGING_STATES)}.")
    ] = "",
    unsettled: Annotated[
        bool, typer.Option("--unsettled", help="Only those of which something is still expected.")
    ] = False,
    ids: OneOfIds = None,
    id_token: Annotated[str, typer.Option("--token", metavar="ID", help="Only of this token.")] = "",
    token_group: TokenGroupOption = "",
    reference: Annotated[str, typer.Option("--reference", metavar="TEXT", help="Only with this reference.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Begun then or later.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Begun before then.")] = "",
    settled_begin: Annotated[str, typer.Option("--settled-from", metavar="TIME", help="Settled then or later.")] = "",
    settled_end: Annotated[str, typer.Option("--settled-to", metavar="TIME", help="Settled before then.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List transactions, the latest first; of those settled in a time, the earliest first."""
    request = ListTransactionsRequest(
        station_id=station,
        evse_id=evse,
        active_only=active,
        charging_state=choice("--state", _CHARGING_STATES, state) if state else None,
        unsettled_only=unsettled,
        transaction_ids=ids,
        id_token=id_token,
        group_id=token_group,
        reference=reference,
        stations=station_selector(location, group, label),
        start_time=range_of(begin, end),
        settle_time=range_of(settled_begin, settled_end, "--settled-from", "--settled-to"),
    )
    pages = collect(client.citrine.transactions.ListTransactions, request, limit)
    transactions = [transaction async for page in pages for transaction in page.transactions]
    if client.out.as_json:
        client.out.messages(transactions)
        return
    client.out.table(
        ["transaction", "station", "evse", "token", "state", "energy", "started", "ended"],
        (
            [
                PrefixId(found.transaction_id),
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


def _events_words(found: Transaction) -> str:
    if found.unnumbered:
        return f"{found.events}, not numbered: whether one is missing is not known"
    return f"{found.events}{f', {found.missing_events} missing' if found.missing_events else ''}"


def _facts(found: Transaction, currency: str) -> Facts:
    return {
        "transaction": found.transaction_id,
        "station": found.station_id,
        "station calls it": found.reported_transaction_id,
        "reference": found.reference,
        "tenant": found.tenant_id,
        "evse": number(found, "evse_id"),
        "connector": number(found, "connector_id"),
        "token": found.id_token.id_token,
        "token is known as": " ".join(found.known_token_types),
        "state": _state(found),
        "behind": "events wait to be taken in" if found.behind else "",
        "remote start": number(found, "remote_start_id"),
        "reservation": number(found, "reservation_id"),
        "times": {
            "started": time_word(found, "start_time"),
            "begun by": enum_word(found, "start_trigger"),
            "ended": time_word(found, "end_time"),
            "stopped because of": enum_word(found, "stopped_reason"),
            "charging time": duration_word(found.time_spent_charging) if found.HasField("time_spent_charging") else "",
            "over since": time_word(found, "over_time"),
            "updated": time_word(found, "update_time"),
            "clock": f"{skew}, billed by ours" if (skew := skew_word(found, "clock_skew")) else "",
        },
        "energy": {
            "energy": amount(found, "energy_wh", "kWh", 1000),
            "energy exported": amount(found, "exported_energy_wh", "kWh", 1000),
            "register first": amount(found, "meter_start_wh", "kWh", 1000),
            "register last": amount(found, "meter_last_wh", "kWh", 1000),
            "power": "" if _is_over(found) else amount(found, "power_w", "kW", 1000),
            "state of charge": f"{found.soc_percent:g} %" if found.HasField("soc_percent") else "",
            "doubts": ", ".join(_doubt(one) for one in found.anomalies),
        },
        "bill": {
            "total cost": money(plain(found.total_cost), currency) if found.HasField("total_cost") else "",
            "closed": time_word(found, "close_time"),
            "settled": time_word(found, "settle_time"),
            "settled because of": enum_word(found, "settlement") if found.settlement else "",
            "settled at the latest": time_word(found, "settle_due_time"),
        },
        "messages": {
            "events": _events_words(found),
            "late events": str(found.late_events or ""),
            "events removed": time_word(found, "events_removed_time"),
            "offline": "yes" if found.offline else "",
            "station says": _said(found.check),
        },
    }


def _is_over(found: Transaction) -> bool:
    return found.HasField("end_time") or found.HasField("close_time")


async def _currency(client: Client, found: Transaction) -> str:
    """Return the currency of the cost that a station was sent."""
    # Imported here, because few transactions need it.
    from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest

    unknown = "in the currency of its tariff"
    if not found.HasField("total_cost"):
        return unknown
    request = GetTransactionCostRequest(station_id=found.station_id, transaction_id=found.transaction_id)
    try:
        return (await client.citrine.tariff_and_cost.GetTransactionCost(request)).cost.currency or unknown
    except grpc.aio.AioRpcError:
        # The key may not read costs.
        return unknown


def _doubt(anomaly: TransactionAnomaly) -> str:
    parts = (enum_word(anomaly, "kind"), amount(anomaly, "register_wh", "kWh", 1000), time_word(anomaly, "time"))
    return " ".join(part for part in parts if part)


def _said(check: TransactionCheck) -> str:
    """Return the answer of a station to GetTransactionStatus. Empty if it was not asked."""
    if check.problem:
        return f"nothing: {check.problem}"
    if not check.HasField("answer_time"):
        return ""
    going = {True: "ongoing, ", False: "not ongoing, "}[check.ongoing] if check.HasField("ongoing") else ""
    return f"{going}{'messages' if check.messages_in_queue else 'nothing'} queued, {time_word(check, 'answer_time')}"


def _event_row(event: TransactionEvent) -> list[str]:
    request = event.request
    return [
        count(request.seq_no),
        instant_word(request, "timestamp"),
        enum_word(request, "event_type"),
        enum_word(request, "trigger_reason"),
        enum_word(request.transaction_info, "charging_state"),
        enum_word(event.response.id_token_info, "status"),
        "yes" if request.offline else "",
        "yes" if event.late else "",
    ]


async def show_transaction(
    client: Client,
    transaction_id: TransactionId,
    station: StationOption = "",
    newest: Annotated[
        int, typer.Option("--newest", metavar="N", min=0, help="Show the newest N events alone, the last one first.")
    ] = 0,
) -> None:
    """Show a transaction and, without --json, its events."""
    found = await find_transaction(client, transaction_id, station)
    if client.out.as_json:
        client.out.message(found)
        return
    listed = ListTransactionEventsRequest(
        station_id=found.station_id,
        transaction_id=found.transaction_id,
        newest_first=newest > 0,
        omit_meter_values=True,
    )
    pages = collect(client.citrine.transactions.ListTransactionEvents, listed, newest)
    rows = [_event_row(event) async for page in pages for event in page.events]
    client.out.facts(_facts(found, await _currency(client, found)))
    titles = ["seq no", "time", "event", "trigger", "charging state", "token", "offline", "late"]
    client.out.table(titles, rows, empty="no events", title="events")


async def start_transaction(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")],
    id_token: Annotated[str, typer.Argument(metavar="TOKEN", help="Token to charge with.")],
    kind: Annotated[str, typer.Option("--type", metavar="TYPE", help="Type of the token.")] = "ISO14443",
    evse: Annotated[
        int, typer.Option("--evse", metavar="N", help="EVSE; without it the station chooses.", show_default=False)
    ] = 0,
    group: Annotated[str, typer.Option("--group", metavar="ID", help="Group, if not that of the token.")] = "",
    reference: Annotated[
        str,
        typer.Option("--reference", metavar="TEXT", help="What you call it; its charge record bears it."),
    ] = "",
    max_cost: MaxCost = "",
    max_energy: MaxEnergy = 0.0,
    max_time: MaxTime = 0.0,
) -> None:
    """Ask a station to start a transaction; `citrine transaction starts` shows the result."""
    request = remote_control.RequestStartTransactionRequest(id_token=IdToken(id_token=id_token, type=kind))
    if evse:
        request.evse_id = evse
    if group:
        request.group_id_token.CopyFrom(IdToken(id_token=group, type="Central"))
    if kind != WITHOUT_TOKEN:
        await warn_unknown_token(client, id_token, kind)
    answer = await client.citrine.remote_control.RequestStartTransaction(
        RequestStartTransactionRequest(
            target=CommandTarget(station_id=station_id),
            request=request,
            limit=parse_limit(max_cost, max_energy, max_time),
            reference=reference,
        )
    )
    status = enum_word(answer.response, "status")
    if client.out.as_json or status != "Accepted":
        show_answer(client, answer)
        return
    started = f", transaction {answer.response.transaction_id}" if answer.response.transaction_id else ""
    remote_start = f"remote start {answer.command.request['remoteStartId']:.0f}"
    client.out.line(f"{status}: {remote_start}{started}")


async def stop_transaction(client: Client, transaction_id: TransactionId, station: StationOption = "") -> None:
    """Ask the station of a transaction to stop it."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    answer = await client.citrine.remote_control.RequestStopTransaction(
        RequestStopTransactionRequest(
            target=CommandTarget(station_id=station_id),
            request=remote_control.RequestStopTransactionRequest(transaction_id=transaction_id),
        )
    )
    show_answer(client, answer)


async def unlock_connector(client: Client, transaction_id: TransactionId, station: StationOption = "") -> None:
    """Unlock the connector of a transaction. The exit code is 1 if it stays locked."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = UnlockConnectorRequest(target=CommandTarget(station_id=station_id), transaction_id=transaction_id)
    show_answer(client, await client.citrine.remote_control.UnlockConnector(request), ("Unlocked",))


async def check_transaction(client: Client, transaction_id: TransactionId, station: StationOption = "") -> None:
    """Ask the station of a transaction whether it goes on, and whether messages about it are queued."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    answer = await client.citrine.transactions.GetTransactionStatus(
        GetTransactionStatusRequest(
            target=CommandTarget(station_id=station_id),
            request=ocpp.GetTransactionStatusRequest(transaction_id=transaction_id),
        )
    )
    if client.out.as_json:
        client.out.message(answer)
        return
    said = answer.response
    ongoing = ("yes" if said.ongoing_indicator else "no") if said.HasField("ongoing_indicator") else "not said"
    client.out.facts({"ongoing": ongoing, "messages queued": "yes" if said.messages_in_queue else "no"})


async def close_transaction(
    client: Client, transaction_id: TransactionId, station: StationOption = "", yes: Consent = False
) -> None:
    """Close an open transaction whose end will never arrive. Nothing is sent to its station."""
    station_id, transaction_id = await key_of_settled(client, transaction_id, station, yes=yes)
    request = CloseTransactionRequest(station_id=station_id, transaction_id=transaction_id)
    closed = await client.citrine.transactions.CloseTransaction(request)
    if client.out.as_json:
        client.out.message(closed)
        return
    client.out.line(f"transaction {transaction_id} of {station_id} closed")
