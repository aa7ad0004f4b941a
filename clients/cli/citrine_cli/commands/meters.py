"""`citrine meter`: meter values of stations."""

from typing import Annotated

import typer

from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, Sample
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2.types_pb2 import LocationEnum, PhaseEnum, ReadingContextEnum
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.prefixes import listed_transaction
from citrine_words.cells import Figure, PrefixId
from citrine_words.values import parse_span
from citrine_words.words import enum_word, instant_word, number

__all__ = ["build"]


_SIGNS = {"Percent": "%", "Celsius": "°C", "Fahrenheit": "°F", "Deg": "°"}
"""Signs of OCPP's units."""


def build() -> typer.Typer:
    """Return the commands of `citrine meter`."""
    app = typer.Typer(help="Meter values: list.")
    client_command(app, "list")(list_values)
    return app


async def list_values(
    client: Client,
    station_id: Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")],
    transaction: Annotated[str, typer.Option("--transaction", metavar="ID", help="Only of this transaction.")] = "",
    evse: Annotated[
        int, typer.Option("--evse", metavar="N", help="Only of this EVSE; 0 is the main meter.", show_default=False)
    ] = -1,
    connector: Annotated[int | None, typer.Option("--connector", metavar="N", help="Only of this connector.")] = None,
    measurand: Annotated[
        str, typer.Option("--measurand", metavar="NAME", help='Only of this measurand, e.g. "Power.Active.Import".')
    ] = "",
    context: Annotated[str, typer.Option("--context", metavar="NAME", help='Only of this one: "Sample.Clock".')] = "",
    phase: Annotated[str, typer.Option("--phase", metavar="NAME", help='Only of this phase, e.g. "L1-N".')] = "",
    location: Annotated[str, typer.Option("--location", metavar="NAME", help='Only from there, e.g. "Inlet".')] = "",
    start: Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Taken at this time or later.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Taken before this time.")] = "",
    signed: Annotated[bool, typer.Option("--signed", help="Only those that were signed.")] = False,
    newest: Annotated[bool, typer.Option("--newest", help="The latest first, which --limit counts from then.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List meter values of a station, the oldest first, in one unit for each quantity.

    --json prints the values as they were sent, with signed data.
    """
    first, last = parse_span("--from/--since", start, "--to", end, past=True)
    request = ListSamplesRequest(
        station_id=station_id,
        transaction_id=await listed_transaction(client, transaction, station_id),
        evse_id=evse if evse >= 0 else None,
        connector_id=connector,
        measurand=measurand,
        context=ReadingContextEnum.ValueType(_number("--context", ReadingContextEnum, context)),
        phase=PhaseEnum.ValueType(_number("--phase", PhaseEnum, phase)),
        location=LocationEnum.ValueType(_number("--location", LocationEnum, location)),
        time=TimeRange(start=first, end=last),
        signed_only=signed,
        newest_first=newest,
    )
    pages = collect(client.citrine.meter_values.ListSamples, request, limit)
    samples = [sample async for page in pages for sample in page.samples]
    if client.out.as_json:
        client.out.messages(samples)
        return
    client.out.table(
        ["time", "evse", "measurand", "value", "phase", "location", "context", "transaction", "signed"],
        map(_row, samples),
        empty="no meter values",
    )


def _row(sample: Sample) -> list[str]:
    value = sample.sampled_value
    return [
        instant_word(sample, "time"),
        number(sample, "evse_id"),
        enum_word(value, "measurand"),
        Figure(f"{sample.value} {_SIGNS.get(sample.unit, sample.unit)}".strip()),
        enum_word(value, "phase"),
        enum_word(value, "location"),
        enum_word(value, "context"),
        PrefixId(sample.transaction_id),
        value.signed_meter_value.encoding_method if value.HasField("signed_meter_value") else "",
    ]


def _number(option: str, enum: object, text: str) -> int:
    if not text:
        return 0
    found = number_of(enum, text)
    if found is None:
        raise UsageError(f"{option}: {text!r} is not a name that OCPP has")
    return found
