"""`citrine refused`: refused messages of stations."""

from typing import Annotated

import typer

from citrine.api.v1.refusals_pb2 import (
    REFUSAL_OUTCOME_DELAYED,
    REFUSAL_OUTCOME_DROPPED,
    REFUSAL_OUTCOME_MENDED,
    REFUSAL_OUTCOME_REFUSED,
    REFUSAL_OUTCOME_TOLERATED,
    REFUSAL_OUTCOME_UNSPECIFIED,
    ForgetRefusalsRequest,
    ListRefusalsRequest,
    RefusalOutcome,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.errors import UsageError
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_words.tolerance_kinds import kind_words, refusal_words
from citrine_words.words import count, enum_word, time_word

__all__ = ["build"]

_OUTCOMES = {
    "": REFUSAL_OUTCOME_UNSPECIFIED,
    "refused": REFUSAL_OUTCOME_REFUSED,
    "dropped": REFUSAL_OUTCOME_DROPPED,
    "mended": REFUSAL_OUTCOME_MENDED,
    "tolerated": REFUSAL_OUTCOME_TOLERATED,
    "delayed": REFUSAL_OUTCOME_DELAYED,
}


def build() -> typer.Typer:
    """Return the commands of `citrine refused`."""
    app = typer.Typer(help="Messages of stations that were refused, dropped, mended or tolerated: list, forget.")
    client_command(app, "list")(list_refusals)
    client_command(app, "forget")(forget_refusals)
    return app


async def list_refusals(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only of this OCPP action.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", metavar="WORD", help=f"One of {', '.join(_OUTCOMES)[2:]}.")] = "",
    frames: Annotated[bool, typer.Option("--frames", help="Show the latest message of each, secrets masked.")] = False,
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List refused, dropped, mended and tolerated messages, the latest first, by station, action, code and path.

    "passes with" says which kinds a tolerance rule would have to accept: citrine tolerance set.
    """
    request = ListRefusalsRequest(
        station_id=station,
        action=action,
        outcome=_outcome(outcome),
        last_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.refusals.ListRefusals, request, limit)
    found = [one async for page in pages for one in page.refusals]
    if client.out.as_json:
        client.out.messages(found)
        return
    columns = ["station", "outcome", "message", "code", "problem", "count", "first", "last"]
    client.out.table(
        [*columns, "rule", "passes with", *(["latest"] if frames else [])],
        (
            [
                one.station_id,
                enum_word(one, "outcome"),
                refusal_words(one),
                one.code,
                one.description,
                count(one.count),
                time_word(one, "first_time"),
                time_word(one, "last_time"),
                one.rule_id,
                kind_words(one.remedies),
                *([one.last_frame] if frames else []),
            ]
            for one in found
        ),
        empty="nothing was refused",
    )


async def forget_refusals(
    client: Client, station_id: Annotated[str, typer.Argument(metavar="STATION", help="Name of the station.")]
) -> None:
    """Reset the refusals of a station, e.g. when it is repaired. Counts begin anew."""
    answer = await client.citrine.refusals.ForgetRefusals(ForgetRefusalsRequest(station_id=station_id))
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"what was refused of station {station_id} is forgotten")


def _outcome(word: str) -> RefusalOutcome.ValueType:
    if word not in _OUTCOMES:
        raise UsageError(f"--outcome: expected one of {', '.join(_OUTCOMES)[2:]}")
    return _OUTCOMES[word]
