"""What the mechanical dialects, 2.0.1 and 2.1, have in common: schema, then codec, and back."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import OcppVersion
from citrine.ocpp import codec
from citrine.ocpp.actions import Action, action_of
from citrine_edge.ocppj import Code, RpcError, Rule, Schema, Schemas
from citrine_edge.ocppj.errors import clip
from citrine_edge.ocppj.mending import Use, tolerated, valid_part

__all__ = ["Dialect", "UnsupportedAction"]

_CODES: Mapping[codec.ErrorKind, Code] = {
    "type": Code.TYPE_CONSTRAINT_VIOLATION,
    "property": Code.PROPERTY_CONSTRAINT_VIOLATION,
    "occurrence": Code.OCCURRENCE_CONSTRAINT_VIOLATION,
}


class UnsupportedAction(Exception):
    """A command that this version of OCPP does not have."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action

    def __str__(self) -> str:
        return f"{clip(self.action, 60)} is not sent to stations in this version of OCPP"


class Dialect:
    """One version of OCPP, between the payloads of its frames and canonical messages."""

    subprotocol: ClassVar[str]
    version: ClassVar["OcppVersion.ValueType"]
    message_types: ClassVar[frozenset[int]]
    """The message types of OCPP-J that the version has."""

    def __init__(self, actions: Mapping[str, Action], schemas: Schemas) -> None:
        self.actions = actions
        self._schemas = schemas
        self._calls = {
            name: action for name, action in actions.items() if action.from_station and action.response is not None
        }
        self._sends = {
            name: action for name, action in actions.items() if action.from_station and action.response is None
        }

    def read_call(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Return the request in a CALL of a station.

        Args:
            name: The action.
            payload: As it stands in the frame.
            mended: Gets what was missing or superfluous, and has one clear meaning.

        Raises:
            RpcError: NotImplemented for an action that the version does not have, NotSupported for one that stations
                do not send as CALL, ProtocolError for a payload that is no object, else what the schema finds.
        """
        action = self._calls.get(name)
        if action is None:
            raise self._refuse_action(name)
        return action, self._read(action.request, self._schemas.request(name), payload, mended)

    def read_tolerantly(
        self, name: str, payload: Any, rules: Sequence[Rule]
    ) -> tuple[Action, Message, list[Use]] | None:
        """Return the request in a CALL that breaks the schema as rules let it pass, with their uses.

        None where they do not, or where it is no CALL of the version.
        """
        action = self._calls.get(name)
        if action is None or type(payload) is not dict:
            return None
        schema = self._schemas.request(name)
        found = tolerated(schema, name, schema.mend(payload)[0], rules)
        if found is None:
            return None
        try:
            return action, codec.decode(action.request, found[0]), found[1]
        except codec.CodecError:
            # What schemas leave open, a time for example, is never tolerated.
            return None

    def read_send(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> tuple[Action, Message]:
        """Return the message in a SEND of a station.

        Raises:
            RpcError: As read_call does.
        """
        action = self._sends.get(name)
        if action is None:
            raise self._refuse_action(name)
        return action, self._read(action.request, self._schemas.request(name), payload, mended)

    def write_result(self, name: str, response: Message) -> tuple[dict[str, Any], list[str]]:
        """Return the payload of the CALLRESULT to a CALL of this action, and what had to be left out of it.

        The core answers with canonical messages, of which an older version may lack properties. By then the answer is
        committed, and an error would make the station send its message again or drop it; so they are left out.

        Raises:
            RpcError: When the answer breaks the schema otherwise: a defect of ours.
        """
        payload = self._encode(response)
        schema = self._schemas.response(name)
        if schema.is_valid(payload):
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
        """Return action and payload of the CALL that says a canonical request.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
        action = self._command(action_of(request).name)
        payload = self._encode(request)
        # Strict in what is sent: no mending here.
        schema = self._schemas.request(action.name)
        if not schema.is_valid(payload):
            schema.check(payload)
        return action.name, payload

    def write_native_command(self, name: str, payload: Any) -> dict[str, Any]:
        """Return the payload of a CALL that was given in this version's own words.

        Raises:
            UnsupportedAction: When the version does not have it, or the CSMS does not send it.
            RpcError: When the payload breaks the version's schema: the path and the defect.
        """
        action = self._command(name)
        # Decoded for what schemas leave open: times, and the digits and sizes of numbers.
        return self._encode(self._read(action.request, self._schemas.request(name), payload))

    def read_result(self, name: str, payload: Any, mended: list[RpcError] | None = None) -> Message:
        """Return the response in the CALLRESULT to a command.

        Raises:
            RpcError: When it breaks the schema.
        """
        response = self.actions[name].response
        assert response is not None, "a command is answered"
        return self._read(response, self._schemas.response(name), payload, mended)

    def read_valid_part(self, name: str, payload: Any) -> Message | None:
        """Return what is valid of a CALLRESULT that breaks the schema, or None where that is no answer by itself."""
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
            # Part 4, 4.1.5: a payload without content is written as {} or as null.
            payload = {}
        if type(payload) is not dict:
            raise RpcError(Code.PROTOCOL_ERROR, "the payload is not a JSON object")
        try:
            return codec.decode(message_class, schema.check(payload, mended))
        except codec.CodecError as error:
            raise _as_rpc_error(error) from None

    def _encode(self, message: Message) -> dict[str, Any]:
        try:
            # No more digits than Part 2 (2.1 and 3.1) allows, whatever the core reckons with.
            return codec.encode(message, exact=False)
        except codec.CodecError as error:
            raise _as_rpc_error(error) from None


def _as_rpc_error(error: codec.CodecError) -> RpcError:
    return RpcError(_CODES[error.kind], f"{error.path or 'the payload'} {error.problem}", path=error.path)
