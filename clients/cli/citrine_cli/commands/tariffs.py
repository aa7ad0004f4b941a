"""`citrine tariff`: tariffs, and previews of costs."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_CHARGING_TIME,
    TARIFF_DIMENSION_ENERGY,
    TARIFF_DIMENSION_FLAT,
    TARIFF_DIMENSION_IDLE_TIME,
    Amount,
    CreateTariffRequest,
    DeleteTariffRequest,
    GetTariffRequest,
    ListTariffsRequest,
    ListTariffVersionsRequest,
    PreviewCostRequest,
    PriceComponent,
    Tariff,
    TariffElement,
    TariffText,
    TaxRate,
    UpdateTariffRequest,
    Usage,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.tariff_assignments import (
    Evse,
    IdToken,
    Station,
    TariffId,
    TokenType,
    assign_tariff,
    check_unassigned,
    id_token_of,
    list_assignments,
    unassign_tariff,
)
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.costs import cost_lines
from citrine_cli.errors import UsageError, warn
from citrine_cli.filters import ChangedOption, changed_since
from citrine_cli.message_files import read_message
from citrine_words.prices import element_lines
from citrine_words.times import OF_LOCATION
from citrine_words.values import parse_seconds, parse_span, parse_time
from citrine_words.words import count, money, time_word

__all__ = ["build"]

LONGEST = 366 * 86_400.0
"""Longest usage in a preview, in seconds."""

File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="The tariff as JSON, as `show --json` prints it; - is stdin."),
]


def build() -> typer.Typer:
    """Return the commands of `citrine tariff`."""
    app = typer.Typer(help="Tariffs: create, change, assign, try out.")
    for word, command in (
        ("create", create_tariff),
        ("update", update_tariff),
        ("list", list_tariffs),
        ("show", show_tariff),
        ("versions", list_versions),
        ("remove", remove_tariff),
        ("assign", assign_tariff),
        ("assignments", list_assignments),
        ("unassign", unassign_tariff),
        ("preview", preview_cost),
    ):
        client_command(app, word)(command)
    return app


Currency = Annotated[str, typer.Option("--currency", metavar="CUR", help="ISO 4217, e.g. EUR.")]
Energy = Annotated[str, typer.Option("--energy", metavar="PRICE", help="Of one kWh, e.g. 0.30.")]
Charging = Annotated[str, typer.Option("--charging", metavar="PRICE", help="Of one hour of charging.")]
Idle = Annotated[str, typer.Option("--idle", metavar="PRICE", help="Of one hour of idle time.")]
IdleAfter = Annotated[float, typer.Option("--idle-after", metavar="MINUTES", help="Idle time that is free.")]
Fee = Annotated[str, typer.Option("--fee", metavar="PRICE", help="Once for each transaction.")]
Vat = Annotated[str, typer.Option("--vat", metavar="PERCENT", help="VAT of all prices.")]
Taxes = Annotated[
    list[str] | None,
    typer.Option("--tax", metavar="NAME=PERCENT[/N]", help="Instead of --vat: a tax, in stack N (0); repeat."),
]
Gross = Annotated[bool, typer.Option("--gross", help="Prices are with VAT.")]
Least = Annotated[str, typer.Option("--min", metavar="PRICE", help="Least that a transaction costs, with VAT.")]
LeastNeedsEnergy = Annotated[bool, typer.Option("--min-needs-energy", help="No minimum is due without energy.")]
Most = Annotated[str, typer.Option("--max", metavar="PRICE", help="Most that a transaction costs, with VAT.")]
Zone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Like Europe/Berlin.", show_default=OF_LOCATION)]
From = Annotated[str, typer.Option("--valid-from", metavar="TIME", help="Not valid before.")]
To = Annotated[str, typer.Option("--valid-to", metavar="TIME", help="Not valid from then on.")]
Texts = Annotated[list[str] | None, typer.Option("--text", metavar="LANG=TEXT", help="Text for drivers; repeat.")]
Description = Annotated[str, typer.Option("--description", metavar="TEXT", help="For operators.")]


async def create_tariff(
    client: Client,
    tariff_id: TariffId,
    file: File = None,
    currency: Currency = "",
    energy: Energy = "",
    charging: Charging = "",
    idle: Idle = "",
    idle_after: IdleAfter = 0,
    fee: Fee = "",
    vat: Vat = "",
    taxes: Taxes = None,
    gross: Gross = False,
    least: Least = "",
    least_needs_energy: LeastNeedsEnergy = False,
    most: Most = "",
    time_zone: Zone = "",
    valid_from: From = "",
    valid_to: To = "",
    texts: Texts = None,
    description: Description = "",
) -> None:
    """Create a tariff from flags or, with all features, from a file. It applies when it is assigned."""
    prices = [
        (TARIFF_DIMENSION_ENERGY, energy),
        (TARIFF_DIMENSION_CHARGING_TIME, charging),
        (TARIFF_DIMENSION_FLAT, fee),
    ]
    tariff = _read(file, tariff_id)
    rates = [_tax(text) for text in taxes or ()]
    tariff.elements.extend(_elements(prices, vat, rates, 0))
    tariff.elements.extend(_elements([(TARIFF_DIMENSION_IDLE_TIME, idle)], vat, rates, idle_after))
    if least_needs_energy:
        tariff.min_price_needs_energy = True
    _fill(tariff, currency, gross, least, most, time_zone, valid_from, valid_to, texts or (), description)
    if not tariff.currency:
        raise UsageError("name the currency of the tariff, as by --currency EUR, or in the --file")
    if not tariff.elements:
        raise UsageError("name a price of the tariff, by --energy, --charging, --idle or --fee, or in the --file")
    created = await client.citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
    _warn_of_negative_prices(created)
    if client.out.as_json:
        client.out.message(created)
        return
    client.out.line(f"tariff {created.tariff_id} created; it applies to nobody until it is assigned")


def _warn_of_negative_prices(tariff: Tariff) -> None:
    # OCPP and OCPI allow negative prices, but a minus is usually a mistake.
    prices = {one.price for element in tariff.elements for one in element.price_components if one.price[:1] == "-"}
    if prices:
        amounts = ", ".join(money(price, tariff.currency) for price in sorted(prices))
        warn(f"tariff {tariff.tariff_id} has negative prices, by which drivers are paid: {amounts}")


async def update_tariff(
    client: Client,
    tariff_id: TariffId,
    file: Annotated[Path, typer.Option("--file", metavar="PATH", help="Changed fields as JSON; - is stdin.")],
) -> None:
    """Change the fields of a tariff that the file has, for transactions that begin from now on."""
    request = UpdateTariffRequest(tariff=_read(file, tariff_id))
    updated = await client.citrine.tariffs.UpdateTariff(request)
    _warn_of_negative_prices(updated)
    if client.out.as_json:
        client.out.message(updated)
        return
    client.out.line(f"tariff {updated.tariff_id} has version {updated.version}")


async def list_tariffs(
    client: Client,
    changed: ChangedOption = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Also those that were removed.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most; 0 is all.")] = 0,
) -> None:
    """List the tariffs."""
    request = ListTariffsRequest(update_time=changed_since(changed), include_deleted=deleted)
    pages = collect(client.citrine.tariffs.ListTariffs, request, limit)
    _print_tariffs(client, [one async for page in pages for one in page.tariffs])


async def list_versions(client: Client, tariff_id: TariffId, limit: Limit = 0) -> None:
    """List the versions of a tariff, the latest first."""
    request = ListTariffVersionsRequest(tariff_id=tariff_id)
    pages = collect(client.citrine.tariffs.ListTariffVersions, request, limit)
    _print_tariffs(client, [one async for page in pages for one in page.tariffs])


def _print_tariffs(client: Client, tariffs: list[Tariff]) -> None:
    if client.out.as_json:
        client.out.messages(tariffs)
        return
    client.out.table(
        ["tariff", "version", "currency", "prices", "valid from", "valid to", "description"],
        (
            [
                one.tariff_id,
                count(one.version),
                one.currency,
                "; ".join(element_lines(one)),
                time_word(one, "valid_from"),
                time_word(one, "valid_to"),
                one.description,
            ]
            for one in tariffs
        ),
        empty="no tariffs",
    )


async def show_tariff(
    client: Client,
    tariff_id: TariffId,
    version: Annotated[
        int, typer.Option("--version", metavar="N", help="This version instead of the current one.")
    ] = 0,
) -> None:
    """Show a tariff."""
    found = await client.citrine.tariffs.GetTariff(GetTariffRequest(tariff_id=tariff_id, version=version))
    if client.out.as_json:
        client.out.message(found)
        return
    facts = {
        "tariff": found.tariff_id,
        "version": str(found.version),
        "tenant": found.tenant_id,
        "currency": found.currency,
        "prices are": "with VAT" if found.prices_include_tax else "without VAT",
        "time zone": found.time_zone or OF_LOCATION,
        "least without VAT": money(found.min_price.before_tax, found.currency),
        "least with VAT": money(found.min_price.after_tax, found.currency),
        "least without energy": "nothing" if found.min_price_needs_energy else "",
        "most without VAT": money(found.max_price.before_tax, found.currency),
        "most with VAT": money(found.max_price.after_tax, found.currency),
        "valid from": time_word(found, "valid_from"),
        "valid to": time_word(found, "valid_to"),
        "description": found.description,
        "created": time_word(found, "create_time"),
        "updated": time_word(found, "update_time"),
    }
    texts = "; ".join(f"{one.language}: {one.text}" if one.language else one.text for one in found.texts)
    client.out.facts(facts | {"text for drivers": texts})
    for line in element_lines(found):
        client.out.line(f"- {line}")


async def remove_tariff(client: Client, tariff_id: TariffId, yes: Yes = False) -> None:
    """Remove a tariff that is not assigned. Transactions retain the version under which they began."""

    async def look() -> None:
        await client.citrine.tariffs.GetTariff(GetTariffRequest(tariff_id=tariff_id))
        await check_unassigned(client, tariff_id)

    await ask_consent(f"remove tariff {tariff_id}?", yes=yes, look=look)
    try:
        answer = await client.citrine.tariffs.DeleteTariff(DeleteTariffRequest(tariff_id=tariff_id))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
            # The key may lack the scope to read assignments.
            with contextlib.suppress(grpc.aio.AioRpcError):
                await check_unassigned(client, tariff_id)
        raise
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"tariff {tariff_id} removed")


async def preview_cost(
    client: Client,
    tariff_id: Annotated[str, typer.Argument(metavar="[ID]", help="Tariff; else the one that applies there.")] = "",
    file: File = None,
    kwh: Annotated[str, typer.Option("--kwh", metavar="KWH", help="Energy.")] = "",
    charging: Annotated[float, typer.Option("--charging", metavar="MINUTES", help="Charging time.")] = 0,
    idle: Annotated[float, typer.Option("--idle", metavar="MINUTES", help="Idle time after it.")] = 0,
    start: Annotated[str, typer.Option("--start", metavar="TIME", help="When it begins.", show_default="now")] = "",
    station: Station = "",
    evse: Evse = 0,
    id_token: IdToken = "",
    token_type: TokenType = "",
) -> None:
    """Show what charging would cost."""
    usage = Usage(energy_kwh=kwh, start_time=parse_time("--start", start) if start else None)
    if charging:
        usage.charging_time.CopyFrom(parse_seconds("--charging", charging * 60, LONGEST))
    if idle:
        usage.idle_time.CopyFrom(parse_seconds("--idle", idle * 60, LONGEST))
    request = PreviewCostRequest(
        tariff=None if file is None else _read(file, tariff_id or "PREVIEW"),
        tariff_id=tariff_id,
        station_id=station,
        evse_id=evse,
        id_token=id_token_of(id_token, token_type),
        usage=usage,
    )
    answer = await client.citrine.tariffs.PreviewCost(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    name = f"{answer.tariff_id} version {answer.version}" if answer.tariff_id else ""
    client.out.facts({"tariff": name, "text for drivers": answer.text})
    cost_lines(client.out, answer.cost)


def _read(file: Path | None, tariff_id: str) -> Tariff:
    tariff = read_message(file, Tariff())
    tariff.tariff_id = tariff_id
    return tariff


def _tax(text: str) -> TaxRate:
    name, found, rest = text.partition("=")
    percent, _, stack = rest.partition("/")
    if not found or (stack and not stack.isdecimal()):
        raise UsageError(f"--tax: {text!r} is not NAME=PERCENT or NAME=PERCENT/N")
    return TaxRate(type=name, percent=percent, stack=int(stack or 0))


def _elements(
    prices: Iterable[tuple[Any, str]], vat: str, taxes: Iterable[TaxRate], after: float
) -> list[TariffElement]:
    components = [
        PriceComponent(dimension=dimension, price=price, vat=vat or None, taxes=taxes)
        for dimension, price in prices
        if price
    ]
    if not components:
        return []
    element = TariffElement(price_components=components)
    if after:
        element.restrictions.min_idle_time.CopyFrom(parse_seconds("--idle-after", after * 60, LONGEST))
    return [element]


def _fill(
    tariff: Tariff,
    currency: str,
    gross: bool,
    least: str,
    most: str,
    time_zone: str,
    valid_from: str,
    valid_to: str,
    texts: Iterable[str],
    description: str,
) -> None:
    for name, value in (("currency", currency), ("time_zone", time_zone), ("description", description)):
        if value:
            setattr(tariff, name, value)
    if gross:
        tariff.prices_include_tax = True
    if least:
        tariff.min_price.CopyFrom(Amount(after_tax=least))
    if most:
        tariff.max_price.CopyFrom(Amount(after_tax=most))
    first, last = parse_span("--valid-from", valid_from, "--valid-to", valid_to)
    if first is not None:
        tariff.valid_from.CopyFrom(first)
    if last is not None:
        tariff.valid_to.CopyFrom(last)
    for text in texts:
        language, found, content = text.partition("=")
        if not found:
            raise UsageError(f"--text: {text!r} is not LANG=TEXT")
        tariff.texts.append(TariffText(language=language, text=content))
