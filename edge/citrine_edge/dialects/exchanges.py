"""The two exchanges of a dialect: for a CALL of a station, and for a command to it. No input or output.

One message of an OCPP version may correspond to several canonical messages, and vice versa. Therefore a CALL of a
station is an exchange of one or more canonical requests, and a command is an exchange of one or more CALLs. An exchange
exists as long as its CALL or its command is in flight. Its state is in the edge only, and ends with the session.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1.link_pb2 import Supplement
from citrine.ocpp.actions import Action
from citrine_edge.ocppj import CallError, Code, RpcError

__all__ = ["CallRefused", "CanonicalRequest", "CommandExchange", "OutgoingCall", "StationExchange"]


class CanonicalRequest(NamedTuple):
    """A request to the core, and its action."""

    action: Action
    message: Message
    supplement: Supplement | None = None
    """What else the version says, or leaves out. None: nothing."""


class OutgoingCall(NamedTuple):
    """A CALL to a station in the JSON of its version; its payload is valid by the schema."""

    action: str
    payload: dict[str, Any]


class CallRefused(Exception):
    """A station refused a CALL of a command: by CALLERROR, or in the words of an answer that the schema allows."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error)
        self.error = error

    def __str__(self) -> str:
        return f"{self.error.code}: {self.error.description}"

    @property
    def is_unknown(self) -> bool:
        """Whether the station does not have what it was asked for."""
        return self.error.code in (Code.NOT_IMPLEMENTED, Code.NOT_SUPPORTED)


class StationExchange(Protocol):
    """A CALL of a station: the canonical requests that it becomes, and the CALLRESULT that their responses become.

    All requests are known from the start, and none depends on the response to another. Therefore a CALL that the schema
    or the translation refuses is refused before the core gets any request. The session sends the requests in their
    order, each after the response to the one before, and calls `write_result` once, after the last response.
    """

    @property
    def requests(self) -> Sequence[CanonicalRequest]:
        """The requests, at least one, in the order in which to send them."""

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the payload of the CALLRESULT, and the properties that had to be omitted from it.

        Args:
            responses: One response per request, in the same order and of the matching class.
            transaction_number: The number that the core gave to the transaction. None: no request wanted one.

        Raises:
            RpcError: When they yield no valid payload, which is a defect of the CSMS.
        """

    def follow_ups(self, responses: Sequence[Message]) -> "Sequence[CommandExchange]":
        """Return commands that say to the station what the CALLRESULT can't, to write behind it.

        Nobody waits for their answers. Once a station refuses one, its session sends no more of them.
        """


class CommandExchange(Protocol):
    """A command: the CALLs that it becomes, one after another, and the response that the station's answers become.

    The `Commands` of a session call `next_call`, write that CALL, and pass the answer to `read_result` or `read_error`;
    they repeat this until `next_call` returns None. Then they call `response` and `messages`. A CALL may depend on
    earlier answers. A command that can be refused without any answer is refused when the exchange is created.
    """

    def next_call(self) -> OutgoingCall | None:
        """Return the CALL to write next, or None if the response is complete: it may be without any CALL.

        Raises:
            RpcError: When a CALL that depends on answers breaks the version's schema.
        """

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        """Receive the payload of the CALLRESULT to the last CALL.

        Args:
            payload: The payload of the frame, as parsed.
            mended: Properties that were missing or superfluous, without doubt about the meaning, are appended to it.

        Raises:
            RpcError: When it violates the schema. The command has failed, and only `valid_part` may be called.
            CallRefused: When it refuses the command in words of its own. The command has failed in the same way.
        """

    def read_error(self, error: CallError) -> bool:
        """Receive the CALLERROR to the last CALL.

        Returns:
            True if the exchange continues, with another CALL or with a response that states the refusal.
            False if the command has failed.
        """

    def response(self) -> Message:
        """Return the canonical response."""

    def messages(self, time: Timestamp) -> Sequence[CanonicalRequest]:
        """Return what the answers say beside the response: messages that a station of 2.x would send by itself.

        The session sends them to a core, behind the response. Nobody hears the answers. Of an answer that violates the
        schema, its valid part says them, once `valid_part` was called.

        Args:
            time: When the last answer was read.
        """

    def valid_part(self, payload: Any = None) -> Message | None:
        """Return the partial response of a failed command, from what the station answered until then.

        It contains nothing that the station did not send. None if this does not yield a response.

        Args:
            payload: Payload of a CALLRESULT that violates the schema; its valid part is included.
        """
