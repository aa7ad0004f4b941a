"""What passes between one station and its session: written, counted, logged, and shown to watchers."""

import logging
from collections.abc import Iterable
from typing import Any

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import ocppj, upstream
from citrine_edge.clock import timestamp
from citrine_edge.context import SessionContext
from citrine_edge.link import Link
from citrine_edge.masking import observable
from citrine_edge.ocppj import RpcError
from citrine_edge.transport import Transport

__all__ = ["Wire"]

# These lines are about the session.
_logger = logging.getLogger("citrine_edge.session")


class Wire:
    """The connection of one station, for all that write to it or drop what it says.

    Everything is called on the event loop by the session and its parts. Nothing is retained: what can't be written is
    dropped and counted.
    """

    __slots__ = ("_context", "_session", "_transport", "watchers")

    def __init__(self, context: SessionContext, transport: Transport, session: pb.SessionRef) -> None:
        self._context = context
        self._transport = transport
        self._session = session
        self.watchers: tuple[Link, ...] = ()
        """Links that each frame is reported to."""

    def write(self, data: bytes, label: str) -> bool:
        """Write a frame and count it under a label; return False where the connection is not open any more."""
        if not self._transport.send_text(data):
            self.drop("answer_to_closed_socket")
            return False
        self._context.metrics.frames.inc("out", label)
        if self.watchers:
            self.observe(data, from_station=False)
        return True

    def write_error(self, message_id: str, code: str, description: str, details: dict[str, Any] | None = None) -> None:
        """Write a CALLERROR."""
        self._context.metrics.rpc_errors.inc("out", code)
        self.log(logging.DEBUG, "call refused", code=code, description=description)
        self.write(ocppj.encode_error(message_id, code, description, details), "CALLERROR")

    def write_result_error(self, message_id: str, error: RpcError) -> None:
        """Write a CALLRESULTERROR, which not every version has."""
        self._context.metrics.rpc_errors.inc("out", error.code)
        self.write(ocppj.encode_result_error(message_id, error.code, error.description), "CALLRESULTERROR")

    def refuse(self, call: ocppj.Call, error: RpcError) -> None:
        """Answer a CALL with CALLERROR, and count it."""
        self.record(pb.Refusal.OUTCOME_REFUSED, call.action, error, call)
        self.write_error(call.message_id, error.code, error.description)

    def watch(self, watchers: Iterable[Link]) -> None:
        """Report frames to these links from now on."""
        self.watchers = tuple(watchers)

    def observe(self, data: bytes, *, from_station: bool) -> None:
        """Report a frame to those who watch."""
        now = timestamp(self._context.clock)
        item = upstream.observed(self._session, observable(data), now, from_station=from_station)
        for link in self.watchers:
            if not link.offer(item):
                self.drop("observed_frame")

    def record(
        self,
        outcome: "pb.Refusal.Outcome.ValueType",
        action: str,
        error: RpcError,
        frame: bytes | ocppj.Frame = b"",
        rule_id: str = "",
    ) -> None:
        """Count a message that was refused, dropped, or accepted although something is wrong with it."""
        self._context.refusals.add(self._session, outcome, action, error, frame, rule_id)

    def drop(self, reason: str, **fields: object) -> None:
        """Count a frame that goes nowhere."""
        self._context.metrics.dropped.inc(reason)
        self.log(logging.DEBUG, "message dropped", reason=reason, **fields)

    def log(self, level: int, sentence: str, **fields: object) -> None:
        """Write a line about the station; inside of an except clause an error belongs to the line."""
        if _logger.isEnabledFor(level):
            defect = level >= logging.ERROR
            _logger.log(level, sentence, exc_info=defect, extra={"station_id": self._session.station_id, **fields})
