"""One connected station: its CALLs to the core, one at a time, and the core's answers back."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import Action, unwrap
from citrine_edge import ocppj, upstream
from citrine_edge.clock import timestamp
from citrine_edge.commands import Commands
from citrine_edge.context import SessionContext
from citrine_edge.dialects import Dialect
from citrine_edge.flow_control import FlowControl
from citrine_edge.inbox import Flight, Inbound, Inbox
from citrine_edge.link import Link
from citrine_edge.masking import observable
from citrine_edge.ocppj import Code, RpcError
from citrine_edge.registration import Registration
from citrine_edge.tolerances import hardware_of
from citrine_edge.traces import trace_id_of
from citrine_edge.transport import Transport

__all__ = ["Session"]

LINGER = 10.0
"""Seconds for which the calls of a closed socket are still brought to the core."""

_logger = logging.getLogger(__name__)

_CODES = frozenset(Code)

_Outcome = pb.Refusal.Outcome

_BOOT = "BootNotification"

_TOO_BIG = 1009
"""Close code for a message that is larger than may be (RFC 6455, 7.4.1)."""


class Session:
    """One connection of one station, under the epoch that the core granted.

    - CALLs of the station go up in the order in which they were read, one at a time; the next waits for the answer.
      Each is answered once, unless the connection is gone by then.
    - One CALL is out to the station at a time as well; the two directions know nothing of each other.
    - A session outlives its connection by LINGER seconds at most, while a CALL that was read is under way. It reports
      its close once, after all else that it has to say; nothing it says later counts.

    The transport calls `receive`, `broken` and `closed`; the router `answer` and `answer_error`, each once at most for
    a CALL; the sessions' keeper the rest. All on the event loop, and each may be called from within the transport's
    `resume`, `send_text` and `close`: what a method needs to be true is true before it calls out. No defect in one
    message ends the session.
    """

    __slots__ = (
        "_closed",
        "_commands",
        "_draining",
        "_finished",
        "_flow",
        "_hardware",
        "_inbox",
        "_open_time",
        "_own_close",
        "_registration",
        "_transport",
        "_watchers",
        "context",
        "dialect",
        "key",
        "on_closed",
        "ref",
        "route",
        "route_version",
    )

    def __init__(
        self,
        context: SessionContext,
        transport: Transport,
        dialect: Dialect,
        ref: pb.SessionRef,
        registration: int | None,
        hardware: tuple[str, str] = ("", ""),
    ) -> None:
        self.context = context
        """What all sessions share."""
        self._transport = transport
        self.dialect = dialect
        self.ref = ref
        self.key = (ref.tenant_id, ref.station_id)
        """Tenant and station."""
        # Vendor and model, as the station last named them.
        self._hardware = hardware
        self._open_time = timestamp(context.clock)
        self.route: tuple[Link, ...] = ()
        """The cores in this station's order of preference, as the router left them."""
        self.route_version = -1
        self.on_closed: Callable[[Session], None] = _nobody
        """Called with this session when its socket is gone."""
        self._inbox = Inbox()
        self._commands: Commands | None = None
        self._registration = Registration(registration)
        self._watchers: tuple[Link, ...] = ()
        self._flow = FlowControl(
            transport,
            self._inbox,
            context.backlog,
            context.loop,
            frame_rate=context.limits.frame_rate,
            max_inbound=context.limits.max_inbound_queue,
        )
        self._draining = False
        self._own_close: tuple[int, str] | None = None
        self._closed: bytes | None = None
        self._finished = False

    @property
    def epoch(self) -> int:
        """Which of the station's sessions this is; higher is newer."""
        return self.ref.epoch

    @property
    def is_closed(self) -> bool:
        """Whether the socket is gone; a call of it may still be under way."""
        return self._closed is not None

    @property
    def description(self) -> pb.HeldSession:
        """This session as Hello has it."""
        return pb.HeldSession(
            session=self.ref,
            version=self.dialect.version,
            open_time=self._open_time,
            remote_address=self._transport.remote_address,
        )

    @property
    def command_ids(self) -> list[str]:
        """Commands that are under way."""
        return self._commands.ids if self._commands is not None else []

    # What the socket calls.

    def receive(self, data: bytes, text: bool) -> None:
        """Take one message of the station."""
        try:
            self._receive(data, text)
        except Exception:
            # A defect of ours: it must not cost the socket.
            self._log(logging.ERROR, "message was not processed")

    def _receive(self, data: bytes, text: bool) -> None:
        if self._flow.message_came():
            limit = f"more than {self.context.limits.frame_rate:g} messages in a second"
            self._record(_Outcome.OUTCOME_DELAYED, "", RpcError(Code.GENERIC_ERROR, limit))
        if self._watchers:
            self._observe(data, from_station=True)
        try:
            if not text:
                problem = "the frame is binary, not text"
                raise RpcError(Code.RPC_FRAMEWORK_ERROR, problem, ocppj.UNREADABLE_ID)
            frame = ocppj.parse(data, self.dialect.message_types)
        except RpcError as error:
            self.context.metrics.frames.inc("in", "unreadable")
            self._record(_Outcome.OUTCOME_REFUSED, "", error, data)
            self._send_error(error.message_id, error.code, error.description)
            return
        except (ocppj.BrokenAnswer, ocppj.BrokenSend) as error:
            self.context.metrics.frames.inc("in", "unreadable")
            self._receive_broken(error, data)
            return
        match frame:
            case ocppj.Call():
                self._receive_call(frame, len(data))
            case ocppj.CallResult() | ocppj.CallError():
                self._receive_answer(frame)
            case ocppj.Send():
                self._receive_send(frame)
            case ocppj.CallResultError():
                # Our answer was committed before it was sent; there is nothing to take back.
                self._drop("answer_refused_by_station", error_code=frame.code, description=frame.description)

    def broken(self, code: int, reason: str) -> None:
        """Take note of a message that breaks the WebSocket protocol or its limits, which ends the session."""
        problem = reason or "the message breaks the WebSocket protocol"
        if code == _TOO_BIG:
            problem = f"the message is larger than {self.context.limits.max_frame} bytes"
        self._record(_Outcome.OUTCOME_REFUSED, "", RpcError(Code.RPC_FRAMEWORK_ERROR, problem))

    def closed(self, code: int, reason: str) -> None:
        """Take note that the socket is gone; what was read is still brought to the core."""
        code, reason = self._own_close or (code, reason)
        now = timestamp(self.context.clock)
        self._closed = upstream.closed(self.ref, code, ocppj.errors.clip(reason, 123), now)
        self.context.metrics.closes.inc(str(code))
        self._log(logging.INFO, "station disconnected", epoch=self.epoch, code=code)
        if self._commands is not None:
            self._commands.close()
            # It refers back to this session, which would stay until the garbage collector comes.
            self._commands = None
        self.on_closed(self)
        if self._inbox.flight is not None:
            self.context.loop.call_later(LINGER, self._finish)
        self._advance()

    # What the core says.

    def answer(self, answer: pb.Answer) -> None:
        """Give the station the answer to its call in flight."""
        flight = self._land()
        if answer.HasField("registration"):
            self.set_registration(answer.registration)
            self._hardware = hardware_of(flight.call.payload)
        try:
            response = unwrap(answer.response)
            if type(response) is not flight.action.response:
                raise ValueError("the answer is of another action")
            payload, left_out = self.dialect.write_result(flight.call.action, response)
        except (ValueError, RpcError) as error:
            # Ours, not the station's; and nothing of it is the station's to know.
            fields = {"error": str(error), "trace_id": trace_id_of(self.context.traces.of(flight.call_id))}
            self._log(logging.ERROR, "core's answer can't be sent", action=flight.action.name, **fields)
            self._refuse(flight.call, RpcError(Code.INTERNAL_ERROR, "the answer could not be written"))
        else:
            if left_out:
                self._log(logging.WARNING, "answer holds what the version lacks", left_out=",".join(left_out))
            self._write(ocppj.encode_result(flight.call.message_id, payload), flight.action.name)
        self._advance()

    def answer_error(self, error: pb.CallError) -> None:
        """Refuse the call in flight."""
        flight = self._land()
        details = MessageToDict(error.details) if error.HasField("details") else None
        # Whatever the core says; most are codes of OCPP-J.
        code = Code(error.code) if error.code in _CODES else Code.INTERNAL_ERROR
        self._record(_Outcome.OUTCOME_REFUSED, flight.action.name, RpcError(code, error.description), flight.call)
        self._send_error(flight.call.message_id, error.code or Code.INTERNAL_ERROR, error.description, details)
        self._advance()

    def command(self, command: pb.Command, core_id: str) -> None:
        """Send a command when its turn comes."""
        if self._commands is None:
            self._commands = Commands(self)
        # B03.FR.03: to a station that is rejected the CSMS sends nothing.
        self._commands.submit(command, core_id, rejected=self._registration.rejected)

    def cancel(self, command_id: str) -> None:
        """Drop a command that is not written yet."""
        if self._commands is not None:
            self._commands.cancel(command_id)

    def set_registration(self, status: int) -> None:
        """Let the station send what it may from now on."""
        self._registration.change(status)

    def watch(self, watchers: Iterable[Link]) -> None:
        """Report frames to these links from now on."""
        self._watchers = tuple(watchers)

    def drain(self) -> None:
        """Close the socket as soon as nothing is under way on it."""
        self._draining = True
        self._advance()

    def close(self, code: int, reason: str) -> None:
        """Close the socket."""
        if self._own_close is None and self._transport.is_open:
            # RFC 6455, 5.5: a control frame has 125 bytes, of which the code takes two.
            reason = reason.encode(errors="replace")[:123].decode(errors="ignore")
            self._own_close = (code, reason)
            self._transport.close(code, reason)

    # What its commands need.

    def write_call(self, message_id: str, action: str, payload: dict[str, Any]) -> bool:
        """Write a CALL; return False where the socket is not open any more."""
        self._registration.ask(action, payload)
        return self._write(ocppj.encode_call(message_id, action, payload), action)

    def write_result_error(self, message_id: str, error: RpcError) -> None:
        """Write a CALLRESULTERROR, where the version has it."""
        if ocppj.CALLRESULTERROR in self.dialect.message_types:
            self.context.metrics.rpc_errors.inc("out", error.code)
            self._write(ocppj.encode_result_error(message_id, error.code, error.description), "CALLRESULTERROR")

    # CALLs.

    def _land(self) -> Flight:
        flight = self._inbox.land()
        self._flow.call_ended(flight.size)
        return flight

    def _receive_call(self, call: ocppj.Call, size: int) -> None:
        if self._inbox.is_repeated(call):
            # The same message again under the same id is a retry; the answer to the first is the answer to both.
            self._drop("repeated_call", action=call.action)
            return
        self._inbox.put(Inbound(call, timestamp(self.context.clock), size))
        self._flow.call_waits(size)
        self._advance()

    def _advance(self) -> None:
        """Process what waits, until a call is in flight; end what has to end once nothing is left."""
        while (inbound := self._inbox.next()) is not None:
            self._process(inbound)
        self._flow.resume()
        if self._inbox.flight is None:
            if self._closed is not None:
                self._finish()
            elif self._draining and (self._commands is None or self._commands.idle):
                self.close(1001, "the CSMS goes away")

    def _process(self, inbound: Inbound) -> None:
        call = inbound.call
        try:
            self._registration.check(call.action, call.payload)
            action, request = self._read_call(call)
            self._check_served(action)
            self.context.metrics.frames.inc("in", action.name)
            call_id = self.context.router.next_id()
            trace, time = self.context.traces.of(call_id), inbound.receive_time
            data = upstream.station_call(call_id, self.ref, call.message_id, action, request, time, trace)
        except RpcError as error:
            self.context.metrics.frames.inc("in", "refused")
            self._flow.call_ended(inbound.size)
            self._refuse(call, error)
            return
        except Exception:
            # A defect of ours: it must cost neither the socket nor what comes behind.
            self._log(logging.ERROR, "call was not processed", action=call.action)
            self._flow.call_ended(inbound.size)
            self._refuse(call, RpcError(Code.INTERNAL_ERROR, "the message could not be processed"))
            return
        self._inbox.flight = Flight(call, action, call_id, inbound.size)
        self.context.router.call(self, call_id, action.name, data)

    def _check_served(self, action: Action) -> None:
        if not self.context.router.serves(action.name):
            raise RpcError(Code.NOT_SUPPORTED, f"{action.name} is not supported")

    def _read_call(self, call: ocppj.Call) -> tuple[Action, Message]:
        """Return the request, mended where that is harmless, or as an operator tolerates it."""
        mended: list[RpcError] = []
        try:
            action, request = self.dialect.read_call(call.action, call.payload, mended)
        except RpcError:
            vendor_name, model = hardware_of(call.payload) if call.action == _BOOT else self._hardware
            rules = self.context.tolerances.of_station(self.ref.tenant_id, vendor_name, model)
            found = self.dialect.read_tolerantly(call.action, call.payload, rules) if rules else None
            if found is None:
                raise
            action, request, uses = found
            for use in uses:
                self._record(_Outcome.OUTCOME_TOLERATED, call.action, use.error, call, use.rule_id)
        else:
            for each in mended:
                self._record(_Outcome.OUTCOME_MENDED, call.action, each, call)
        return action, request

    def _receive_send(self, send: ocppj.Send) -> None:
        mended: list[RpcError] = []
        try:
            self._registration.check(send.action, send.payload)
            action, message = self.dialect.read_send(send.action, send.payload, mended)
            self._check_served(action)
            now = timestamp(self.context.clock)
            trace = self.context.traces.of(self.context.router.next_id())
            data = upstream.station_send(self.ref, send.message_id, action, message, now, trace)
        except RpcError as error:
            self._record(_Outcome.OUTCOME_REFUSED, send.action, error, send)
            self._drop("invalid_send", error=str(error))
            return
        for each in mended:
            self._record(_Outcome.OUTCOME_MENDED, send.action, each, send)
        self.context.metrics.frames.inc("in", action.name)
        if not self.context.router.send(self, action.name, data):
            unserved = RpcError(Code.INTERNAL_ERROR, "no core could take the message")
            self._record(_Outcome.OUTCOME_DROPPED, send.action, unserved, send)
            self._drop("send_without_core")

    # Answers to commands.

    def _receive_answer(self, frame: ocppj.CallResult | ocppj.CallError) -> None:
        name = "CALLRESULT" if isinstance(frame, ocppj.CallResult) else "CALLERROR"
        self.context.metrics.frames.inc("in", name)
        if isinstance(frame, ocppj.CallError):
            code = frame.code if frame.code in _CODES else "other"
            self.context.metrics.rpc_errors.inc("in", code)
        if self._commands is None or not self._commands.receive_answer(frame):
            unasked = RpcError(Code.RPC_FRAMEWORK_ERROR, "it answers nothing that waits for an answer")
            self._record(_Outcome.OUTCOME_DROPPED, name, unasked, frame)
            self._drop("unsolicited_answer", message_id=frame.message_id)
        elif self._draining:
            self._advance()

    def _receive_broken(self, error: ocppj.BrokenAnswer | ocppj.BrokenSend, data: bytes) -> None:
        if isinstance(error, ocppj.BrokenSend):
            self._record(_Outcome.OUTCOME_REFUSED, "", error.error, data)
            self._drop("invalid_send", error=str(error))
        elif self._commands is None or not self._commands.receive_broken(error, data):
            self._record(_Outcome.OUTCOME_DROPPED, "", error.error, data)
            self._drop("malformed_answer", error=str(error))

    # What is refused.

    def _refuse(self, call: ocppj.Call, error: RpcError) -> None:
        """Answer a CALL with CALLERROR, and count it."""
        self._record(_Outcome.OUTCOME_REFUSED, call.action, error, call)
        self._send_error(call.message_id, error.code, error.description)

    def _record(
        self,
        outcome: "_Outcome.ValueType",
        action: str,
        error: RpcError,
        frame: bytes | ocppj.Frame = b"",
        rule_id: str = "",
    ) -> None:
        self.context.refusals.add(self.ref, outcome, action, error, frame, rule_id)

    # Writing.

    def _send_error(self, message_id: str, code: str, description: str, details: dict[str, Any] | None = None) -> None:
        self.context.metrics.rpc_errors.inc("out", code)
        self._log(logging.DEBUG, "call refused", code=code, description=description)
        self._write(ocppj.encode_error(message_id, code, description, details), "CALLERROR")

    def _write(self, data: bytes, label: str) -> bool:
        if not self._transport.send_text(data):
            self._drop("answer_to_closed_socket")
            return False
        self.context.metrics.frames.inc("out", label)
        if self._watchers:
            self._observe(data, from_station=False)
        return True

    def _observe(self, data: bytes, *, from_station: bool) -> None:
        now = timestamp(self.context.clock)
        item = upstream.observed(self.ref, observable(data), now, from_station=from_station)
        for link in self._watchers:
            if not link.offer(item):
                self._drop("observed_frame")

    # The rest.

    def _finish(self) -> None:
        """Report the close, after all else of this session."""
        if self._finished or self._closed is None:
            return
        self._finished = True
        self._flow.end()
        if self._inbox.flight is not None:
            self.context.router.forget(self._inbox.flight.call_id)
        self.context.router.report(self._closed, self)

    def _drop(self, reason: str, **fields: object) -> None:
        self.context.metrics.dropped.inc(reason)
        self._log(logging.DEBUG, "message dropped", reason=reason, **fields)

    def _log(self, level: int, sentence: str, **fields: object) -> None:
        if _logger.isEnabledFor(level):
            # Inside of an except clause the error belongs to the line.
            defect = level >= logging.ERROR
            _logger.log(level, sentence, exc_info=defect, extra={"station_id": self.ref.station_id, **fields})


def _nobody(_session: Session) -> None:
    """Stand in for who wants to know that a socket is gone, until there is one."""
