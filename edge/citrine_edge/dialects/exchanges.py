"""The two exchanges of a dialect: a CALL of a station, and a command to it. No input or output.

A version of OCPP need not say things in as many messages as the canonical messages do. So a CALL of a station is an
exchange of one or more canonical requests, and a command is an exchange of one or more CALLs. An exchange lives as long
as its CALL or its command is in flight, and nowhere but in the edge: what it knows is lost with the session.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from google.protobuf.message import Message

from citrine.ocpp.actions import Action
from citrine_edge.ocppj import CallError, RpcError

__all__ = ["CanonicalRequest", "CommandExchange", "OutgoingCall", "StationExchange"]

CanonicalRequest: TypeAlias = tuple[Action, Message]
"""A request to the core, and its action."""


class OutgoingCall(NamedTuple):
    """A CALL to a station, in the words of its version, which passed the schema."""

    action: str
    payload: dict[str, Any]


class StationExchange(Protocol):
    """A CALL of a station: the canonical requests that it becomes, and the CALLRESULT that their responses become.

    All requests are known from the start, and none depends on the response to another. So what the schema or the
    translation refuses is refused before the core has heard of anything. The session sends them in their order, each
    after the one before was answered, and calls `write_result` once, after the last.
    """

    @property
    def requests(self) -> Sequence[CanonicalRequest]:
        """The requests in their order, at least one."""

    def write_result(self, responses: Sequence[Message]) -> tuple[dict[str, Any], list[str]]:
        """Return the payload of the CALLRESULT, and the properties that had to be left out of it.

        Args:
            responses: One for each request, in the same order; each is of its request's response class.

        Raises:
            RpcError: When they make no valid payload: a defect of ours.
        """


class CommandExchange(Protocol):
    """A command: the CALLs that it becomes, one after another, and the response that the station's answers become.

    The commands of a session call `next_call`, write what it returns, and pass the answer to `read_result` or
    `read_error`, again and again until `next_call` returns None. Then they call `response`. A CALL may depend on the
    answers before it. Whatever can be refused without them is refused when the exchange is created.
    """

    def next_call(self) -> OutgoingCall | None:
        """Return the CALL to write next, or None where the response is complete. The first is never None.

        Raises:
            RpcError: When a CALL that depends on answers breaks the version's schema.
        """

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        """Receive the payload of the CALLRESULT to the last CALL.

        Args:
            payload: As it stands in the frame.
            mended: Gets what was missing or superfluous, and has one clear meaning.

        Raises:
            RpcError: When it breaks the schema. The command has failed, and only `valid_part` may be called.
        """

    def read_error(self, error: CallError) -> bool:
        """Receive the CALLERROR to the last CALL.

        Returns:
            True where the exchange continues: with another CALL, or with a response that says what was refused.
            False where the command has failed.
        """

    def response(self) -> Message:
        """Return the canonical response."""

    def valid_part(self, payload: Any = None) -> Message | None:
        """Return the response that a command which failed has all the same: what the station answered until then.

        It contains nothing that the station did not say. None where that is no response.

        Args:
            payload: Of a CALLRESULT that breaks the schema: what is valid in it counts as well.
        """
