"""Reads messages of stations: checks registration, translates, and checks that a core serves the action."""

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import Action
from citrine_edge import ocppj
from citrine_edge.context import SessionContext
from citrine_edge.dialects import Dialect, StationExchange
from citrine_edge.ocppj import Code, RpcError
from citrine_edge.registration import Registration
from citrine_edge.wire import Wire

__all__ = ["Reader"]

_BOOT = "BootNotification"


class Reader:
    """Reads the messages of one session."""

    __slots__ = ("_context", "_dialect", "_hardware", "_registration", "_tenant_id", "_wire")

    def __init__(
        self,
        context: SessionContext,
        dialect: Dialect,
        registration: Registration,
        wire: Wire,
        tenant_id: str,
        hardware: tuple[str, str],
    ) -> None:
        """``hardware`` is the vendor and model of the station's last boot."""
        self._context = context
        self._dialect = dialect
        self._registration = registration
        self._wire = wire
        self._tenant_id = tenant_id
        self._hardware = hardware

    def booted(self, call: ocppj.Call) -> None:
        """Store vendor and model of a BootNotification that was answered."""
        self._hardware = self._dialect.hardware_of(call.payload)

    def read_call(self, call: ocppj.Call, receive_time: Timestamp) -> StationExchange:
        """Return the exchange of a CALL, mended where that is harmless, or as an operator tolerates it.

        Raises:
            RpcError: When it is refused; nothing of it was sent.
        """
        self._registration.check(call.action, call.payload)
        mended: list[RpcError] = []
        try:
            exchange = self._dialect.read_call(call.action, call.payload, mended, receive_time)
        except RpcError:
            tolerated = self._read_tolerantly(call, receive_time)
            if tolerated is None:
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
        booting = call.action == _BOOT
        vendor_name, model = self._dialect.hardware_of(call.payload) if booting else self._hardware
        rules = self._context.tolerances.of_station(self._tenant_id, vendor_name, model)
        if not rules:
            return None
        found = self._dialect.read_tolerantly(call.action, call.payload, rules, receive_time)
        if found is None:
            return None
        exchange, uses = found
        for use in uses:
            self._wire.record(pb.Refusal.OUTCOME_TOLERATED, call.action, use.error, call, use.rule_id)
        return exchange


def _unserved(action: Action) -> RpcError:
    return RpcError(Code.NOT_SUPPORTED, f"{action.name} is not supported")
