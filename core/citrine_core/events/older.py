"""Events that older releases stored, read as this one says the same.

They had texts where events now have enums and IdTokens: of a changed field, the stored bytes have an unknown field of
its number or of its former number.
"""

from collections.abc import Mapping

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.options_pb2 import spelling

__all__ = ["read_event"]

_TEXT = 2
"""Wire type of a text."""

_TOKENS: Mapping[str, int] = {
    "TransactionSummary": 8,
    "TokenAuthorized": 1,
    "ReservationChanged": 4,
    "ReservationCostChanged": 3,
}
"""Former numbers of `id_token`, when it was a text, by message."""


def read_event(payload: bytes) -> Event:
    """Return a stored event."""
    event = Event.FromString(payload)
    kind = event.WhichOneof("body")
    if kind is not None:
        body: Message = getattr(event, kind)
        _renew(body)
        if "transaction" in body.DESCRIPTOR.fields_by_name and body.HasField("transaction"):
            _renew(getattr(body, "transaction"))  # noqa: B009  # not every body has it
    return event


def _renew(message: Message) -> None:
    # Almost always there is none.
    unknown = UnknownFieldSet(message)
    if not len(unknown):
        return
    fields = [unknown[position] for position in range(len(unknown))]
    texts = {one.field_number: str(one.data, "utf-8", "replace") for one in fields if one.wire_type == _TEXT}
    for field in message.DESCRIPTOR.fields:
        enum = field.enum_type
        if field.number in texts and isinstance(enum, EnumDescriptor):
            setattr(message, field.name, _number(enum, texts[field.number]))
    text = texts.get(_TOKENS.get(message.DESCRIPTOR.name, 0))
    if text:
        getattr(message, "id_token").id_token = text  # noqa: B009  # messages in _TOKENS have it
    message.DiscardUnknownFields()


def _number(enum: EnumDescriptor, text: str) -> int:
    """Return the value that a text named: its name without prefix in any case, or OCPP's spelling."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    for value in enum.values:
        if text.upper() == value.name.removeprefix(prefix) or text == value.GetOptions().Extensions[spelling] != "":
            return int(value.number)
    return 0
