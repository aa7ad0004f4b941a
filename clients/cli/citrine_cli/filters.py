"""Options by which lists are filtered, and words for values of enums."""

from typing import Annotated

import typer

from citrine.api.v1.common_pb2 import TimeRange
from citrine_words.values import parse_span, parse_time

__all__ = [
    "ChangedOption",
    "EvseOption",
    "FromOption",
    "LocationsChanged",
    "OneOfIds",
    "StationOption",
    "ToOption",
    "TokenGroupOption",
    "changed_since",
    "range_of",
]

StationOption = Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")]
EvseOption = Annotated[int | None, typer.Option("--evse", metavar="EVSE", help="Only of this EVSE.")]
TokenGroupOption = Annotated[str, typer.Option("--token-group", metavar="ID", help="Only of tokens of this group.")]
OneOfIds = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="Only transactions with this id; may be repeated.")
]
FromOption = Annotated[str, typer.Option("--from", "--since", metavar="TIME", help="Only from then on.")]
ToOption = Annotated[str, typer.Option("--to", metavar="TIME", help="Only before then.")]

ChangedOption = Annotated[
    str,
    typer.Option(
        "--changed-since",
        "--updated-since",
        metavar="TIME",
        help="Only what changed since, the oldest change first.",
    ),
]

LocationsChanged = Annotated[
    str,
    typer.Option(
        "--changed-since",
        "--updated-since",
        "--since",
        metavar="TIME",
        help="Only what changed since, the oldest change first.",
    ),
]
"""The same of lists that called it otherwise once."""


def changed_since(text: str) -> TimeRange | None:
    """Return the times since one, which may be empty; None for all.

    Raises:
        UsageError: When it is not a time.
    """
    return TimeRange(start=parse_time("--changed-since", text, past=True)) if text else None


def range_of(begin: str, end: str, begin_option: str = "--from/--since", end_option: str = "--to") -> TimeRange | None:
    """Return the times from one to another, of which either may be empty; None for all.

    Raises:
        UsageError: When one is not a time, or the end is before the beginning.
    """
    if not begin and not end:
        return None
    start, last = parse_span(begin_option, begin, end_option, end, past=True)
    return TimeRange(start=start, end=last)
