"""What every dialect provides to sessions, whatever its version looks like."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp.actions import Action
from citrine_edge.dialects.exchanges import CommandExchange, StationExchange
from citrine_edge.ocppj import RpcError, Rule
from citrine_edge.ocppj.errors import clip
from citrine_edge.ocppj.mending import Use

__all__ = ["Dialect", "UnsupportedAction"]


class UnsupportedAction(Exception):
    """A command that this version of OCPP does not have."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action

    def __str__(self) -> str:
        return f"{clip(self.action, 60)} is not sent to stations in this version of OCPP"


class Dialect(Protocol):
    """One version of OCPP, between the payloads of its frames and canonical messages.

    A dialect has no state: all sessions of its version share one. What belongs to one message is in its exchange.
    """

    subprotocol: ClassVar[str]
    version: ClassVar["OcppVersion.ValueType"]
    message_types: ClassVar[frozenset[int]]
    """The message types of OCPP-J that the version has."""

    def read_call(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> StationExchange:
        """Return the exchange of a CALL of a station.

        Args:
            name: The action.
            payload: As it stands in the frame.
            mended: Gets what was missing or superfluous, and has one clear meaning.

        Raises:
            RpcError: NotImplemented for an action that the version does not have, NotSupported for one that stations
                do not send as CALL, ProtocolError for a payload that is no object, else what the schema finds.
        """

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule]
    ) -> tuple[StationExchange, list[Use]] | None:
        """Return the exchange of a CALL that breaks the schema in ways that rules allow, with their uses.

        None where they do not, or where it is no CALL of the version.
        """

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Return the message in a SEND of a station.

        Raises:
            RpcError: As read_call does.
        """

    def hardware_of(self, boot: Any) -> tuple[str, str]:
        """Return vendor and model from the payload of a BootNotification, valid or not; empty where they are not read.

        Tolerance rules are for vendors and models, and have to be found before the message can be translated.
        """

    def command(self, request: Message) -> CommandExchange:
        """Return the exchange of a canonical request to a station.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """

    def native_command(self, name: str, payload: Any) -> CommandExchange:
        """Return the exchange of one CALL that was given in this version's own words.

        The answer is reported as the station sent it, so `response` is not called.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
