"""Reads messages of stations: parses, checks registration, translates, and checks that a core serves the action."""

import re
from collections.abc import Collection, Sequence

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import Action
from citrine_edge import ocppj
from citrine_edge.context import SessionContext
from citrine_edge.dialects import Dialect, Hardware, StationExchange
from citrine_edge.ocppj import Code, RpcError, Rule, Tolerance
from citrine_edge.registration import Registration
from citrine_edge.wire import Wire

__all__ = ["Reader"]

_BOOT = "BootNotification"

MOST_REMEDIES = 20
"""Kinds of defects of one session of which it is found out what would let them pass."""

LONGEST_PATH = 200
"""Characters of the longest path of such a defect."""

_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")


class Reader:
    """Reads the messages of one session."""

    __slots__ = ("_context", "_dialect", "_hardware", "_registration", "_remedies", "_tenant_id", "_wire")

    def __init__(
        self,
        context: SessionContext,
        dialect: Dialect,
        registration: Registration,
        wire: Wire,
        tenant_id: str,
        hardware: Hardware,
    ) -> None:
        """``hardware`` is what the station named at its last boot."""
        self._context = context
        self._dialect = dialect
        self._registration = registration
        self._wire = wire
        self._tenant_id = tenant_id
        self._hardware = hardware
        self._remedies: dict[tuple[str, str, str], Collection[str]] | None = None

    def booted(self, call: ocppj.Call) -> None:
        """Store the hardware in a BootNotification that was answered."""
        self._hardware = self._dialect.hardware_of(call.payload)

    def parse(self, data: bytes) -> ocppj.Frame:
        """Return a frame, with a message id that is none of OCPP where an operator tolerates that.

        Raises:
            RpcError: As `citrine_edge.ocppj.parse` does, and whatever else it raises.
        """
        message_types = self._dialect.message_types
        try:
            return ocppj.parse(data, message_types)
        except RpcError as error:
            if not error.remedies or not self._context.tolerances.has_any(self._tenant_id):
                raise
            call = ocppj.parse(data, message_types, any_id=True)
            assert isinstance(call, ocppj.Call), "only the id of a CALL has a remedy"
            rules = (each for each in self._rules(call) if call.action in each.actions)
            rule = next((each for each in rules if Tolerance.MESSAGE_IDS in each.kinds), None)
            if rule is None:
                raise
            self._wire.record(pb.Refusal.OUTCOME_TOLERATED, call.action, error, call, rule.rule_id)
            return call

    def _rules(self, call: ocppj.Call) -> Sequence[Rule]:
        """Return the rules for the station; one that boots is what the message says."""
        hardware = self._dialect.hardware_of(call.payload) if call.action == _BOOT else self._hardware
        return self._context.tolerances.of_station(self._tenant_id, hardware)

    def read_call(self, call: ocppj.Call, receive_time: Timestamp) -> StationExchange:
        """Return the exchange of a CALL, mended where that is harmless, or as an operator tolerates it.

        Raises:
            RpcError: When it is refused; nothing of it was sent.
        """
        self._registration.check(call.action, call.payload)
        mended: list[RpcError] = []
        try:
            exchange = self._dialect.read_call(call.action, call.payload, mended, receive_time)
        except RpcError as error:
            tolerated = self._read_tolerantly(call, receive_time)
            if tolerated is None:
                error.remedies = self._remedies_of(call, error)
                raise
            exchange = tolerated
        else:
            for each in mended:
                self._wire.record(pb.Refusal.OUTCOME_MENDED, call.action, each, call)
        for action, _, _ in exchange.requests:
            if not self._context.router.serves(action.name):
                raise _unserved(action)
        return exchange

    def read_send(self, send: ocppj.Send) -> tuple[Action, Message]:
        """Return the message in a SEND.

        Raises:
            RpcError: When it is refused.
        """
        self._registration.check(send.action, send.payload)
        mended: list[RpcError] = []
        action, message = self._dialect.read_send(send.action, send.payload, mended)
        if not self._context.router.serves(action.name):
            raise _unserved(action)
        for each in mended:
            self._wire.record(pb.Refusal.OUTCOME_MENDED, send.action, each, send)
        return action, message

    def _read_tolerantly(self, call: ocppj.Call, receive_time: Timestamp) -> StationExchange | None:
        rules = self._rules(call)
        if not rules:
            return None
        found = self._dialect.read_tolerantly(call.action, call.payload, rules, receive_time)
        if found is None:
            return None
        exchange, uses = found
        for use in uses:
            self._wire.record(pb.Refusal.OUTCOME_TOLERATED, call.action, use.error, call, use.rule_id)
        return exchange

    def _remedies_of(self, call: ocppj.Call, error: RpcError) -> Collection[str]:
        """Return what a rule would have to accept for a refused CALL to pass; found once for defects that are alike."""
        if not error.path or len(error.path) > LONGEST_PATH:
            return ()
        if self._remedies is None:
            self._remedies = {}
        key = (call.action, str(error.code), _NUMBER.sub("*", error.path))
        if key not in self._remedies and len(self._remedies) < MOST_REMEDIES:
            rule = Rule("", frozenset({call.action}), frozenset(Tolerance))
            found = self._dialect.read_tolerantly(call.action, call.payload, [rule])
            self._remedies[key] = () if found is None else {use.kind for use in found[1]}
        return self._remedies.get(key, ())


def _unserved(action: Action) -> RpcError:
    return RpcError(Code.NOT_SUPPORTED, f"{action.name} is not supported")
