"""Charging schedules in words."""

from datetime import timedelta

from citrine.ocpp.v2 import types_pb2 as types
from citrine_words.times import duration_words
from citrine_words.words import enum_word, plain

__all__ = ["periods_word"]

MOST_PERIODS = 4
"""Most periods that a table shows."""


def periods_word(schedule: types.ChargingSchedule) -> str:
    """Return the limits of a schedule, e.g. "16 A, 8 A after 1 h"."""
    unit = enum_word(schedule, "charging_rate_unit")
    words = [
        f"{plain(period.limit)} {unit}{_after(period.start_period)}"
        for period in schedule.charging_schedule_period[:MOST_PERIODS]
    ]
    more = "" if len(schedule.charging_schedule_period) <= MOST_PERIODS else ", …"
    return ", ".join(words) + more


def _after(seconds: int) -> str:
    return f" after {duration_words(timedelta(seconds=seconds))}" if seconds else ""
