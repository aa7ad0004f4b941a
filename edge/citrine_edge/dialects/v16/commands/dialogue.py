"""A command to a station of OCPP 1.6 as a dialogue: CALLs and their answers, written as a generator."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp import codec
from citrine.ocpp.actions import ACTIONS, Action
from citrine_edge.dialects.exchanges import CallRefused, CanonicalRequest, OutgoingCall
from citrine_edge.ocppj import CallError, Code, RpcError, Schemas
from citrine_edge.ocppj.mending import valid_part

__all__ = ["Dialogue", "DialogueExchange", "Json", "Outcome", "Step", "status_info"]

Json: TypeAlias = dict[str, Any]
"""A payload, in the JSON of OCPP."""


class Step(NamedTuple):
    """A CALL of a dialogue."""

    action: str
    payload: Json
    partial: Json | None = None
    """The canonical response so far, which counts if this CALL fails. None: there is none."""


class Outcome(NamedTuple):
    """The end of a dialogue."""

    response: Json
    """The canonical response."""
    messages: Callable[[str], Sequence[tuple[str, Json]]] | None = None
    """Called with the time: returns action and payload of what a station of 2.x would send by itself."""


Dialogue: TypeAlias = Generator[Step, Json, Outcome]
"""Yields CALLs and is sent the payload of each CALLRESULT. A CALLERROR is thrown into it as `CallRefused`."""


def status_info(reason_code: str, text: str = "") -> Json:
    """Return a statusInfo, within the lengths of OCPP 2.0.1."""
    info = {"reasonCode": reason_code[:20] or "Unspecified"}
    if text:
        info["additionalInfo"] = text[:512]
    return {"statusInfo": info}


class DialogueExchange:
    """A `CommandExchange` that follows a dialogue."""

    __slots__ = ("_action", "_canonical", "_dialogue", "_outcome", "_response", "_schemas", "_step")

    def __init__(self, action: Action, dialogue: Dialogue, schemas: Schemas, canonical: Schemas) -> None:
        """Begin the dialogue.

        Args:
            action: The command.
            dialogue: What becomes of it.
            schemas: Of OCPP 1.6, for CALLs and answers.
            canonical: Of the version whose messages are the canonical ones, for the response.

        Raises:
            UnsupportedAction: When OCPP 1.6 can't express the command.
            RpcError: When the first CALL violates the schema.
        """
        self._action = action
        self._dialogue = dialogue
        self._schemas = schemas
        self._canonical = canonical
        self._step: Step | None = None
        self._outcome: Outcome | None = None
        self._response: Message | None = None
        self._advance(lambda: next(dialogue))
        self._check()

    def next_call(self) -> OutgoingCall | None:
        """Return the CALL to write next: see `CommandExchange`."""
        if self._outcome is not None:
            return None
        self._check()
        assert self._step is not None, "a dialogue that goes on has a CALL"
        return OutgoingCall(self._step.action, self._step.payload)

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        """Receive the payload of the CALLRESULT to the last CALL: see `CommandExchange`."""
        assert self._step is not None, "a CALL was written"
        if payload is None:
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        answer = self._schemas.response(self._step.action).check(payload, mended)
        self._advance(lambda: self._dialogue.send(answer))

    def read_error(self, error: CallError) -> bool:
        """Receive the CALLERROR to the last CALL: see `CommandExchange`."""
        try:
            self._advance(lambda: self._dialogue.throw(CallRefused(error)))
        except CallRefused:
            return False
        return True

    def response(self) -> Message:
        """Return the canonical response: see `CommandExchange`."""
        assert self._response is not None, "the dialogue is over"
        return self._response

    def messages(self, time: Timestamp) -> Sequence[CanonicalRequest]:
        """Return what the answers say beside the response: see `CommandExchange`."""
        if self._outcome is None or self._outcome.messages is None:
            return ()
        said = self._outcome.messages(codec.format_datetime(time))
        return [CanonicalRequest(ACTIONS[name], codec.decode(ACTIONS[name].request, payload)) for name, payload in said]

    def valid_part(self, payload: Any = None) -> Message | None:
        """Return the partial response of a failed command: see `CommandExchange`."""
        if self._step is None:
            return None
        partial = self._step.partial
        rest = valid_part(self._schemas.response(self._step.action), payload) if type(payload) is dict else None
        try:
            if rest is not None:
                self._advance(lambda: self._dialogue.send(rest))
                if self._response is not None:
                    return self._response
                partial = self._step.partial
        except (CallRefused, RpcError):
            # What is left of the answer says nothing.
            pass
        return None if partial is None else self._decode(partial)

    def _advance(self, go_on: Callable[[], Step]) -> None:
        try:
            self._step = go_on()
        except StopIteration as end:
            outcome: Outcome = end.value
            # What the schema of 1.6 allows may be more than a response of 2.x can say.
            said = self._canonical.response(self._action.name).check(outcome.response)
            self._response = self._decode(said)
            self._outcome = outcome

    def _check(self) -> None:
        if self._outcome is None and self._step is not None:
            self._schemas.request(self._step.action).check(self._step.payload)

    def _decode(self, payload: Json) -> Message:
        assert self._action.response is not None, "a command is answered"
        try:
            return codec.decode(self._action.response, payload)
        except codec.CodecError as error:
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, str(error), path=error.path) from None
