"""Commands to one station: first come, first served, one CALL at a time (part 4, 4.1.1)."""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import ParseError
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import unwrap, wrap_response
from citrine_edge import ocppj
from citrine_edge.clock import timestamp
from citrine_edge.dialects import CallRefused, CommandExchange, OutgoingCall, UnsupportedAction
from citrine_edge.ids import new_id
from citrine_edge.ocppj import Code, RpcError
from citrine_edge.registration import Registration
from citrine_edge.traces import trace_id_of

if TYPE_CHECKING:
    from citrine_edge.session import Session

__all__ = ["Commands"]

_Reason = pb.CommandFailure.Reason

_logger = logging.getLogger(__name__)

MAX_ANSWER = 64 * 1024
"""Largest answer, in bytes, that is reported in full although it violates the schema."""


class _Outbound:
    """A command on its way."""

    __slots__ = (
        "answered_calls",
        "call",
        "core_id",
        "exchange",
        "id",
        "message_id",
        "native",
        "send_time",
        "timer",
        "traceparent",
    )

    def __init__(self, command: pb.Command, core_id: str, exchange: CommandExchange, call: OutgoingCall) -> None:
        self.id = command.id
        # The command's own id, if it fits, so that one search finds the command and its frame.
        self.message_id = command.id if 0 < len(command.id) <= ocppj.frames.MAX_MESSAGE_ID else new_id()
        self.core_id = core_id
        self.exchange = exchange
        self.call = call
        """The outstanding CALL, or the next one to write."""
        self.answered_calls = 0
        self.native = command.WhichOneof("content") == "native"
        self.send_time: Timestamp | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.traceparent = command.traceparent

    @property
    def begun(self) -> bool:
        """Whether a CALL was written. Only its answer then says what the station did."""
        return self.send_time is not None

    def follow(self, call: OutgoingCall) -> None:
        """Set the next CALL, with a new message id, so that a late answer to the last one does not match it."""
        self.call = call
        self.message_id = new_id()


class Commands:
    """The queue of commands to the station of one session.

    Invariants:

    - Every submitted command ends in exactly one report to the core that sent it: a result or a failure. A command
      whose id is already queued or outstanding is a duplicate, and is ignored.
    - At most one CALL is outstanding. The next command is written when the outstanding one is answered or times out.
    - A command that is written can't be cancelled: the station may have acted on it.
    - If the dialect turns a command into several CALLs, they are written one by one, each after the answer to the
      last, with no other command in between. One timeout covers them all. If one fails, the rest are not written, and
      the report contains what the station answered so far (`CommandFailure.answer`).

    Callers: only the session, on the event loop. After `close`, `submit` must not be called.

    Reentrancy: writing to the transport may lead back to any method here. State is therefore complete before anything
    is written or reported.
    """

    __slots__ = ("_accepts_follow_ups", "_outstanding", "_session", "_waiting")

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._waiting: deque[_Outbound] = deque()
        self._outstanding: _Outbound | None = None
        self._accepts_follow_ups = True

    @property
    def idle(self) -> bool:
        """Whether no command is queued or outstanding."""
        return self._outstanding is None and not self._waiting

    @property
    def ids(self) -> list[str]:
        """Ids of the queued commands and the outstanding one, of those that cores sent."""
        under_way = self._waiting if self._outstanding is None else (self._outstanding, *self._waiting)
        return [outbound.id for outbound in under_way if outbound.core_id]

    def submit(self, command: pb.Command, core_id: str, registration: Registration) -> None:
        """Queue a command to a station with a registration. Its timeout starts now."""
        if any(command.id == each.id for each in self._waiting) or (
            self._outstanding is not None and self._outstanding.id == command.id
        ):
            # The core resent it, because it could not know whether it had arrived.
            return
        if registration.rejected:
            problem = "the station is rejected, nothing is sent to it (B03.FR.03)"
            self._refuse(command, core_id, _Reason.REASON_UNSUPPORTED, RpcError(Code.SECURITY_ERROR, problem))
            return
        if len(self._waiting) >= self._session.context.limits.max_command_queue:
            problem = "too many commands wait for this station"
            self._refuse(command, core_id, _Reason.REASON_EXPIRED, RpcError(Code.GENERIC_ERROR, problem))
            return
        try:
            exchange = self._translate(command)
            call = exchange.next_call()
        except UnsupportedAction as error:
            problem = f"{error} ({self._session.dialect.subprotocol})"
            self._refuse(command, core_id, _Reason.REASON_UNSUPPORTED, RpcError(Code.NOT_SUPPORTED, problem))
            return
        except RpcError as error:
            self._refuse(command, core_id, _Reason.REASON_INVALID, error)
            return
        if call is None:
            # Nothing of it is the station's to say.
            result = self._result(command.id)
            result.response.CopyFrom(wrap_response(exchange.response()))
            self._report(core_id, pb.Upstream(command_result=result), command.id)
            return
        if not registration.may_be_sent(call.action):
            problem = f"the station is pending, {call.action} is not sent to it (OCPP 1.6, 4.2)"
            self._refuse(command, core_id, _Reason.REASON_UNSUPPORTED, RpcError(Code.SECURITY_ERROR, problem))
            return
        self._queue(_Outbound(command, core_id, exchange, call), command)

    def follow_up(self, exchange: CommandExchange) -> None:
        """Queue a command that no core sent, and whose end nobody hears; none once the station refused one."""
        call = exchange.next_call()
        if (
            call is None
            or not self._accepts_follow_ups
            or len(self._waiting) >= self._session.context.limits.max_command_queue
        ):
            return
        command = pb.Command(id=new_id(), native=pb.NativeMessage(action=call.action))
        self._queue(_Outbound(command, "", exchange, call), command)

    def _queue(self, outbound: _Outbound, command: pb.Command) -> None:
        timeout = command.timeout.seconds + command.timeout.nanos / 1e9
        if timeout <= 0:
            timeout = self._session.context.limits.call_timeout
        outbound.timer = self._session.context.loop.call_later(timeout, self._time_out, outbound)
        self._waiting.append(outbound)
        self._send_next()

    def cancel(self, command_id: str) -> None:
        """Drop a command, unless it is already written."""
        for outbound in self._waiting:
            if outbound.id == command_id:
                self._waiting.remove(outbound)
                self._fail(outbound, _Reason.REASON_CANCELLED)
                return

    def receive_answer(self, frame: ocppj.CallResult | ocppj.CallError) -> bool:
        """Process a station's answer; return False if no outstanding CALL matches it."""
        outbound = self._outstanding
        if outbound is None or outbound.message_id != frame.message_id:
            return False
        self._outstanding = None
        if isinstance(frame, ocppj.CallResult):
            self._receive_result(outbound, frame)
        elif outbound.exchange.read_error(frame):
            self._continue(outbound, frame)
        else:
            self._fail_refused(outbound, frame)
        self._send_next()
        return True

    def receive_broken(self, broken: ocppj.BrokenAnswer, data: bytes) -> bool:
        """Process a malformed answer; return False if no outstanding CALL matches it."""
        outbound = self._outstanding
        if outbound is None or outbound.message_id != broken.message_id:
            return False
        self._refuse_answer(outbound, broken.error, data)
        self._send_next()
        return True

    def close(self) -> None:
        """Fail all commands, because the connection is gone."""
        outbound, self._outstanding = self._outstanding, None
        if outbound is not None:
            self._fail(outbound, _Reason.REASON_LOST)
        while self._waiting:
            self._fail(self._waiting.popleft(), _Reason.REASON_GONE)

    def _translate(self, command: pb.Command) -> CommandExchange:
        dialect = self._session.dialect
        if command.WhichOneof("content") == "native":
            try:
                payload = orjson.loads(command.native.payload_json)
            except orjson.JSONDecodeError:
                raise RpcError(Code.FORMAT_VIOLATION, "the payload is not valid JSON") from None
            return dialect.native_command(command.native.action, payload)
        try:
            request = unwrap(command.request)
        except ValueError:
            raise UnsupportedAction("a message that is not known here") from None
        return dialect.command(request)

    def _send_next(self) -> None:
        while self._outstanding is None and self._waiting:
            self._write(self._waiting.popleft())

    def _write(self, outbound: _Outbound) -> None:
        """Write the current CALL of a command; fail the command if the connection is gone."""
        if not self._session.write_call(outbound.message_id, *outbound.call):
            self._fail(outbound, _Reason.REASON_LOST if outbound.begun else _Reason.REASON_GONE)
            return
        self._outstanding = outbound
        if outbound.begun:
            return
        outbound.send_time = timestamp(self._session.context.clock)
        sent = pb.CommandSent(id=outbound.id, send_time=outbound.send_time, session=self._session.ref)
        self._report(outbound.core_id, pb.Upstream(command_sent=sent), outbound.id)
        self._log("command written", outbound)

    def _receive_result(self, outbound: _Outbound, frame: ocppj.CallResult) -> None:
        mended: list[RpcError] = []
        try:
            outbound.exchange.read_result(frame.payload, mended)
        except RpcError as problem:
            self._refuse_answer(outbound, problem, frame)
            return
        except CallRefused as refused:
            self._fail_refused(outbound, refused.error)
            return
        for error in mended:
            self._record(pb.Refusal.OUTCOME_MENDED, outbound, error, frame)
        self._continue(outbound, frame)

    def _continue(self, outbound: _Outbound, frame: ocppj.CallResult | ocppj.CallError) -> None:
        """Write the next CALL of a command whose last one a frame answered, or report the result."""
        outbound.answered_calls += 1
        try:
            call = outbound.exchange.next_call()
        except RpcError as problem:
            error = pb.CallError(code=problem.code, description=problem.description)
            self._fail(outbound, _Reason.REASON_INVALID, error)
            return
        if call is not None:
            outbound.follow(call)
            self._write(outbound)
            return
        result = self._result(outbound.id, outbound.send_time)
        if outbound.native and isinstance(frame, ocppj.CallResult):
            result.native.action = outbound.call.action
            result.native.payload_json = orjson.dumps(frame.payload or {}).decode()
        else:
            result.response.CopyFrom(wrap_response(outbound.exchange.response()))
        self._stop_timer(outbound)
        self._report(outbound.core_id, pb.Upstream(command_result=result), outbound.id)
        self._log("command answered", outbound)
        self._send_messages(outbound, result.receive_time)

    def _send_messages(self, outbound: _Outbound, time: Timestamp) -> None:
        messages = outbound.exchange.messages(time)
        if messages:
            self._session.send_requests(outbound.message_id, messages)

    def _result(self, command_id: str, send_time: Timestamp | None = None) -> pb.CommandResult:
        now = timestamp(self._session.context.clock)
        return pb.CommandResult(id=command_id, session=self._session.ref, receive_time=now, send_time=send_time)

    def _refuse_answer(self, outbound: _Outbound, error: RpcError, frame: bytes | ocppj.CallResult) -> None:
        """Fail a command whose answer violates the schema, and report what the station answered."""
        self._outstanding = None
        self._record(pb.Refusal.OUTCOME_REFUSED, outbound, error, frame)
        if ocppj.CALLRESULTERROR in self._session.dialect.message_types:
            self._session.wire.write_result_error(outbound.message_id, error)
        payload = frame.payload if isinstance(frame, ocppj.CallResult) else None
        failure = self._failure(outbound, _Reason.REASON_BAD_ANSWER, payload)
        failure.error.CopyFrom(pb.CallError(code=error.code, description=error.description))
        if isinstance(frame, ocppj.CallResult):
            answer = orjson.dumps(frame.payload)
            failure.answer_json = answer.decode() if len(answer) <= MAX_ANSWER else ""
        self._report_failure(outbound.core_id, failure)
        if failure.HasField("answer"):
            self._send_messages(outbound, failure.time)

    def _record(
        self,
        outcome: "pb.Refusal.Outcome.ValueType",
        outbound: _Outbound,
        error: RpcError,
        frame: bytes | ocppj.CallResult,
    ) -> None:
        session = self._session
        session.context.refusals.add(session.ref, outcome, f"{outbound.call.action}Response", error, frame)

    def _time_out(self, outbound: _Outbound) -> None:
        if outbound is self._outstanding:
            self._outstanding = None
            self._fail(outbound, _Reason.REASON_TIMEOUT)
            self._send_next()
        else:
            self._waiting.remove(outbound)
            self._fail(outbound, _Reason.REASON_EXPIRED)

    def _fail(self, outbound: _Outbound, reason: "_Reason.ValueType", error: pb.CallError | None = None) -> None:
        failure = self._failure(outbound, reason)
        if error is not None:
            failure.error.CopyFrom(error)
        self._report_failure(outbound.core_id, failure)

    def _fail_refused(self, outbound: _Outbound, error: ocppj.CallError) -> None:
        self._accepts_follow_ups = self._accepts_follow_ups and bool(outbound.core_id)
        said = pb.CallError(code=error.code, description=error.description, details=_struct(error.details))
        self._fail(outbound, _Reason.REASON_CALL_ERROR, said)

    def _log(self, sentence: str, outbound: _Outbound, **fields: object) -> None:
        # Who names a trace wants to see what becomes of it.
        level = logging.INFO if outbound.traceparent else logging.DEBUG
        if _logger.isEnabledFor(level):
            extra = {
                "station_id": self._session.ref.station_id,
                "command_id": outbound.id,
                "action": outbound.call.action,
                **fields,
                "trace_id": trace_id_of(outbound.traceparent),
            }
            _logger.log(level, sentence, extra=extra)

    def _failure(self, outbound: _Outbound, reason: "_Reason.ValueType", payload: Any = None) -> pb.CommandFailure:
        self._stop_timer(outbound)
        self._log("command failed", outbound, failure=_Reason.Name(reason))
        failure = pb.CommandFailure(
            id=outbound.id,
            session=self._session.ref,
            reason=reason,
            time=timestamp(self._session.context.clock),
            send_time=outbound.send_time,
            answered_calls=outbound.answered_calls,
        )
        answered = outbound.exchange.valid_part(payload) if outbound.begun else None
        if answered is not None:
            failure.answer.CopyFrom(wrap_response(answered))
        return failure

    def _refuse(self, command: pb.Command, core_id: str, reason: "_Reason.ValueType", error: RpcError) -> None:
        failure = pb.CommandFailure(
            id=command.id,
            session=self._session.ref,
            reason=reason,
            error=pb.CallError(code=error.code, description=error.description),
            time=timestamp(self._session.context.clock),
        )
        self._report_failure(core_id, failure)

    def _report_failure(self, core_id: str, failure: pb.CommandFailure) -> None:
        metrics = self._session.context.metrics
        metrics.command_failures.inc(_Reason.Name(failure.reason).removeprefix("REASON_").lower())
        self._report(core_id, pb.Upstream(command_failure=failure), failure.id)

    def _report(self, core_id: str, item: pb.Upstream, command_id: str) -> None:
        if core_id:
            self._session.context.router.report_to(core_id, item.SerializeToString(), command_id)

    def _stop_timer(self, outbound: _Outbound) -> None:
        if outbound.timer is not None:
            outbound.timer.cancel()


def _struct(details: dict[str, Any]) -> Struct | None:
    """Return a CALLERROR's details, or None where they are too deep or odd for a message."""
    if not details or ocppj.frames.depth_exceeds(details, 24):
        return None
    struct = Struct()
    try:
        struct.update(details)
    except (ParseError, ValueError, TypeError):
        return None
    return struct
