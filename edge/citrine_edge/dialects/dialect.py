"""The interface between sessions and the dialect of any OCPP version."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp.actions import Action
from citrine_edge.dialects.exchanges import CommandExchange, StationExchange
from citrine_edge.ocppj import RpcError, Rule, Use
from citrine_edge.ocppj.errors import clip

__all__ = ["Dialect", "Hardware", "UnsupportedAction"]


class Hardware(NamedTuple):
    """What a station named at its boot; an empty text for each that it did not name."""

    vendor_name: str = ""
    model: str = ""
    firmware_version: str = ""

    @classmethod
    def of(cls, *names: Any) -> "Hardware":
        """Return the hardware of values that may be anything."""
        return cls(*(name if type(name) is str else "" for name in names))


class UnsupportedAction(Exception):
    """A command that this version of OCPP does not have, or can't say all of."""

    def __init__(self, action: str, reason: str = "") -> None:
        super().__init__(action, reason)
        self.action = action
        self.reason = reason
        """What the version lacks. Empty: the action."""

    def __str__(self) -> str:
        return self.reason or f"{clip(self.action, 60)} is not sent to stations in this version of OCPP"


class Dialect(Protocol):
    """Translates between the frame payloads of one OCPP version and canonical messages.

    A dialect has no state: all sessions of its version share one. The state of one message is in its exchange.
    """

    subprotocol: ClassVar[str]
    version: ClassVar["OcppVersion.ValueType"]
    message_types: ClassVar[frozenset[int]]
    """The message types of OCPP-J that the version has."""
    code_spellings: ClassVar[Mapping[str, str]]
    """The error codes of OCPP-J that the version spells otherwise, and those that it lacks with the nearest one."""
    answers_unreadable: ClassVar[bool]
    """Whether a frame without a readable message id, or of an unknown type, is answered; else it is ignored."""

    def read_call(
        self,
        name: str,
        payload: Any,
        mended: list[RpcError] | None = None,
        receive_time: Timestamp | None = None,
    ) -> StationExchange:
        """Return the exchange of a CALL of a station.

        Args:
            name: The action.
            payload: The payload of the frame, as parsed.
            mended: Properties that were missing or superfluous, without doubt about the meaning, are appended to it.
            receive_time: When it was read: the time of what says no time of its own.

        Raises:
            RpcError: NotImplemented for an action that the version does not have, NotSupported for one that stations
                do not send as CALL, ProtocolError for a payload that is no object, else the violation of the schema.
        """

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule], receive_time: Timestamp | None = None
    ) -> tuple[StationExchange, list[Use]] | None:
        """Return the exchange of a CALL that violates the schema in ways that rules allow, and the uses of the rules.

        Return None if the rules do not allow it, or if it is no CALL of the version.
        """

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Return the message in a SEND of a station.

        Raises:
            RpcError: As in `read_call`.
        """

    def hardware_of(self, boot: Any) -> Hardware:
        """Return what a BootNotification, valid or not, says of the station.

        Tolerance rules depend on it, and must be found before the message can be translated.
        """

    def command(self, request: Message) -> CommandExchange:
        """Return the exchange of a canonical request to a station.

        Raises:
            UnsupportedAction: When the version does not have the action or can't say something of the request, or the
                CSMS does not send it.
            RpcError: When the payload violates the version's schema, with the path and the defect.
        """

    def native_command(self, name: str, payload: Any) -> CommandExchange:
        """Return the exchange of one CALL whose payload is already in the JSON of this version.

        The answer is reported as the station sent it, so `response` is not called.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
