"""Words for the values of fields: enums in OCPP's spelling, times, amounts."""

from datetime import UTC, timedelta
from decimal import Decimal

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.availability_pb2 import ConnectorDetail
from citrine.ocpp.v2 import options_pb2
from citrine_words.cells import Figure, State
from citrine_words.clock import Clock, utc_now
from citrine_words.currencies import amount_of
from citrine_words.times import duration_words, instant, moment

__all__ = [
    "amount",
    "connected_word",
    "count",
    "detail_words",
    "duration_word",
    "enum_word",
    "instant_word",
    "money",
    "number",
    "plain",
    "quantity",
    "skew_word",
    "time_word",
]

DEADLINES = frozenset(
    {
        "deadline_time",
        "departure_time",
        "end_date_time",
        "end_time",
        "expire_time",
        "expiry_date_time",
        "finish_time",
        "install_date_time",
        "next_time",
        "retrieve_date_time",
        "revoke_time",
        "schedule_start",
        "settle_due_time",
        "start_date_time",
        "valid_from",
        "valid_to",
        "waits_until",
    }
)
"""Fields whose time may be in the future. If another field's time is, a clock is wrong."""


def enum_word(message: Message, field: str) -> str:
    """Return the value of an enum field in OCPP's spelling, or in words if it is not OCPP's. Empty if unset."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    enum = descriptor.enum_type
    assert isinstance(enum, EnumDescriptor)
    value = enum.values_by_number.get(getattr(message, field))
    if value is None or value.number == 0:
        return ""
    spelling: str = value.GetOptions().Extensions[options_pb2.spelling]
    # BOOT_POLICY_ACCEPTED of enum BootPolicy is "accepted".
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in enum.name).lstrip("_") + "_"
    return State(spelling or value.name.removeprefix(prefix).lower().replace("_", " "))


def detail_words(detail: ConnectorDetail) -> str:
    """Return what a station says of a connector beside its status. Empty if it says no more."""
    codes = (detail.error_code, detail.vendor_error_code, detail.info)
    return ", ".join(filter(None, (enum_word(detail, "state"), *codes)))


def connected_word(connected: bool) -> str:
    """Return the word for a connected or unconnected station."""
    return State("yes" if connected else "no")


def time_word(message: Message, field: str, clock: Clock = utc_now, *, to: str = "seconds") -> str:
    """Return the value of a time field in local time, to the second or the minute. Empty if unset.

    Tables on a terminal show it relative to now ("3 min ago"), and `show` shows both.
    """
    if not message.HasField(field):
        return ""
    stamp = getattr(message, field)
    assert isinstance(stamp, Timestamp)
    try:
        return moment(stamp.ToDatetime(tzinfo=UTC), clock(), may_come=field in DEADLINES, to=to)
    except (ValueError, OverflowError):
        return "?"


def instant_word(message: Message, field: str, clock: Clock = utc_now) -> str:
    """Return the value of a time field in local time, to the second, never relative to now: see `times.instant`."""
    if not message.HasField(field):
        return ""
    try:
        return instant(getattr(message, field).ToDatetime(tzinfo=UTC), clock())
    except (ValueError, OverflowError):
        return "?"


def duration_word(duration: Duration) -> str:
    """Return a duration: "1 h 2 min"."""
    return Figure(duration_words(duration.ToTimedelta()))


def skew_word(message: Message, field: str) -> str:
    """Return the skew of a clock, to the second: "2 min ahead". Empty if unset."""
    if not message.HasField(field):
        return ""
    skew = getattr(message, field).ToTimedelta()
    if not round(skew / timedelta(seconds=1)):
        return "right"
    return f"{duration_words(abs(skew))} {'ahead' if skew > timedelta() else 'behind'}"


def plain(value: float) -> str:
    """Return a number with all digits and without exponent: 1929084652, 0.63."""
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")


def count(value: int, *, zero: str = "0") -> str:
    """Return a count; 0 as `zero`."""
    return Figure(value) if value else Figure(zero)


def quantity(value: float, unit: str) -> str:
    """Return a number with all digits and its unit: "16 A", "47 %"."""
    return Figure(f"{plain(value)} {unit}".rstrip())


def number(message: Message, field: str) -> str:
    """Return the value of an optional number field. Empty if unset."""
    return Figure(plain(getattr(message, field))) if message.HasField(field) else ""


def amount(message: Message, field: str, unit: str, divisor: float = 1) -> str:
    """Return the value of an optional number field in a larger unit, e.g. Wh as kWh. Empty if unset."""
    return Figure(f"{getattr(message, field) / divisor:.3f} {unit}") if message.HasField(field) else ""


def money(value: str, currency: str) -> str:
    """Return an amount with its currency, and at least the decimals of the currency: "0.15 USD". Empty if empty."""
    return Figure(f"{amount_of(value, currency)} {currency}".rstrip()) if value else ""
