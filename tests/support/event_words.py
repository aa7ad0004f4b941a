"""The values of enums in events, by their names without the prefix of the enum."""

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

__all__ = ["name_in"]


def name_in(message: Message, field: str) -> str:
    """Return the name of the value of an enum field, e.g. "TIMED_OUT"; empty if it is unspecified."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert isinstance(enum, EnumDescriptor)
    number = getattr(message, field)
    unspecified = enum.values_by_number[0].name
    return enum.values_by_number[number].name.removeprefix(unspecified.removesuffix("UNSPECIFIED")) if number else ""
