"""The session of one connected station: its CALLs to the core, one at a time, and the answers to them."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import unwrap
from citrine_edge import ocppj, upstream
from citrine_edge.clock import timestamp
from citrine_edge.commands import Commands
from citrine_edge.context import SessionContext
from citrine_edge.dialects import CanonicalRequest, Dialect, Hardware
from citrine_edge.flow_control import FlowControl
from citrine_edge.inbox import Derived, Flight, Inbound, Inbox
from citrine_edge.link import Link
from citrine_edge.ocppj import Code, RpcError
from citrine_edge.reading import Reader
from citrine_edge.registration import Registration
from citrine_edge.traces import trace_id_of
from citrine_edge.transport import Transport
from citrine_edge.wire import Wire

__all__ = ["Session"]

LINGER = 10.0
"""Seconds for which the calls of a closed connection are still sent to the core."""

NOTHING_KNOWN = Hardware()
"""Hardware of a station that never booted."""

_Outcome = pb.Refusal.Outcome

_TOO_BIG = 1009
"""Close code for a message that is larger than may be (RFC 6455, 7.4.1)."""


class Session:
    """One connection of one station, under the epoch that the core granted.

    Invariants:

    - At most one CALL of the station is in flight. CALLs are sent to cores in the order in which they were read, and
      the next one waits for the answer. If the dialect turns a CALL into several requests, they are sent one by one,
      each under its own call id; once a core refuses one, the rest are not sent. The station is answered once, after
      the last request, unless its connection is gone.
    - At most one CALL to the station is outstanding. The two directions are independent.
    - A session outlives its connection by at most LINGER seconds, and only while a CALL is in flight. It reports its
      close exactly once, as its last report.
    - A bug that one message triggers does not end the session.

    Callers: the transport calls `receive`, `broken` and `closed`. The router calls `answer` or `answer_error`, once
    per request. `Sessions` calls the rest. All calls happen on the event loop; nothing is safe to call from another
    thread.

    Reentrancy: the transport may call back from within its `resume`, `send_text` and `close`. Every method therefore
    completes its own state before it calls the transport or the router.
    """

    __slots__ = (
        "_closed",
        "_commands",
        "_draining",
        "_finished",
        "_flow",
        "_inbox",
        "_open_time",
        "_own_close",
        "_reader",
        "_registration",
        "_transport",
        "context",
        "dialect",
        "key",
        "on_closed",
        "ref",
        "route",
        "route_version",
        "wire",
    )

    def __init__(
        self,
        context: SessionContext,
        transport: Transport,
        dialect: Dialect,
        ref: pb.SessionRef,
        registration: int | None,
        hardware: Hardware = NOTHING_KNOWN,
    ) -> None:
        self.context = context
        """What all sessions share."""
        self._transport = transport
        self.dialect = dialect
        self.ref = ref
        self.wire = Wire(context, transport, ref, dialect)
        """Writes to the station."""
        self.key = (ref.tenant_id, ref.station_id)
        """Tenant and station."""
        self._open_time = timestamp(context.clock)
        self.route: tuple[Link, ...] = ()
        """The links in this station's order of preference. The router sets it, with `route_version`."""
        self.route_version = -1
        self.on_closed: Callable[[Session], None] = lambda _: None
        """Called with this session when its connection is gone."""
        self._inbox = Inbox()
        self._commands: Commands | None = None
        self._registration = Registration(registration)
        self._reader = Reader(context, dialect, self._registration, self.wire, ref.tenant_id, hardware)
        self._flow = FlowControl(
            transport,
            self._inbox,
            context.backlog.of(ref.tenant_id),
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
        """The session's number among those of its station; higher is newer."""
        return self.ref.epoch

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone. A call may still be in flight."""
        return self._closed is not None

    @property
    def description(self) -> pb.HeldSession:
        """This session as Hello lists it."""
        return pb.HeldSession(
            session=self.ref,
            version=self.dialect.version,
            open_time=self._open_time,
            remote_address=self._transport.remote_address,
        )

    @property
    def command_ids(self) -> list[str]:
        """Ids of the commands that are under way."""
        return self._commands.ids if self._commands is not None else []

    # What the transport calls.

    def receive(self, data: bytes, text: bool) -> None:
        """Process one message of the station."""
        try:
            self._receive(data, text)
        except Exception:
            # A bug of ours: it must not close the connection.
            self.wire.log(logging.ERROR, "message was not processed")

    def _receive(self, data: bytes, text: bool) -> None:
        if self._flow.message_came():
            limit = f"more than {self.context.limits.frame_rate:g} messages in a second"
            self.wire.record(_Outcome.OUTCOME_DELAYED, "", RpcError(Code.GENERIC_ERROR, limit))
        if self.wire.watchers:
            self.wire.observe(data, from_station=True)
        try:
            if not text:
                problem = "the frame is binary, not text"
                raise RpcError(Code.RPC_FRAMEWORK_ERROR, problem, ocppj.UNREADABLE_ID)
            frame = self._reader.parse(data)
        except RpcError as error:
            self.context.metrics.frames.inc("in", "unreadable")
            self.wire.record(_Outcome.OUTCOME_REFUSED, "", error, data)
            self.wire.write_error(error.message_id, error.code, error.description)
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
                # The answer was committed before it was sent. There is nothing to roll back.
                self.wire.drop("answer_refused_by_station", error_code=frame.code, description=frame.description)

    def broken(self, code: int, reason: str) -> None:
        """Record a message that violates the WebSocket protocol or its limits, which ends the session."""
        problem = reason or "the message breaks the WebSocket protocol"
        if code == _TOO_BIG:
            problem = f"the message is larger than {self.context.limits.max_frame} bytes"
        self.wire.record(_Outcome.OUTCOME_REFUSED, "", RpcError(Code.RPC_FRAMEWORK_ERROR, problem))

    def closed(self, code: int, reason: str) -> None:
        """Handle the end of the connection. CALLs that were read are still sent to the core."""
        code, reason = self._own_close or (code, reason)
        now = timestamp(self.context.clock)
        self._closed = upstream.closed(self.ref, code, ocppj.errors.clip(reason, 123), now)
        self.context.metrics.closes.inc(str(code))
        self.wire.log(logging.INFO, "station disconnected", epoch=self.epoch, code=code)
        if self._commands is not None:
            self._commands.close()
            # Breaks the reference cycle, so that the session is freed without the garbage collector.
            self._commands = None
        self.on_closed(self)
        if self._inbox.flight is not None:
            self.context.loop.call_later(LINGER, self._finish)
        self._advance()

    # What the router and `Sessions` call.

    def answer(self, answer: pb.Answer) -> None:
        """Process the response to the current request; answer the station after the last one."""
        flight = self._inbox.flight
        assert flight is not None, "the router has a request of this session"
        if answer.HasField("registration"):
            self.set_registration(answer.registration)
            self._reader.booted(flight.call)
        if answer.HasField("transaction_number"):
            flight.transaction_number = answer.transaction_number
        try:
            is_last = flight.receive(unwrap(answer.response))
            if is_last:
                payload, left_out = flight.exchange.write_result(flight.responses, flight.transaction_number)
        except (ValueError, RpcError) as error:
            # The fault is ours. The details go to the log, not to the station.
            fields = {"error": str(error), "trace_id": trace_id_of(flight.traceparent)}
            self.wire.log(logging.ERROR, "core's answer can't be sent", action=flight.call.action, **fields)
            self._land()
            self._refuse(flight.inbound, RpcError(Code.INTERNAL_ERROR, "the answer could not be written"))
        else:
            if not is_last:
                self._send_request(flight)
                if self._inbox.flight is not None:
                    return
            else:
                self._land()
                if left_out:
                    self.wire.log(logging.WARNING, "answer holds what the version lacks", left_out=",".join(left_out))
                if flight.inbound.derived is None:
                    self.wire.write(ocppj.encode_result(flight.call.message_id, payload), flight.call.action)
                    self._follow_up(flight)
        self._advance()

    def _follow_up(self, flight: Flight) -> None:
        """Send the station what its answer could not say."""
        for exchange in flight.exchange.follow_ups(flight.responses):
            if self._closed is None:
                self._commands = self._commands or Commands(self)
                self._commands.follow_up(exchange)

    def answer_error(self, error: pb.CallError) -> None:
        """Refuse the CALL in flight, because a core refused its current request."""
        inbound = self._land().inbound
        if inbound.derived is None:
            self.wire.refuse_as_core(inbound.call, error)
        self._advance()

    def command(self, command: pb.Command, core_id: str) -> None:
        """Queue a command for the station."""
        if self._commands is None:
            self._commands = Commands(self)
        # B03.FR.03: to a station that is rejected the CSMS sends nothing.
        self._commands.submit(command, core_id, self._registration)

    def cancel(self, command_id: str) -> None:
        """Drop a command, unless it is already written."""
        if self._commands is not None:
            self._commands.cancel(command_id)

    def set_registration(self, status: int) -> None:
        """Let the station send what it may from now on."""
        self._registration.change(status)

    def drain(self) -> None:
        """Close the connection as soon as nothing is under way on it."""
        self._draining = True
        self._advance()

    def close(self, code: int, reason: str) -> None:
        """Begin to close the connection. Idempotent: the first code and reason count."""
        if self._own_close is None and self._transport.is_open:
            # RFC 6455, 5.5: a control frame has 125 bytes, of which the code takes two.
            reason = reason.encode(errors="replace")[:123].decode(errors="ignore")
            self._own_close = (code, reason)
            self._transport.close(code, reason)

    # What `Commands` calls.

    def write_call(self, message_id: str, action: str, payload: dict[str, Any]) -> bool:
        """Write a CALL; return False if the connection is no longer open."""
        self._registration.ask(action, payload)
        return self.wire.write(ocppj.encode_call(message_id, action, payload), action)

    def send_requests(self, message_id: str, requests: Sequence[CanonicalRequest]) -> None:
        """Send to a core what an answer to a command says beside the response, behind the CALLs that were read."""
        call = ocppj.Call(message_id, requests[0][0].name, {})
        self._inbox.put(Inbound(call, timestamp(self.context.clock), derived=Derived(requests)))
        self._advance()

    # CALLs.

    def _land(self) -> Flight:
        flight = self._inbox.land()
        self._flow.call_ended(flight.inbound.size)
        return flight

    def _receive_call(self, call: ocppj.Call, size: int) -> None:
        if self._inbox.is_repeated(call):
            # The same message under the same id is a resend. One answer serves both.
            self.wire.drop("repeated_call", action=call.action)
            return
        self._inbox.put(Inbound(call, timestamp(self.context.clock), size))
        self._flow.call_waits(size)
        self._advance()

    def _advance(self) -> None:
        """Process queued CALLs until one is in flight; once none is left, finish or close if that is due."""
        while (inbound := self._inbox.next()) is not None:
            self._process(inbound)
        self._flow.resume()
        if self._inbox.flight is None:
            if self._closed is not None:
                self._finish()
            elif self._draining and (self._commands is None or self._commands.idle):
                self.close(1001, "the CSMS goes away")

    def _process(self, inbound: Inbound) -> None:
        try:
            exchange = inbound.derived or self._reader.read_call(inbound.call, inbound.receive_time)
        except Exception as error:
            self._flow.call_ended(inbound.size)
            self._refuse(inbound, error)
            return
        if inbound.derived is None:
            self.context.metrics.frames.inc("in", inbound.call.action)
        flight = self._inbox.flight = Flight(inbound, exchange)
        self._send_request(flight)

    def _send_request(self, flight: Flight) -> None:
        """Send the next request of a flight; if that fails, end the flight and refuse the CALL."""
        router, inbound = self.context.router, flight.inbound
        try:
            request = flight.exchange.requests[len(flight.responses)]
            call_id = flight.call_id = router.next_id()
            if not flight.traceparent:
                flight.traceparent = self.context.traces.of(call_id)
            time, trace = inbound.receive_time, flight.traceparent
            message_id = str(inbound.call.message_id)[: ocppj.frames.MAX_MESSAGE_ID]
            data = upstream.station_call(call_id, self.ref, message_id, request, time, trace)
        except Exception as error:
            self._land()
            self._refuse(inbound, error)
            return
        router.call(self, call_id, request.action.name, data)

    def _refuse(self, inbound: Inbound, error: Exception) -> None:
        """Answer a CALL that could not be processed with CALLERROR."""
        if not isinstance(error, RpcError):
            # A bug of ours: it must neither close the connection nor block the CALLs behind it.
            self.wire.log(logging.ERROR, "call was not processed", action=inbound.call.action)
            error = RpcError(Code.INTERNAL_ERROR, "the message could not be processed")
        if inbound.derived is None:
            self.context.metrics.frames.inc("in", "refused")
            self.wire.refuse(inbound.call, error)

    def _receive_send(self, send: ocppj.Send) -> None:
        try:
            action, message = self._reader.read_send(send)
            now = timestamp(self.context.clock)
            trace = self.context.traces.of(self.context.router.next_id())
            data = upstream.station_send(self.ref, send.message_id, action, message, now, trace)
        except RpcError as error:
            self.wire.refuse_send(send.action, error, send)
            return
        self.context.metrics.frames.inc("in", action.name)
        if not self.context.router.send(self, action.name, data):
            unserved = RpcError(Code.INTERNAL_ERROR, "no core could take the message")
            self.wire.record(_Outcome.OUTCOME_DROPPED, send.action, unserved, send)
            self.wire.drop("send_without_core")

    # Answers to commands.

    def _receive_answer(self, frame: ocppj.CallResult | ocppj.CallError) -> None:
        name = self.wire.count_answer(frame)
        if self._commands is None or not self._commands.receive_answer(frame):
            unasked = RpcError(Code.RPC_FRAMEWORK_ERROR, "it answers nothing that waits for an answer")
            self.wire.record(_Outcome.OUTCOME_DROPPED, name, unasked, frame)
            self.wire.drop("unsolicited_answer", message_id=frame.message_id)
        elif self._draining:
            self._advance()

    def _receive_broken(self, error: ocppj.BrokenAnswer | ocppj.BrokenSend, data: bytes) -> None:
        if isinstance(error, ocppj.BrokenSend):
            self.wire.refuse_send("", error.error, data)
        elif self._commands is None or not self._commands.receive_broken(error, data):
            self.wire.record(_Outcome.OUTCOME_DROPPED, "", error.error, data)
            self.wire.drop("malformed_answer", error=str(error))

    # The rest.

    def _finish(self) -> None:
        """Report the close, as the last report of this session."""
        if self._finished or self._closed is None:
            return
        self._finished = True
        self._flow.end()
        if self._inbox.flight is not None:
            self.context.router.forget(self._inbox.flight.call_id)
        self.context.router.report(self._closed, self)
