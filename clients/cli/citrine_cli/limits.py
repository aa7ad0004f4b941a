"""Limits of transactions, as options and in words."""

from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1.transaction_limits_pb2 import UsageLimit
from citrine_cli.errors import UsageError
from citrine_words.words import duration_word, quantity

__all__ = ["MaxCost", "MaxEnergy", "MaxTime", "limit_words", "parse_limit"]

MaxCost = Annotated[str, typer.Option("--max-cost", metavar="AMOUNT", help="Money that it may cost, with tax: 25.00.")]
MaxEnergy = Annotated[float, typer.Option("--max-energy", metavar="KWH", help="Energy that it may take, in kWh.")]
MaxTime = Annotated[float, typer.Option("--max-time", metavar="MINUTES", help="How long it may take, in minutes.")]


def parse_limit(max_cost: str, max_energy: float, max_time: float) -> UsageLimit | None:
    """Return the limit of the options, or None if none is given.

    Raises:
        UsageError: When a number is negative.
    """
    if max_energy < 0 or max_time < 0:
        raise UsageError("--max-energy and --max-time must be more than 0")
    limit = UsageLimit(
        max_cost=max_cost,
        max_energy_wh=max_energy * 1000 or None,
        max_time=Duration(seconds=round(max_time * 60)) if max_time else None,
    )
    return limit if limit.ByteSize() else None


def limit_words(limit: UsageLimit) -> str:
    """Return a limit in words: "25.00 in the currency of the tariff, 20 kWh". Empty if there is none."""
    parts = [
        f"{limit.max_cost} in the currency of the tariff" if limit.max_cost else "",
        quantity(limit.max_energy_wh / 1000, "kWh") if limit.HasField("max_energy_wh") else "",
        duration_word(limit.max_time) if limit.HasField("max_time") else "",
    ]
    return ", ".join(part for part in parts if part)
