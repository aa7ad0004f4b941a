"""Readings of a register, and whether beginning and end of a transaction are some (docs/adr/0009)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

__all__ = ["SLACK_S", "Reading", "beside_placeholders"]

SLACK_S = 60.0
"""Seconds by which the times of two readings may be inaccurate."""

STEEP = 3.0
"""How much faster than ever after a register that began at 0 may rise to its first reading."""


class Reading(NamedTuple):
    """One reading of the import register that a transaction counts."""

    time: datetime
    wh: float
    rank: int = 1
    """0: at the beginning of the transaction; 2: at its end; 1: any other (ReadingContextEnumType)."""
    boots: int = 0
    """Number of known boots of the station since the transaction began."""


def beside_placeholders(readings: Sequence[Reading], begin: int, rest: Sequence[int]) -> list[int]:
    """Return the places of the readings that count where beginning and end are both 0, and stand for no reading.

    A station without a register of its own may send 0 at both, and what a meter says in between. Where a register does
    begin at 0, and only its end is a glitch, it rises to its first reading about as fast as later on.

    Args:
        readings: All readings.
        begin: Place of the beginning.
        rest: Places of all that may count besides.

    Returns:
        Nothing if beginning and end are readings like others.
    """
    ends = [place for place in rest if readings[place].rank == 2]
    others = [place for place in rest if readings[place].rank == 1 and readings[place].wh > 0]
    if readings[begin].wh != 0 or len(others) < 2 or not ends or any(readings[place].wh != 0 for place in ends):
        return []
    rates = [
        (readings[other].wh - readings[one].wh) / (_seconds(readings[one], readings[other]) or SLACK_S)
        for one, other in pairwise(others)
    ]
    first = readings[others[0]]
    is_steep = first.wh / (_seconds(readings[begin], first) or SLACK_S) > STEEP * max(0.0, *rates)
    return others if is_steep else []


def _seconds(one: Reading, other: Reading) -> float:
    return max(0.0, (other.time - one.time).total_seconds())
