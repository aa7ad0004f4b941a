"""The mechanical dialects, 2.0.1 and 2.1: payloads pass the schema, then the codec; and the reverse.

Each of their messages is one canonical message, so each exchange has one request or one CALL.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp import codec
from citrine.ocpp.actions import Action, action_of
from citrine_edge.dialects.dialect import Hardware, UnsupportedAction
from citrine_edge.dialects.exchanges import CanonicalRequest, CommandExchange, OutgoingCall, StationExchange
from citrine_edge.ocppj import CallError, Code, RpcError, Rule, Schema, Schemas, Use
from citrine_edge.ocppj.errors import clip
from citrine_edge.ocppj.mending import valid_part
from citrine_edge.ocppj.tolerating import tolerated

__all__ = ["Mechanical", "as_rpc_error"]

_CODES: Mapping[codec.ErrorKind, Code] = {
    "type": Code.TYPE_CONSTRAINT_VIOLATION,
    "property": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "occurrence": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
}


class Mechanical:
    """A dialect whose payloads are the canonical messages in JSON."""

    subprotocol: ClassVar[str]
    version: ClassVar["OcppVersion.ValueType"]
    message_types: ClassVar[frozenset[int]]
    """The message types of OCPP-J that the version has."""
    code_spellings: ClassVar[Mapping[str, str]] = {}
    answers_unreadable: ClassVar[bool] = True

    def __init__(self, actions: Mapping[str, Action], schemas: Schemas) -> None:
        self.actions = actions
        self._schemas = schemas
        self._calls = {
            name: action for name, action in actions.items() if action.from_station and action.response is not None
        }
        self._sends = {
            name: action for name, action in actions.items() if action.from_station and action.response is None
        }
        self._empty: set[str] = set()
        """Actions whose response may be empty, as most answers to transaction events are."""

    def read_call(
        self,
        name: str,
        payload: Any,
        mended: list[RpcError] | None = None,
        receive_time: Timestamp | None = None,
    ) -> StationExchange:
        """Return the exchange of a CALL of a station: see `Dialect`."""
        action = self._calls.get(name)
        if action is None:
            raise self._refuse_action(name)
        return _OneRequest(self, action, self._read(action.request, self._schemas.request(name), payload, mended))

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule], receive_time: Timestamp | None = None
    ) -> tuple[StationExchange, list[Use]] | None:
        """Return the exchange of a CALL that violates the schema in ways that rules allow: see `Dialect`."""
        action = self._calls.get(name)
        if action is None or type(payload) is not dict:
            return None
        schema = self._schemas.request(name)

        def translate(valid: dict[str, Any]) -> StationExchange:
            return _OneRequest(self, action, self._decode(action.request, valid))

        return tolerated(schema, name, schema.mend(payload)[0], rules, translate)

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Return the message in a SEND of a station: see `Dialect`."""
        action = self._sends.get(name)
        if action is None:
            raise self._refuse_action(name)
        return action, self._read(action.request, self._schemas.request(name), payload, mended)

    def hardware_of(self, boot: Any) -> Hardware:
        """Return the hardware in the payload of a BootNotification: see `Dialect`."""
        station = boot.get("chargingStation") if type(boot) is dict else None
        if type(station) is not dict:
            return Hardware()
        return Hardware.of(station.get("vendorName"), station.get("model"), station.get("firmwareVersion"))

    def command(self, request: Message) -> CommandExchange:
        """Return the exchange of a canonical request to a station: see `Dialect`."""
        return _OneCall(self, OutgoingCall(*self.write_command(request)))

    def native_command(self, name: str, payload: Any) -> CommandExchange:
        """Return the exchange of a CALL whose payload is already in the JSON of this version: see `Dialect`."""
        return _OneCall(self, OutgoingCall(name, self.write_native_command(name, payload)))

    # The payloads of messages.

    def write_result(self, name: str, response: Message) -> tuple[dict[str, Any], list[str]]:
        """Return the payload of the CALLRESULT to a CALL of this action, and the properties omitted from it.

        The core answers with canonical messages, and an older version may lack some of their properties. At this point
        the answer is committed, and an error would make the station resend or drop its message. Therefore properties
        that the version lacks are omitted.

        Raises:
            RpcError: When the answer violates the schema otherwise, which is a defect of the CSMS.
        """
        is_empty = response.ByteSize() == 0
        if is_empty and name in self._empty:
            return {}, []
        payload = self._encode(response)
        schema = self._schemas.response(name)
        if schema.is_valid(payload):
            if is_empty and not payload:
                self._empty.add(name)
            return payload, []
        left_out = []
        for path in schema.additional(payload) or ():
            parent: Any = payload
            for each in path[:-1]:
                parent = parent[each]
            del parent[path[-1]]
            left_out.append("/".join(map(str, path)))
        return schema.check(payload), left_out

    def write_command(self, request: Message) -> tuple[str, dict[str, Any]]:
        """Return action and payload of the CALL for a canonical request.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
        action = self._command(action_of(request).name)
        payload = self._encode(request)
        # Payloads that the CSMS sends are not repaired: it is strict in what it sends.
        schema = self._schemas.request(action.name)
        if not schema.is_valid(payload):
            schema.check(payload)
        return action.name, payload

    def write_native_command(self, name: str, payload: Any) -> dict[str, Any]:
        """Return the checked payload of a CALL that is already in the JSON of this version.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
        action = self._command(name)
        # Decoding checks what schemas do not: times, and the digits and sizes of numbers.
        return self._encode(self._read(action.request, self._schemas.request(name), payload))

    def read_result(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> Message:
        """Return the response in the CALLRESULT to a command.

        Raises:
            RpcError: When it violates the schema.
        """
        response = self.actions[name].response
        assert response is not None, "a command is answered"
        return self._read(response, self._schemas.response(name), payload, mended)

    def read_valid_part(self, name: str, payload: Any) -> Message | None:
        """Return the valid part of a CALLRESULT that violates the schema, or None if it is no response by itself."""
        response = self.actions[name].response
        if response is None or type(payload) is not dict:
            return None
        rest = valid_part(self._schemas.response(name), payload)
        try:
            return None if rest is None else codec.decode(response, rest)
        except codec.CodecError:
            return None

    def _command(self, name: str) -> Action:
        action = self.actions.get(name)
        if action is None or not action.from_csms or action.response is None:
            raise UnsupportedAction(name)
        return action

    def _refuse_action(self, name: str) -> RpcError:
        if name in self.actions:
            return RpcError(Code.NOT_SUPPORTED, f"{name} is not supported from a station in this message type")
        return RpcError(Code.NOT_IMPLEMENTED, f"{clip(name, 60)} is not an action of {self.subprotocol}")

    def _read(
        self, message_class: type[Message], schema: Schema, payload: Any, mended: list[RpcError] | None = None
    ) -> Message:
        if payload is None:
            # Part 4, 4.1.5: a payload without content is {} or null.
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        return self._decode(message_class, schema.check(payload, mended))

    def _decode(self, message_class: type[Message], payload: dict[str, Any]) -> Message:
        try:
            return codec.decode(message_class, payload)
        except codec.CodecError as error:
            raise as_rpc_error(error) from None

    def _encode(self, message: Message) -> dict[str, Any]:
        try:
            # Part 2 (2.1 and 3.1) limits the digits of numbers. The core may compute with more.
            return codec.encode(message, exact=False, complete=True)
        except codec.CodecError as error:
            raise as_rpc_error(error) from None


class _OneRequest:
    """A CALL that is one canonical request."""

    __slots__ = ("_dialect", "requests")

    def __init__(self, dialect: Mechanical, action: Action, request: Message) -> None:
        self._dialect = dialect
        self.requests = (CanonicalRequest(action, request),)

    def write_result(
        self, responses: Sequence[Message], transaction_number: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        return self._dialect.write_result(self.requests[0].action.name, responses[0])

    def follow_ups(self, responses: Sequence[Message]) -> Sequence[CommandExchange]:
        return ()


class _OneCall:
    """A command that is one CALL."""

    __slots__ = ("_call", "_dialect", "_response")

    def __init__(self, dialect: Mechanical, call: OutgoingCall) -> None:
        self._dialect = dialect
        self._call = call
        self._response: Message | None = None

    def next_call(self) -> OutgoingCall | None:
        return self._call if self._response is None else None

    def read_result(self, payload: Any, mended: list[RpcError] | None = None) -> None:
        self._response = self._dialect.read_result(self._call.action, payload, mended)

    def read_error(self, error: CallError) -> bool:
        return False

    def response(self) -> Message:
        assert self._response is not None, "the CALL was answered"
        return self._response

    def messages(self, time: Timestamp) -> Sequence[CanonicalRequest]:
        return ()

    def valid_part(self, payload: Any = None) -> Message | None:
        return self._dialect.read_valid_part(self._call.action, payload)


def as_rpc_error(error: codec.CodecError) -> RpcError:
    """Return the error of OCPP-J for what the codec refuses."""
    return RpcError(_CODES[error.kind], f"{error.path or 'the payload'} {error.problem}", path=error.path)
