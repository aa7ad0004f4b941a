"""The actions of OCPP 2.x, as the contract describes them, and their envelopes."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine.ocpp.v2 import messages_pb2, options_pb2

__all__ = [
    "ACTIONS",
    "OLDER_ACTIONS",
    "Action",
    "Sender",
    "action_of",
    "set_response",
    "unwrap",
    "wrap_request",
    "wrap_response",
]


class Sender(enum.Enum):
    """The side that sends a request."""

    STATION = options_pb2.SENDER_STATION
    CSMS = options_pb2.SENDER_CSMS
    BOTH = options_pb2.SENDER_BOTH


@dataclass(frozen=True, slots=True)
class Action:
    """An action of OCPP 2.x."""

    name: str
    """Its name in OCPP-J frames, e.g. "TransactionEvent"."""

    request: type[Message]
    response: type[Message] | None
    """None for what is sent as SEND (message type 6), which nobody answers."""

    field: str
    """Its field in the envelopes Request and Response, e.g. "transaction_event"."""

    sender: Sender
    block: str
    """The functional block of its use case, e.g. "transactions"; also the name of the proto file."""

    in_v201: bool
    """Whether OCPP 2.0.1 has it; OCPP 2.1 has all of them."""

    @property
    def from_station(self) -> bool:
        """Whether stations send it."""
        return self.sender is not Sender.CSMS

    @property
    def from_csms(self) -> bool:
        """Whether the CSMS sends it."""
        return self.sender is not Sender.STATION


def _class(field: FieldDescriptor) -> type[Message]:
    assert field.message_type is not None
    found: type[Message] = GetMessageClass(field.message_type)
    return found


def _actions() -> dict[str, Action]:
    responses = messages_pb2.Response.DESCRIPTOR.fields_by_name
    actions = {}
    for field in messages_pb2.Request.DESCRIPTOR.fields:
        request = _class(field)
        options = request.DESCRIPTOR.GetOptions().Extensions[options_pb2.action]
        actions[options.name] = Action(
            name=options.name,
            request=request,
            response=None if options.is_send else _class(responses[field.name]),
            field=field.name,
            sender=Sender(options.sender),
            block=options.block,
            in_v201=options.in_v201,
        )
    return actions


ACTIONS: Mapping[str, Action] = MappingProxyType(_actions())
"""Every action by its name."""

OLDER_ACTIONS = frozenset(
    {"DiagnosticsStatusNotification", "SignedFirmwareStatusNotification", "StartTransaction", "StopTransaction"}
)
"""What stations of OCPP 1.6 send and later versions lack."""

_BY_CLASS: Mapping[type[Message], Action] = {
    message_class: action
    for action in ACTIONS.values()
    for message_class in (action.request, action.response)
    if message_class is not None
}


def action_of(message: Message | type[Message]) -> Action:
    """Return the action whose request or response a message or class is.

    Raises:
        KeyError: When it is of no action.
    """
    return _BY_CLASS[message if isinstance(message, type) else type(message)]


def wrap_request(message: Message) -> messages_pb2.Request:
    """Return the envelope of a request.

    Raises:
        TypeError: When the message is no request.
        KeyError: When it is of no action.
    """
    return messages_pb2.Request(**{action_of(message).field: message})  # type: ignore[arg-type]  # any alternative


def wrap_response(message: Message) -> messages_pb2.Response:
    """Return the envelope of a response.

    Raises:
        TypeError: When the message is no response.
        ValueError: When the message is a SEND, which has no response.
        KeyError: When it is of no action.
    """
    return messages_pb2.Response(**{action_of(message).field: message})  # type: ignore[arg-type]  # any alternative


def set_response(envelope: messages_pb2.Response, message: Message) -> None:
    """Set the response in an envelope, which is part of a message: cheaper than `wrap_response`, whose is copied.

    Raises:
        TypeError: When the message is no response.
        AttributeError: When it is a SEND, which has no response.
        KeyError: When it is of no action.
    """
    getattr(envelope, action_of(message).field).CopyFrom(message)


def unwrap(envelope: messages_pb2.Request | messages_pb2.Response) -> Message:
    """Return the message in an envelope.

    Raises:
        ValueError: When it is empty, or holds an action that this version does not know.
    """
    field = envelope.WhichOneof("message")
    if field is None:
        raise ValueError("the envelope holds no message that is known here")
    message: Message = getattr(envelope, field)
    return message
