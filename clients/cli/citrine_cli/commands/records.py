"""`citrine record`: charge records, and the transactions that are not settled yet."""

import asyncio
from typing import Annotated

import grpc
import typer

from citrine.api.v1.charge_records_pb2 import (
    ChargeDimension,
    ChargeRecord,
    GetChargeRecordRequest,
    ListChargeRecordsRequest,
    ListUnsettledTransactionsRequest,
    SettlementWait,
)
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.transactions_pb2 import SettleTransactionRequest, Transaction, TransactionAnomaly
from citrine_cli.client import Client, client_command, collect
from citrine_cli.commands.settlements import Consent, Reason, StationOption, TransactionId, key_of_settled
from citrine_cli.errors import CliError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.prefixes import key_of_transaction, listed_transaction
from citrine_cli.progress import say_waiting
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.cells import Figure, PrefixId, State
from citrine_words.values import parse_span
from citrine_words.words import amount, count, duration_word, enum_word, instant_word, money, number, time_word

__all__ = ["build"]

PATIENCE, LOOK = 15, 0.5
"""Seconds until the first revision of a record is made at the latest, and between two looks."""

PATIENCE_AGAIN = 5
"""Seconds until another revision is made, if any is: where nothing that is charged changed there is none."""

_UNITS = {
    ChargeDimension.CHARGE_DIMENSION_ENERGY: "kWh",
    ChargeDimension.CHARGE_DIMENSION_CHARGING_TIME: "h",
    ChargeDimension.CHARGE_DIMENSION_IDLE_TIME: "h",
    ChargeDimension.CHARGE_DIMENSION_RESERVATION_TIME: "h",
}


def build() -> typer.Typer:
    """Return the commands of `citrine record`."""
    app = typer.Typer(help="Charge records: list, show, follow, settle; and what is not settled: unsettled.")
    client_command(app, "list")(list_records)
    client_command(app, "show")(show_record)
    client_command(app, "follow")(follow_records)
    client_command(app, "settle")(settle_record)
    client_command(app, "unsettled")(list_unsettled)
    return app


async def list_records(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    transaction_id: Annotated[
        str, typer.Option("--transaction", metavar="ID", help="Only of this one, each revision.")
    ] = "",
    id_token: Annotated[str, typer.Option("--token", metavar="ID", help="Only of this token.")] = "",
    reference: Annotated[str, typer.Option("--reference", metavar="TEXT", help="Only with this reference.")] = "",
    begin: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Ended then or later.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Ended before then.")] = "",
    after: Annotated[
        int | None, typer.Option("--after", metavar="N", help="Only changes after this one, in their order.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Only the latest revision of each.")] = False,
    record: Annotated[str, typer.Option("--record", metavar="ID", help="Only the revisions of this record.")] = "",
    made_since: Annotated[str, typer.Option("--made-since", metavar="TIME", help="Only those made since then.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List charge records with their revisions, those made last first."""
    first, last = parse_span("--from/--since", begin, "--to", end, past=True)
    made, _ = parse_span("--made-since", made_since, "", None, past=True)
    request = ListChargeRecordsRequest(
        station_id=station,
        transaction_id=await listed_transaction(client, transaction_id, station),
        id_token=id_token,
        reference=reference,
        end_time=TimeRange(start=first, end=last) if begin or end else None,
        after_change=after,
        latest_only=latest,
        record_id=record,
        create_time=TimeRange(start=made) if made else None,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.charge_records.ListChargeRecords, request, limit)
    records = [record async for page in pages for record in page.records]
    if client.out.as_json:
        client.out.messages(records)
        return
    client.out.table(
        ["change", "transaction", "station", "token", "revision", "reason", "energy", "with vat", "ended", "made"],
        (
            [
                count(one.change),
                PrefixId(one.transaction_id),
                one.station_id,
                one.token.id_token.id_token,
                count(one.revision),
                enum_word(one, "reason") if one.reason else "",
                _energy(one),
                _total(one),
                instant_word(one, "end_time"),
                time_word(one, "create_time"),
            ]
            for one in records
        ),
        empty="no charge records",
    )


async def follow_records(
    client: Client,
    after: Annotated[int, typer.Option("--after", metavar="N", help="Begin after this change. 0: with the first.")] = 0,
) -> None:
    """Print each revision of each charge record once, in their order, then each new one, until Ctrl-C.

    Go on with --after and the change of the last one that was handled: none is left out, none comes twice.
    """
    say_waiting("waiting for charge records; Ctrl-C ends it")
    async for one in client.citrine.follow_charge_records(after):
        if client.out.as_json:
            client.out.message(one, line=True)
            continue
        said = (one.change, one.station_id, one.transaction_id, f"revision {one.revision}", _energy(one), _total(one))
        client.out.line("  ".join(str(part) for part in said if part))


async def show_record(
    client: Client,
    transaction_id: TransactionId,
    station: StationOption = "",
    revision: Annotated[int, typer.Option("--revision", metavar="N", help="Which one; 0 is the latest.")] = 0,
) -> None:
    """Show the charge record of a transaction."""
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    request = GetChargeRecordRequest(station_id=station_id, transaction_id=transaction_id, revision=revision)
    _show(client, await client.citrine.charge_records.GetChargeRecord(request))


async def settle_record(
    client: Client, transaction_id: TransactionId, reason: Reason, station: StationOption = "", yes: Consent = False
) -> None:
    """Settle a transaction from the known events, and show its charge record: the one of before, if that stands."""
    station_id, transaction_id = await key_of_settled(client, transaction_id, station, yes=yes)
    request = SettleTransactionRequest(station_id=station_id, transaction_id=transaction_id, reason=reason)
    settled = await client.citrine.transactions.SettleTransaction(request)
    record = await _made(client, settled)
    if record is None:
        raise CliError(f"transaction {transaction_id} of {station_id} is settled, and its charge record not made yet")
    if not client.out.as_json and not _is_of(record, settled):
        client.out.line(
            f"transaction {transaction_id} of {station_id} settled; its charge record is as it was:"
            f" revision {record.revision}"
        )
    _show(client, record)


async def list_unsettled(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    over: Annotated[bool, typer.Option("--over", help="Only those that ended, or seem to be over.")] = False,
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the transactions that are not settled, with what they wait for, the latest first."""
    request = ListUnsettledTransactionsRequest(
        start_time=range_of(begin, end),
        station_id=station,
        over_only=over,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.charge_records.ListUnsettledTransactions, request, limit)
    found = [one async for page in pages for one in page.transactions]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["transaction", "station", "evse", "waits for", "until", "energy", "started", "ended"],
        (
            [
                PrefixId(one.transaction_id),
                one.station_id,
                number(one, "evse_id"),
                State(", ".join(_wait(wait) for wait in one.waits_for)),
                time_word(one, "settle_due_time"),
                amount(one, "energy_wh", "kWh", 1000),
                time_word(one, "start_time"),
                time_word(one, "end_time"),
            ]
            for one in found
        ),
        empty="all transactions are settled",
    )


async def _made(client: Client, settled: Transaction) -> ChargeRecord | None:
    """Return the record of a transaction that was just settled; None if it takes too long.

    One that went on after an earlier settlement has records of that one already. The latest of them is returned where
    this settlement makes none.
    """
    request = GetChargeRecordRequest(station_id=settled.station_id, transaction_id=settled.transaction_id)
    looks, record = 0, None
    while looks * LOOK < (PATIENCE if record is None else PATIENCE_AGAIN):
        if looks:
            await asyncio.sleep(LOOK)
        looks += 1
        try:
            record = await client.citrine.charge_records.GetChargeRecord(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            continue
        if _is_of(record, settled):
            return record
    return record


def _is_of(record: ChargeRecord, settled: Transaction) -> bool:
    """Return whether a revision was made of this settlement, or after it."""
    return record.settle_time.ToNanoseconds() >= settled.settle_time.ToNanoseconds()


def _show(client: Client, record: ChargeRecord) -> None:
    if client.out.as_json:
        client.out.message(record)
        return
    client.out.facts(
        {
            "transaction": record.transaction_id,
            "station": record.station_id,
            "location": record.location.location_id,
            "evse": number(record, "evse_id"),
            "connector": number(record, "connector_id"),
            "hardware": f"{record.station.vendor_name} {record.station.model}".strip(),
            "token": record.token.id_token.id_token,
            "reference": record.reference,
            "group": record.token.group_id,
            "contract": record.token.contract_id,
            "authorized by": enum_word(record, "authorization_method") if record.authorization_method else "",
            "remote start": number(record, "remote_start_id"),
            "reservation": number(record, "reservation_id"),
            "reserved since": time_word(record, "reservation_start_time"),
            "started": time_word(record, "start_time"),
            "ended": time_word(record, "end_time"),
            "settled": time_word(record, "settle_time"),
            "settled because of": enum_word(record, "settlement"),
            "missing events": count(record.missing_events, zero=""),
            "doubts": ", ".join(_doubt(one) for one in record.anomalies),
            "signed readings": count(len(record.signed_start) + len(record.signed_end), zero=""),
            "record": record.record_id,
            "revision": count(record.revision),
            "replaces": count(record.replaces, zero=""),
            "reason": enum_word(record, "reason") if record.reason else "",
            "who": record.requested_by,
            "why": record.detail,
            "change": count(record.change),
            "made": time_word(record, "create_time"),
            "tariff": f"{record.tariff_id} version {record.tariff_version}" if record.tariff_id else "none",
            "energy": _energy(record),
            "charging": duration_word(record.charging_time) if record.HasField("charging_time") else "",
            "idle": duration_word(record.idle_time) if record.HasField("idle_time") else "",
            "without VAT": money(record.total.before_tax, record.currency),
            "with VAT": _total(record),
        }
    )
    _show_totals(client, record)


def _show_totals(client: Client, record: ChargeRecord) -> None:
    if not record.totals:
        return
    client.out.table(
        ["for", "quantity", "without vat", "with vat"],
        (
            [
                ChargeDimension.Name(one.dimension).removeprefix("CHARGE_DIMENSION_").replace("_", " ").lower(),
                Figure(f"{one.quantity} {_UNITS.get(one.dimension, '')}".strip()),
                money(one.amount.before_tax, record.currency),
                money(one.amount.after_tax, record.currency),
            ]
            for one in record.totals
        ),
        empty="",
        title="totals",
    )
    client.out.table(
        ["tax", "on", "comes to"],
        (
            [f"{one.type} {one.percent}%", money(one.base, record.currency), money(one.amount, record.currency)]
            for one in record.taxes
        ),
        empty="",
        title="taxes",
    )


def _energy(record: ChargeRecord) -> str:
    return Figure(f"{record.energy_kwh} kWh") if record.energy_kwh else ""


def _total(record: ChargeRecord) -> str:
    return Figure("unknown") if record.cost_unknown else money(record.total.after_tax, record.currency)


def _wait(wait: SettlementWait.ValueType) -> str:
    return SettlementWait.Name(wait).removeprefix("SETTLEMENT_WAIT_").replace("_", " ").lower()


def _doubt(one: TransactionAnomaly) -> str:
    return TransactionAnomaly.Kind.Name(one.kind).removeprefix("KIND_").replace("_", " ").lower()
