"""`citrine transaction settle, reopen, waive, credit, reprice, confirm, actions`: settlement by operators."""

from typing import Annotated

import grpc
import typer

from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine.api.v1.tariff_and_cost_pb2 import CostCorrection, GetTransactionCostRequest, TransactionCost
from citrine.api.v1.transactions_pb2 import (
    ConfirmReadingRequest,
    CreditTransactionCostRequest,
    ListSettlementActionsRequest,
    ReopenTransactionRequest,
    RepriceTransactionRequest,
    SettlementAction,
    SettleTransactionRequest,
    WaiveTransactionCostRequest,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.prefixes import find_transaction, key_of_transaction, listed_transaction, with_transaction
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.words import amount, enum_word, instant_word, money, time_word

__all__ = ["Consent", "Reason", "StationOption", "TransactionId", "add_commands", "key_of_settled"]

_KINDS = words_of(SettlementAction.Kind.items(), "KIND_")

TransactionId = Annotated[str, typer.Argument(metavar="ID", help="Id of the transaction, or what it begins with.")]
StationOption = Annotated[str, typer.Option("--station", metavar="ID", help="Station, where several used one id.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is stored with your name.")]

Consent = Annotated[bool, typer.Option("--yes", help="Even if it is open and its station is connected.")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to those of `citrine transaction`."""
    client_command(app, "settle")(settle_transaction)
    client_command(app, "reopen")(reopen_transaction)
    client_command(app, "waive")(waive_cost)
    client_command(app, "credit")(credit_cost)
    client_command(app, "reprice")(reprice_transaction)
    client_command(app, "confirm")(confirm_reading)
    client_command(app, "actions")(list_actions)


async def settle_transaction(
    client: Client, transaction_id: TransactionId, reason: Reason, station: StationOption = "", yes: Consent = False
) -> None:
    """Settle a transaction from the known events: its cost is final, and nothing more is expected."""
    station_id, transaction_id = await key_of_settled(client, transaction_id, station, yes=yes)
    request = SettleTransactionRequest(station_id=station_id, transaction_id=transaction_id, reason=reason)
    settled = await client.citrine.transactions.SettleTransaction(request)
    if client.out.as_json:
        client.out.message(settled)
        return
    client.out.line(f"transaction {transaction_id} of {station_id} settled")


async def reopen_transaction(
    client: Client, transaction_id: TransactionId, reason: Reason, station: StationOption = ""
) -> None:
    """Reopen a settled transaction for further events. They correct its cost."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = ReopenTransactionRequest(station_id=station_id, transaction_id=transaction_id, reason=reason)
    reopened = await client.citrine.transactions.ReopenTransaction(request)
    if client.out.as_json:
        client.out.message(reopened)
        return
    until = time_word(reopened, "settle_due_time")
    client.out.line(f"transaction {transaction_id} of {station_id} reopened{f' until {until}' if until else ''}")


async def waive_cost(
    client: Client, transaction_id: TransactionId, reason: Reason, station: StationOption = ""
) -> None:
    """Waive the cost of a settled transaction, by a correction to 0."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = WaiveTransactionCostRequest(station_id=station_id, transaction_id=transaction_id, reason=reason)
    _show(client, await client.citrine.transactions.WaiveTransactionCost(request))


async def credit_cost(
    client: Client,
    transaction_id: TransactionId,
    amount_: Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, with tax.")],
    reason: Reason,
    station: StationOption = "",
    refunded: Annotated[bool, typer.Option("--refunded", help="It was paid, and is given back.")] = False,
) -> None:
    """Take an amount off the cost of a settled transaction, as a correction."""

    async def get(whole: str) -> TransactionCost:
        request = GetTransactionCostRequest(transaction_id=whole, station_id=station)
        return await client.citrine.tariff_and_cost.GetTransactionCost(request)

    found = await with_transaction(client, transaction_id, station, get)
    request = CreditTransactionCostRequest(
        station_id=found.station_id,
        transaction_id=found.transaction_id,
        reason=reason,
        amount=amount_,
        refunded=refunded,
        replaces=found.corrections,
    )
    _show(client, await client.citrine.transactions.CreditTransactionCost(request))


async def reprice_transaction(
    client: Client,
    transaction_id: TransactionId,
    reason: Reason,
    station: StationOption = "",
    tariff: Annotated[str, typer.Option("--tariff", metavar="ID", help="Tariff, if not that of the cost.")] = "",
    version: Annotated[int, typer.Option("--version", metavar="N", help="Its version; 0 is the current one.")] = 0,
) -> None:
    """Calculate the cost of a settled transaction anew, by the same or another tariff, as a correction."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = RepriceTransactionRequest(
        station_id=station_id, transaction_id=transaction_id, reason=reason, tariff_id=tariff, tariff_version=version
    )
    _show(client, await client.citrine.transactions.RepriceTransaction(request))


async def confirm_reading(
    client: Client,
    transaction_id: TransactionId,
    register_kwh: Annotated[float, typer.Argument(metavar="KWH", help="Register of the omitted reading.")],
    reason: Reason,
    station: StationOption = "",
) -> None:
    """Confirm a reading that was omitted because the register rose too steeply. Its energy is billed."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = ConfirmReadingRequest(
        station_id=station_id,
        transaction_id=transaction_id,
        reason=reason,
        register_wh=round(register_kwh * 1000, 6),
    )
    confirmed = await client.citrine.transactions.ConfirmReading(request)
    if client.out.as_json:
        client.out.message(confirmed)
        return
    client.out.line(f"transaction {transaction_id} of {station_id} has {amount(confirmed, 'energy_wh', 'kWh', 1000)}")


async def list_actions(
    client: Client,
    transaction_id: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only of this one.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=f"Only to {', '.join(_KINDS)}.")] = "",
    author: Annotated[str, typer.Option("--by", metavar="NAME", help="Only by the key of this name.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the actions of operators on the settlement of transactions, the latest first."""
    transaction_id = await listed_transaction(client, transaction_id, station)
    request = ListSettlementActionsRequest(
        station_id=station,
        transaction_id=transaction_id,
        kind=choice("--kind", _KINDS, kind) if kind else SettlementAction.KIND_UNSPECIFIED,
        requested_by=author,
        time=range_of(begin, end),
    )
    pages = collect(client.citrine.transactions.ListSettlementActions, request, limit)
    actions = [action async for page in pages for action in page.actions]
    if client.out.as_json:
        client.out.messages(actions)
        return
    client.out.table(
        ["time", "transaction", "station", "what", "who", "why", "correction"],
        (
            [
                instant_word(one, "time"),
                PrefixId(one.transaction_id),
                one.station_id,
                enum_word(one, "kind"),
                one.requested_by,
                one.reason,
                str(one.correction or ""),
            ]
            for one in actions
        ),
        empty="nobody did anything",
    )


def _show(client: Client, correction: CostCorrection) -> None:
    if client.out.as_json:
        client.out.message(correction)
        return
    total, replaced = correction.cost.total, correction.replaced_total
    before = money(replaced.after_tax, correction.replaced_currency)
    client.out.line(
        f"transaction {correction.transaction_id} of {correction.station_id}: correction {correction.number},"
        f" {money(total.after_tax, correction.cost.currency)}{f' instead of {before}' if before else ''}"
    )


async def key_of_settled(client: Client, transaction_id: str, station_id: str, *, yes: bool) -> tuple[str, str]:
    """Return the station and the id of a transaction to settle or close.

    Raises:
        UsageError: When it seems to go on and --yes is not given: its next event would open it again.
    """
    found = await find_transaction(client, transaction_id, station_id)
    ends = (
        found.HasField("end_time"),
        found.HasField("close_time"),
        found.HasField("over_time"),
        found.HasField("settle_time"),
    )
    is_over = found.orphaned or any(ends)
    if not yes and not is_over and await _is_connected(client, found.station_id):
        heard = time_word(found, "update_time")
        raise UsageError(
            f"transaction {found.transaction_id} goes on: station {found.station_id} is connected"
            f"{f', last event {heard}' if heard else ''}; the next event opens it again. Say --yes to do it anyway"
        )
    return found.station_id, found.transaction_id


async def _is_connected(client: Client, station_id: str) -> bool:
    try:
        return (await client.citrine.stations.GetStation(GetStationRequest(station_id=station_id))).connected
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        # The station does not exist any more.
        return False
