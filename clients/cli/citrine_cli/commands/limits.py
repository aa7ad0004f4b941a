"""`citrine limit`: limits of transactions."""

from typing import Annotated

import typer

from citrine.api.v1.transaction_limits_pb2 import (
    LIMIT_STATE_UNSPECIFIED,
    LimitState,
    ListTransactionLimitsRequest,
    SetTransactionLimitRequest,
    TransactionLimit,
)
from citrine_cli.client import Client, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.limits import MaxCost, MaxEnergy, MaxTime, limit_words, parse_limit
from citrine_cli.prefixes import key_of_transaction
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.words import enum_word, time_word

__all__ = ["build"]

_STATES = words_of(LimitState.items(), "LIMIT_STATE_")

StationOption = Annotated[str, typer.Option("--station", metavar="ID", help="Station, where several used one id.")]


def build() -> typer.Typer:
    """Return the commands of `citrine limit`."""
    app = typer.Typer(help="How much transactions may take: list, set.")
    client_command(app, "list")(list_limits)
    client_command(app, "set")(set_limit)
    return app


async def list_limits(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"Only {', '.join(_STATES)} ones.")] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the limits of transactions and their effects, those of the latest transactions first."""
    request = ListTransactionLimitsRequest(
        station_id=station,
        state=choice("--state", _STATES, state) if state else LIMIT_STATE_UNSPECIFIED,
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.transaction_limits.ListTransactionLimits, request, limit)
    limits = [found async for page in pages for found in page.limits]
    if client.out.as_json:
        client.out.messages(limits)
        return
    client.out.table(
        ["transaction", "station", "limit", "state", "throttle", "reached", "when", "set by", "problem"],
        (
            [
                PrefixId(found.transaction_id),
                found.station_id,
                _words(found),
                enum_word(found, "state"),
                enum_word(found.throttle, "state") if found.HasField("throttle") else "",
                enum_word(found, "reason"),
                time_word(found, "reach_time"),
                found.requested_by,
                _problem(found),
            ]
            for found in limits
        ),
        empty="no limits",
    )


async def set_limit(
    client: Client,
    transaction_id: Annotated[
        str, typer.Argument(metavar="TRANSACTION", help="The transactionId of the station, or what it begins with.")
    ],
    station: StationOption = "",
    max_cost: MaxCost = "",
    max_energy: MaxEnergy = 0.0,
    max_time: MaxTime = 0.0,
    none: Annotated[bool, typer.Option("--none", help="Remove the limit.")] = False,
) -> None:
    """Set the limit of an open transaction. It replaces its present limit."""
    limit = parse_limit(max_cost, max_energy, max_time)
    if (limit is None) != none:
        raise UsageError("give a limit, or --none")
    station_id, transaction_id = await key_of_transaction(client, transaction_id, station)
    changed = await client.citrine.transaction_limits.SetTransactionLimit(
        SetTransactionLimitRequest(station_id=station_id, transaction_id=transaction_id, limit=limit)
    )
    if client.out.as_json:
        client.out.message(changed)
        return
    client.out.line(f"transaction {transaction_id} of {station_id} may take {_words(changed) or 'any'}")


def _problem(found: TransactionLimit) -> str:
    return "; ".join(text for text in (found.problem, found.throttle.problem) if text)


def _words(found: TransactionLimit) -> str:
    parts = (limit_words(found.limit), "what is left of its token" if found.prepaid else "")
    return ", ".join(part for part in parts if part)
