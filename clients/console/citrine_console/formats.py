"""Values as people read them: numbers with units, times in a zone, durations, amounts of money, states with a tone."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine_console.texts import _
from citrine_words.cells import BAD, DOUBTFUL, GOOD, State, style_of
from citrine_words.currencies import amount_of
from citrine_words.times import duration_words
from citrine_words.words import enum_word

__all__ = [
    "clock_time",
    "day_time",
    "duration",
    "energy",
    "enum_word",
    "field_time",
    "fields",
    "iso",
    "money",
    "number",
    "optional",
    "power",
    "tone",
]

NOTHING = "\u2013"
"""Stands for a value that is not there."""

_TONES = {GOOD: "good", DOUBTFUL: "warn", BAD: "bad"}


def _moment(value: Timestamp | datetime | None) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value
    try:
        return None if value == Timestamp() else value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def iso(value: Timestamp | datetime | None) -> str:
    """Return a time in UTC as machines read it. Empty: there is none."""
    moment = _moment(value)
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day_time(value: Timestamp | datetime | None, zone: tzinfo) -> str:
    """Return a time with its day and its zone: "30 Nov 2026, 11:02:33 CET"."""
    moment = _moment(value)
    if moment is None:
        return NOTHING
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b} {local.year}, {local:%H:%M:%S} {local.tzname()}"


def field_time(value: Timestamp | None, zone: tzinfo) -> str:
    """Return a time as a field of a form has it, to the millisecond: a form changes no time that nobody edits."""
    moment = _moment(value)
    if moment is None:
        return ""
    precision = "milliseconds" if moment.microsecond else "seconds" if moment.second else "minutes"
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec=precision)


def clock_time(value: Timestamp | datetime | None, zone: tzinfo) -> str:
    """Return a time of the day with seconds: "11:02:33"."""
    moment = _moment(value)
    return NOTHING if moment is None else f"{moment.astimezone(zone):%H:%M:%S}"


def duration(value: Duration | float | None) -> str:
    """Return a duration, of a message or in seconds: "1 h 2 min"."""
    if value is None:
        return NOTHING
    return duration_words(value.ToTimedelta() if isinstance(value, Duration) else timedelta(seconds=value))


def number(value: float | str | Decimal | None, digits: int = 0) -> str:
    """Return a number with separators of thousands and a fixed number of decimals."""
    if value is None or value == "":
        return NOTHING
    try:
        return f"{Decimal(str(value)):,.{digits}f}"
    except InvalidOperation:
        return str(value)


def energy(watt_hours: float | None) -> str:
    """Return an energy in kWh."""
    return NOTHING if watt_hours is None else f"{watt_hours / 1000:,.2f} kWh"


def power(watts: float | None) -> str:
    """Return a power in kW."""
    return NOTHING if watts is None else f"{watts / 1000:,.1f} kW"


def money(value: str, currency: str) -> str:
    """Return an amount with its currency: "12.50 EUR"."""
    return f"{amount_of(value, currency)} {currency}" if value else NOTHING


def tone(word: str) -> str:
    """Return how a state is to look: "good", "warn", "bad" or "plain"."""
    style = style_of(State(word))
    return _TONES.get(style, "plain")


def fields(message: Message) -> list[tuple[str, str]]:
    """Return the plain fields of a message that are set, with names for people; an etag is for programs."""
    found = []
    for field, value in message.ListFields():
        if isinstance(value, str | int | float) and field.name != "etag":
            found.append((field.name.replace("_", " ").capitalize(), _field(message, field.name, value)))
    return found


def _field(message: Message, name: str, value: str | float) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if message.DESCRIPTOR.fields_by_name[name].enum_type is not None:
        return enum_word(message, name)
    return value if isinstance(value, str) else str(value)


def optional(message: Message, field: str) -> object | None:
    """Return the value of an optional field; None where it is unset."""
    return getattr(message, field) if message.HasField(field) else None
