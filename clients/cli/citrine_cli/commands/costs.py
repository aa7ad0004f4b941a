"""`citrine cost`: costs of transactions, and which of them stations are sent."""

from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.tariff_and_cost_pb2 import (
    COST_STATE_FINAL,
    COST_STATE_PROVISIONAL,
    COST_STATE_RUNNING,
    COST_STATE_UNSPECIFIED,
    CostCorrection,
    GetCostCorrectionRequest,
    GetTransactionCostRequest,
    ListCostCorrectionsRequest,
    ListTransactionCostsRequest,
    TransactionCost,
)
from citrine.api.v1.tariffs_pb2 import (
    PRICE_MESSAGES_ALWAYS,
    PRICE_MESSAGES_NEVER,
    PRICE_MESSAGES_SUPPORTED,
    RUNNING_COST_ANSWER,
    RUNNING_COST_BOTH,
    RUNNING_COST_COST_UPDATED,
    RUNNING_COST_NONE,
    CostSettings,
    GetCostSettingsRequest,
    UpdateCostSettingsRequest,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.costs import cost_lines
from citrine_cli.errors import UsageError
from citrine_cli.filters import FromOption, OneOfIds, ToOption, range_of
from citrine_cli.forms import DurationOption
from citrine_cli.prefixes import listed_transaction, with_transaction
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import Figure, PrefixId
from citrine_words.enums import words_of
from citrine_words.values import parse_seconds
from citrine_words.words import count, duration_word, enum_word, money, time_word

__all__ = ["build"]

_REASONS = words_of(CostCorrection.Reason.items(), "REASON_")

_STATES = {"running": COST_STATE_RUNNING, "provisional": COST_STATE_PROVISIONAL, "final": COST_STATE_FINAL}
_RUNNING = {
    "none": RUNNING_COST_NONE,
    "answer": RUNNING_COST_ANSWER,
    "cost-updated": RUNNING_COST_COST_UPDATED,
    "both": RUNNING_COST_BOTH,
}
_MESSAGES = {
    "supported": PRICE_MESSAGES_SUPPORTED,
    "always": PRICE_MESSAGES_ALWAYS,
    "never": PRICE_MESSAGES_NEVER,
}


def build() -> typer.Typer:
    """Return the commands of `citrine cost`."""
    app = typer.Typer(help="Costs of transactions: list, show, corrections, correction, settings.")
    client_command(app, "list")(list_costs)
    client_command(app, "show")(show_cost)
    client_command(app, "corrections")(list_corrections)
    client_command(app, "correction")(show_correction)
    client_command(app, "settings")(cost_settings)
    return app


async def list_costs(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="S", help="Only running, provisional or final ones.")] = "",
    ids: OneOfIds = None,
    id_token: Annotated[str, typer.Option("--token", metavar="ID", help="Only of this token.")] = "",
    breakdown: Annotated[bool, typer.Option("--breakdown", help="With the parts of each cost.")] = False,
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List what transactions cost, the latest first."""
    if state and state not in _STATES:
        raise UsageError(f"--state: {state!r} is none of {', '.join(_STATES)}")
    request = ListTransactionCostsRequest(
        settle_time=range_of(begin, end),
        station_id=station,
        state=_STATES.get(state, COST_STATE_UNSPECIFIED),
        stations=station_selector(location, group, label),
        transaction_ids=ids,
        id_token=id_token,
        include_breakdown=breakdown,
    )
    pages = collect(client.citrine.tariff_and_cost.ListTransactionCosts, request, limit)
    costs = [one async for page in pages for one in page.costs]
    if client.out.as_json:
        client.out.messages(costs)
        return
    client.out.table(
        [
            "transaction",
            "station",
            "state",
            "without vat",
            "with vat",
            "corrected",
            "tariff",
            "version",
            "computed",
        ],
        (
            [
                PrefixId(one.transaction_id),
                one.station_id,
                enum_word(one, "state"),
                money(one.cost.total.before_tax, one.cost.currency),
                Figure("unknown") if one.unknown else money(one.cost.total.after_tax, one.cost.currency),
                money(one.corrected_total.after_tax, one.corrected_currency),
                one.tariff.tariff_id,
                count(one.tariff.version, zero=""),
                time_word(one, "update_time"),
            ]
            for one in costs
        ),
        empty="no costs",
    )
    for one in costs if breakdown else ():
        client.out.facts({"transaction": one.transaction_id, "station": one.station_id})
        cost_lines(client.out, one.cost)


async def show_cost(
    client: Client,
    transaction_id: Annotated[
        str, typer.Argument(metavar="ID", help="The transactionId of the station, or what it begins with.")
    ],
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Station, where several used one id.")] = "",
) -> None:
    """Show what a transaction costs, with the parts of the cost."""

    async def get(whole: str) -> TransactionCost:
        request = GetTransactionCostRequest(transaction_id=whole, station_id=station)
        return await client.citrine.tariff_and_cost.GetTransactionCost(request)

    found = await with_transaction(client, transaction_id, station, get)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "transaction": found.transaction_id,
            "station": found.station_id,
            "state": enum_word(found, "state"),
            "tariff": _tariff_word(found.tariff.tariff_id, found.tariff.version) or "none",
            "sent to the station": money(found.told_total, found.cost.currency),
            "station reckons in": f"{found.station_currency}, and is sent no cost" if found.station_currency else "",
            "computed": time_word(found, "update_time"),
            "waits for": enum_word(found, "waits_for") if found.waits_for else "",
            "waits until": time_word(found, "waits_until"),
            "settled": time_word(found, "settle_time"),
            "settled because of": enum_word(found, "settlement") if found.settlement else "",
            "corrections": str(found.corrections or ""),
            "corrected to": money(found.corrected_total.after_tax, found.corrected_currency),
        }
    )
    if found.unknown:
        client.out.line("the cost is not known")
        return
    cost_lines(client.out, found.cost)


async def list_corrections(
    client: Client,
    transaction_id: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only of this one.")] = "",
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help=f"Only of one of {', '.join(_REASONS)}.")
    ] = "",
    author: Annotated[str, typer.Option("--by", metavar="NAME", help="Only by the key of this name.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the corrections of final costs, the latest first."""
    transaction_id = await listed_transaction(client, transaction_id, station)
    request = ListCostCorrectionsRequest(
        station_id=station,
        transaction_id=transaction_id,
        reason=choice("--reason", _REASONS, reason) if reason else CostCorrection.REASON_UNSPECIFIED,
        requested_by=author,
        create_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.tariff_and_cost.ListCostCorrections, request, limit)
    corrections = [one async for page in pages for one in page.corrections]
    if client.out.as_json:
        client.out.messages(corrections)
        return
    client.out.table(
        ["made", "transaction", "station", "number", "with vat", "instead of", "reason", "who", "why"],
        (
            [
                time_word(one, "create_time"),
                PrefixId(one.transaction_id),
                one.station_id,
                count(one.number),
                money(one.cost.total.after_tax, one.cost.currency),
                money(one.replaced_total.after_tax, one.replaced_currency),
                enum_word(one, "reason"),
                one.requested_by,
                one.detail,
            ]
            for one in corrections
        ),
        empty="no corrections",
    )


async def show_correction(
    client: Client,
    station: Annotated[str, typer.Argument(metavar="STATION", help="Station of the transaction.")],
    transaction_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the transaction, or what it begins with.")],
    number: Annotated[int, typer.Option("--number", metavar="N", help="Which one; 0 is the latest.")] = 0,
) -> None:
    """Show a correction of a final cost, with the parts of the cost."""

    async def get(whole: str) -> CostCorrection:
        request = GetCostCorrectionRequest(station_id=station, transaction_id=whole, number=number)
        return await client.citrine.tariff_and_cost.GetCostCorrection(request)

    found = await with_transaction(client, transaction_id, station, get)
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "transaction": found.transaction_id,
            "station": found.station_id,
            "correction": str(found.number),
            "replaces": f"correction {found.replaces}" if found.replaces else "the final cost",
            "instead of": money(found.replaced_total.after_tax, found.replaced_currency) or "unknown",
            "reason": enum_word(found, "reason"),
            "who": found.requested_by,
            "why": found.detail,
            "tariff": _tariff_word(found.tariff_id, found.tariff_version),
            "made": time_word(found, "create_time"),
        }
    )
    cost_lines(client.out, found.cost)


async def cost_settings(
    client: Client,
    running: Annotated[
        str, typer.Option("--running", metavar="HOW", help="Running cost: none, answer, cost-updated or both.")
    ] = "",
    interval: Annotated[float | None, DurationOption("--interval", help="How often CostUpdated is sent.")] = None,
    messages: Annotated[
        str, typer.Option("--messages", metavar="WHO", help="Stations that get prices: supported, always or never.")
    ] = "",
) -> None:
    """Show or change which prices and costs stations are sent."""
    settings, paths = CostSettings(), []
    for option, word, words, field in (
        ("--running", running, _RUNNING, "running_cost"),
        ("--messages", messages, _MESSAGES, "price_messages"),
    ):
        if word and word not in words:
            raise UsageError(f"{option}: {word!r} is none of {', '.join(words)}")
        if word:
            setattr(settings, field, words[word])
            paths.append(field)
    if interval is not None:
        settings.running_cost_interval.CopyFrom(parse_seconds("--interval", interval, 86_400))
        paths.append("running_cost_interval")
    if paths:
        request = UpdateCostSettingsRequest(settings=settings, update_mask=FieldMask(paths=paths))
        found = await client.citrine.tariffs.UpdateCostSettings(request)
    else:
        found = await client.citrine.tariffs.GetCostSettings(GetCostSettingsRequest())
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "running cost": enum_word(found, "running_cost"),
            "interval": duration_word(found.running_cost_interval),
            "price messages": enum_word(found, "price_messages"),
        }
    )


def _tariff_word(tariff_id: str, version: int) -> str:
    return f"{tariff_id} version {version}" if tariff_id else ""
