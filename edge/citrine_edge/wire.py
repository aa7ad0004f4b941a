"""The output side of one session: frames are written, counted, logged, and reported to watchers."""

import logging
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge import ocppj, upstream
from citrine_edge.clock import timestamp
from citrine_edge.context import SessionContext
from citrine_edge.dialects import Dialect
from citrine_edge.link import Link
from citrine_edge.masking import observable
from citrine_edge.ocppj import Code, RpcError
from citrine_edge.transport import Transport

__all__ = ["Wire"]

_CODES = frozenset(Code)

# These lines are about the session.
_logger = logging.getLogger("citrine_edge.session")


class Wire:
    """Writes frames to one station, and records those that are dropped or refused.

    The session and its parts call it, on the event loop. It retains nothing: what can't be written is dropped and
    counted.
    """

    __slots__ = ("_context", "_dialect", "_session", "_transport", "watchers")

    def __init__(self, context: SessionContext, transport: Transport, session: pb.SessionRef, dialect: Dialect) -> None:
        self._context = context
        self._dialect = dialect
        self._transport = transport
        self._session = session
        self.watchers: tuple[Link, ...] = ()
        """Links to which every frame is reported."""

    def write(self, data: bytes, label: str) -> bool:
        """Write a frame and count it under a label; return False if the connection is no longer open."""
        if not self._transport.send_text(data):
            self.drop("answer_to_closed_socket")
            return False
        self._context.metrics.frames.inc("out", label)
        if self.watchers:
            self.observe(data, from_station=False)
        return True

    def write_error(
        self, message_id: str | int, code: str, description: str, details: dict[str, Any] | None = None
    ) -> None:
        """Write a CALLERROR, with the code as the version spells it, unless it ignores what can't be answered."""
        unanswerable = message_id == ocppj.UNREADABLE_ID or code == Code.MESSAGE_TYPE_NOT_SUPPORTED
        if unanswerable and not self._dialect.answers_unreadable:
            self.drop("unreadable_frame", code=code, description=description)
            return
        self._context.metrics.rpc_errors.inc("out", code)
        self.log(logging.DEBUG, "call refused", code=code, description=description)
        spelling = self._dialect.code_spellings.get(code, code)
        self.write(ocppj.encode_error(message_id, spelling, description, details), "CALLERROR")

    def write_result_error(self, message_id: str, error: RpcError) -> None:
        """Write a CALLRESULTERROR, which not every version has."""
        self._context.metrics.rpc_errors.inc("out", error.code)
        self.write(ocppj.encode_result_error(message_id, error.code, error.description), "CALLRESULTERROR")

    def refuse(self, call: ocppj.Call, error: RpcError) -> None:
        """Answer a CALL with CALLERROR, and count it."""
        self.record(pb.Refusal.OUTCOME_REFUSED, call.action, error, call)
        self.write_error(call.message_id, error.code, error.description)

    def refuse_as_core(self, call: ocppj.Call, error: pb.CallError) -> None:
        """Answer a CALL with the CALLERROR of a core, and count it."""
        details = MessageToDict(error.details) if error.HasField("details") else None
        # The core may send any text. Most are codes of OCPP-J.
        code = Code(error.code) if error.code in _CODES else Code.INTERNAL_ERROR
        self.record(pb.Refusal.OUTCOME_REFUSED, call.action, RpcError(code, error.description), call)
        self.write_error(call.message_id, error.code or Code.INTERNAL_ERROR, error.description, details)

    def refuse_send(self, action: str, error: RpcError, frame: bytes | ocppj.Frame) -> None:
        """Drop a SEND that can't be processed, and count it."""
        self.record(pb.Refusal.OUTCOME_REFUSED, action, error, frame)
        self.drop("invalid_send", error=str(error))

    def count_answer(self, frame: ocppj.CallResult | ocppj.CallError) -> str:
        """Count an answer of the station, and return the name of its message type."""
        name = "CALLRESULT" if isinstance(frame, ocppj.CallResult) else "CALLERROR"
        self._context.metrics.frames.inc("in", name)
        if isinstance(frame, ocppj.CallError):
            self._context.metrics.rpc_errors.inc("in", frame.code if frame.code in _CODES else "other")
        return name

    def watch(self, watchers: Iterable[Link]) -> None:
        """Set the links to which frames are reported."""
        self.watchers = tuple(watchers)

    def observe(self, data: bytes, *, from_station: bool) -> None:
        """Report a frame to the watching links."""
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
        """Count a frame that is dropped."""
        self._context.metrics.dropped.inc(reason)
        self.log(logging.DEBUG, "message dropped", reason=reason, **fields)

    def log(self, level: int, sentence: str, **fields: object) -> None:
        """Log a line about the station. At ERROR, the exception that is being handled is included."""
        if _logger.isEnabledFor(level):
            defect = level >= logging.ERROR
            _logger.log(level, sentence, exc_info=defect, extra={"station_id": self._session.station_id, **fields})
