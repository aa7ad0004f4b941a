"""Messages with a value in each field, as long and as wide as there may be."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["PREFIX_IDS", "fill"]

PREFIX_IDS = frozenset({"transaction_id", "campaign_id", "assignment_id", "command_id", "operation_id", "fingerprint"})
"""Fields that tables may shorten."""

DEEPEST = 6
STAMP = Timestamp(seconds=1_900_000_000)
LONG = Duration(seconds=93_784)


def fill(message: Message, number: int, *, length: int, depth: int = 0) -> None:
    """Give each field a value that tells it from others, and this message from that of another number.

    Args:
        message: To be filled.
        number: Which one.
        length: Characters of texts, at least.
        depth: How deep it lies in another.
    """
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            _fill_inner(message, field, number, length, depth)
        elif field.is_repeated:
            getattr(message, field.name).append(_value(field, number, length))
        else:
            setattr(message, field.name, _value(field, number, length))


# Any: protobuf has two types of descriptors, one of them private.
def _fill_inner(message: Message, field: Any, number: int, length: int, depth: int) -> None:
    assert field.message_type is not None
    if field.message_type.GetOptions().map_entry or depth >= DEEPEST:
        return
    inner = getattr(message, field.name)
    one = inner.add() if field.is_repeated else inner
    if isinstance(one, Timestamp):
        one.CopyFrom(STAMP)
    elif isinstance(one, Duration):
        one.CopyFrom(LONG)
    elif isinstance(one, Struct) or field.message_type.file.package == "google.protobuf":
        one.SetInParent()
    else:
        fill(one, number, length=length, depth=depth + 1)


def _value(field: Any, number: int, length: int) -> str | bytes | bool | int | float:
    if field.enum_type is not None:
        number_of_last: int = field.enum_type.values[-1].number
        return number_of_last
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return b"bytes"
        case FieldDescriptor.CPPTYPE_STRING:
            is_command = field.full_name == "citrine.api.v1.Command.command_id"
            return _text("command_id" if is_command else field.name, number, length)
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return 1_234_567.875 + number
        case _:
            return 123_456_700 + number


def _text(name: str, number: int, length: int) -> str:
    if name in PREFIX_IDS:
        return f"{number}{name.replace('_', '-')}-of-any-length"[:36]
    if name in {"after_tax", "before_tax", "amount", "price", "quantity", "energy_kwh"}:
        return f"{98_765_432_100 + number}.123456"
    # Characters of two columns, of a combining accent, and an emoji.
    return f"{name}-{number}-充电站-e\u0301-🔌-".ljust(length, "x")
