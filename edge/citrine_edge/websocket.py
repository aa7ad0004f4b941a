"""One WebSocket of a station on asyncio, around the protocol without I/O of ``websockets``.

It has no task, no queue and no timer but one: an idle station costs little. Messages are handed over as they are read,
and what is written is written at once; who does not read is closed rather than buffered for without end.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLOSED, CONNECTING, OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from citrine_edge.compression import extensions
from citrine_edge.transport import Receiver

__all__ = ["Opener", "SocketLimits", "StationSocket"]

_SLICE = 4096
"""Bytes that are parsed at a time, so that a station that is too fast can be stopped between two of its messages."""

_logger = logging.getLogger(__name__)
_protocol_logger = logging.getLogger("citrine_edge.websocket.protocol")
# Each handshake and close is logged by the session, with the station's name.
_protocol_logger.setLevel(logging.WARNING)

_EXTENSIONS = extensions()


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one socket may take; times in seconds, sizes in bytes."""

    max_frame: int
    max_write_buffer: int
    ping_interval: float
    ping_timeout: float
    request_timeout: float
    handshake_timeout: float
    close_timeout: float = 5.0


class Opener(Protocol):
    """Who decides about opening handshakes."""

    def connected(self, socket: "StationSocket") -> None:
        """Take note of a TCP connection."""

    def requested(self, socket: "StationSocket", request: Request) -> None:
        """Decide on a handshake, now or later, by accept() or reject()."""

    def disconnected(self, socket: "StationSocket") -> None:
        """Take note that a TCP connection is gone, as the last call."""


class StationSocket(asyncio.Protocol):
    """The server's side of one connection, from TCP accept to TCP close."""

    __slots__ = (
        "_closing",
        "_feeding",
        "_fragments",
        "_fragments_are_text",
        "_heard",
        "_limits",
        "_loop",
        "_opener",
        "_paused",
        "_pinged",
        "_protocol",
        "_receiver",
        "_stopped",
        "_timer",
        "_transport",
        "_unfed",
        "_writing_paused",
        "certificate",
        "context",
        "is_tls",
        "remote_address",
    )

    def __init__(self, opener: Opener, limits: SocketLimits, subprotocols: Sequence[str]) -> None:
        self._opener = opener
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._protocol = _Protocol(
            extensions=_EXTENSIONS,
            subprotocols=cast(Sequence[Subprotocol], subprotocols),
            max_size=limits.max_frame,
            logger=_protocol_logger,
        )
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport
        self._fragments: list[bytes] | None = None
        self._fragments_are_text = True
        # Read from TCP, but not parsed yet: there is some only between two slices, or while reading is stopped.
        self._unfed: bytearray | None = None
        self._feeding = False
        # Reading is stopped by either of the first two; the third says whether it is.
        self._paused = False
        self._writing_paused = False
        self._stopped = False
        self._closing = False
        self._pinged = False
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.context: object | None = None
        """Whatever the opener keeps about this socket during the handshake."""
        self.remote_address = ""
        """Address of the peer as host:port."""
        self.is_tls = False
        """Whether TLS ends here."""
        self.certificate: bytes | None = None
        """That of the peer in DER, where it was asked for one in the TLS handshake, gave one, and it was verified."""

    # What the opener does.

    def negotiate(self, request: Request) -> tuple[Response, str | None]:
        """Return the answer that the WebSocket protocol has for a request, and the subprotocol it chooses.

        The answer is 101 where the request is in order, else a refusal.
        """
        response = self._protocol.accept(request)
        return response, self._protocol.subprotocol

    def accept(self, response: Response, receiver: Receiver) -> bool:
        """Open the WebSocket with the answer of negotiate(); return False where the peer is gone."""
        if self._protocol.state is not CONNECTING or self._transport.is_closing():
            return False
        self._receiver = receiver
        self.context = None
        self._protocol.send_response(response)
        self._flush()
        self._arm(self._limits.ping_interval, self._check_alive)
        return True

    def reject(self, response: Response) -> None:
        """Refuse the handshake."""
        if self._protocol.state is CONNECTING and not self._transport.is_closing():
            self.context = None
            self._protocol.send_response(response)
            self._flush()
            self._arm_close()

    def refusal(self, status: int, text: str) -> Response:
        """Return an answer that refuses the handshake, for reject()."""
        return self._protocol.reject(status, text)

    # What the receiver does.

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is OPEN

    def send_text(self, data: bytes) -> bool:
        """Write one text message; return False where the socket is not open any more."""
        if self._protocol.state is not OPEN or self._transport.is_closing():
            return False
        self._protocol.send_text(data)
        self._flush()
        if self._writing_paused and self._transport.get_write_buffer_size() > self._limits.max_write_buffer:
            _logger.warning("station does not read", extra={"remote_address": self.remote_address})
            self.abort()
            return False
        return True

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the peer has close_timeout to take part."""
        if self._protocol.state is OPEN and not self._transport.is_closing():
            self._protocol.send_close(code, reason)
            self._flush()
            self._arm_close()
            # The peer's part of the handshake has to be read.
            self._paused = self._writing_paused = False
            self._apply()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def pause(self) -> None:
        """Stop reading, so that the station's TCP holds back what it sends."""
        self._paused = True
        self._apply()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._apply()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=65536)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.remote_address = f"[{peer[0]}]:{peer[1]}" if ":" in str(peer[0]) else f"{peer[0]}:{peer[1]}"
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.is_tls, self.certificate = True, tls.getpeercert(binary_form=True)
        self._arm(self._limits.request_timeout, self.abort)
        self._opener.connected(self)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._pinged = False
        if self._unfed is not None:
            self._unfed += data
        elif self._stopped:
            self._unfed = bytearray(data)
        elif len(data) <= _SLICE:
            self._feed(data)
        else:
            self._unfed = bytearray(data)
            self._feed_unfed()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()
        # The transport closes itself once all is written, but a peer that does not read would keep it open.
        self._arm_close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        while self._unfed and not self._closing:
            # It was read before the connection was lost, so it counts.
            piece = bytes(self._unfed[:_SLICE])
            del self._unfed[:_SLICE]
            self._feed(piece)
        self._unfed = None
        self._disarm()
        self._protocol.receive_eof()
        self._opener.disconnected(self)
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.closed(self._protocol.close_code or CloseCode.ABNORMAL_CLOSURE, self._protocol.close_reason or "")
        self._protocol.release()

    def pause_writing(self) -> None:
        # Who does not read its answers is not read either, so that they do not pile up.
        self._writing_paused = True
        self._apply()

    def resume_writing(self) -> None:
        self._heard = self._loop.time()
        self._pinged = self._writing_paused = False
        self._apply()

    # Reading.

    def _feed(self, data: bytes) -> None:
        protocol = self._protocol
        if protocol.state is CLOSED:
            return
        failed_before = protocol.parser_exc is not None
        protocol.receive_data(data)
        events = protocol.events_received()
        self._flush()
        for event in events:
            if isinstance(event, Frame):
                self._receive_frame(event)
            elif isinstance(event, Request):
                self._arm(self._limits.handshake_timeout, self.abort)
                self._opener.requested(self, event)
        if protocol.parser_exc is not None and not failed_before and self._receiver is not None:
            # What the parser finds, it has answered with a close frame.
            sent = protocol.close_sent
            self._receiver.broken(sent.code if sent else CloseCode.PROTOCOL_ERROR, sent.reason if sent else "")
        if protocol.state is not OPEN and protocol.close_expected():
            self._arm_close()

    def _feed_unfed(self) -> None:
        self._feeding = True
        while self._unfed and not self._stopped:
            piece = bytes(self._unfed[:_SLICE])
            del self._unfed[:_SLICE]
            self._feed(piece)
        self._feeding = False
        if not self._unfed:
            self._unfed = None

    def _apply(self) -> None:
        """Stop or continue reading, whichever is asked for now."""
        stop = (self._paused or self._writing_paused) and not self._closing
        if stop == self._stopped or self._transport.is_closing():
            return
        self._stopped = stop
        if stop:
            self._transport.pause_reading()
            return
        if self._unfed is not None and not self._feeding:
            self._feed_unfed()
        if not self._stopped and not self._transport.is_closing():
            self._transport.resume_reading()

    def _receive_frame(self, frame: Frame) -> None:
        receiver = self._receiver
        if receiver is None:
            # RFC 6455, 4.1: nothing is sent before the handshake is over.
            self.abort()
            return
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            if frame.fin:
                receiver.receive(bytes(frame.data), frame.opcode is Opcode.TEXT)
            else:
                self._fragments = [bytes(frame.data)]
                self._fragments_are_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            if frame.data:
                # Empty ones count for no limit, and there may be any number of them.
                self._fragments.append(bytes(frame.data))
            if frame.fin:
                data, self._fragments = b"".join(self._fragments), None
                receiver.receive(data, self._fragments_are_text)

    # Writing, and the one timer.

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def _check_alive(self) -> None:
        """Ping a silent station, and give up one that does not react; a read that we paused is not its silence."""
        silent = self._loop.time() - self._heard
        if self._paused and not self._writing_paused:
            self._arm(self._limits.ping_interval, self._check_alive)
        elif silent < self._limits.ping_interval and not self._writing_paused:
            self._arm(self._limits.ping_interval - silent, self._check_alive)
        elif not self._pinged:
            self._pinged = True
            self._protocol.send_ping(b"")
            self._flush()
            self._arm(self._limits.ping_timeout, self._check_alive)
        else:
            self._protocol.fail(CloseCode.INTERNAL_ERROR, "no answer to ping")
            self.abort()

    def _arm(self, delay: float, action: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(delay, action)

    def _arm_close(self) -> None:
        if not self._closing:
            self._closing = True
            self._arm(self._limits.close_timeout, self.abort)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Protocol(ServerProtocol):
    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Choose the station's first preference among ours; None where there is none, which the opener refuses."""
        available = self.available_subprotocols or ()
        return next((each for each in subprotocols if each in available), None)

    def release(self) -> None:
        """Let go of what refers back to this object, as the last call.

        Else it would stay, with the window of its decompressor, until the garbage collector comes round to the
        oldest objects, which in an edge takes days.
        """
        self.parser.close()
        self.parser_exc = self.handshake_exc = None
