"""Words for what messages hold: enum values as OCPP spells them, times, amounts."""

from datetime import timedelta
from decimal import Decimal

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2 import options_pb2

__all__ = ["amount", "enum_word", "money", "number", "plain", "skew_word", "time_word"]


def enum_word(message: Message, field: str) -> str:
    """Return the value of an enum field as OCPP spells it, or in plain words where it is ours. Empty where unset."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    enum = descriptor.enum_type
    assert isinstance(enum, EnumDescriptor)
    value = enum.values_by_number.get(getattr(message, field))
    if value is None or value.number == 0:
        return ""
    spelling: str = value.GetOptions().Extensions[options_pb2.spelling]
    # BOOT_POLICY_ACCEPTED of enum BootPolicy is "accepted".
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in enum.name).lstrip("_") + "_"
    return spelling or value.name.removeprefix(prefix).lower().replace("_", " ")


def time_word(message: Message, field: str) -> str:
    """Return the value of a time field in UTC, to the second. Empty where unset."""
    if not message.HasField(field):
        return ""
    stamp = getattr(message, field)
    assert isinstance(stamp, Timestamp)
    try:
        # Not strftime, whose %Y gives the year 1 one digit on some systems.
        return stamp.ToDatetime().isoformat(sep=" ", timespec="seconds") + "Z"
    except (ValueError, OverflowError):
        return "?"


def skew_word(message: Message, field: str) -> str:
    """Return how far a clock is ahead or behind, to the second: "0:02:00 ahead". Empty where unset."""
    if not message.HasField(field):
        return ""
    seconds = round(getattr(message, field).ToTimedelta() / timedelta(seconds=1))
    if not seconds:
        return "right"
    return f"{timedelta(seconds=abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def plain(value: float) -> str:
    """Return a number with all its digits and no exponent: 1929084652, 0.63."""
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")


def number(message: Message, field: str) -> str:
    """Return the value of an optional number. Empty where unset."""
    return plain(getattr(message, field)) if message.HasField(field) else ""


def amount(message: Message, field: str, unit: str, divisor: float = 1) -> str:
    """Return the value of an optional amount in a larger unit, e.g. Wh as kWh. Empty where unset."""
    return f"{getattr(message, field) / divisor:.3f} {unit}" if message.HasField(field) else ""


def money(value: str, currency: str) -> str:
    """Return an amount with its currency: "0.15 USD". Empty where there is none."""
    return f"{value} {currency}".rstrip() if value else ""
