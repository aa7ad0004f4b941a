"""One WebSocket of a station on asyncio, around the protocol without I/O of ``websockets``.

A socket has no task, no queue and only one timer, so that an idle station costs little. Messages are delivered as they
are read, and written at once. A station that does not read is disconnected once its write buffer is full.
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

from citrine_edge.acceptor import Arrival
from citrine_edge.compression import extensions
from citrine_edge.transport import Receiver
from citrine_process.addresses import join_address

__all__ = ["Opener", "SocketLimits", "StationSocket"]

_SLICE = 4096
"""Bytes parsed at a time, so that a station that is too fast can be paused between two messages."""

_logger = logging.getLogger(__name__)
_protocol_logger = logging.getLogger("citrine_edge.websocket.protocol")
# Each handshake and close is logged by the session, with the station's name.
_protocol_logger.setLevel(logging.WARNING)

_EXTENSIONS = extensions()


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of one socket; times in seconds, sizes in bytes."""

    max_frame: int
    max_write_buffer: int
    ping_interval: float
    ping_timeout: float
    request_timeout: float
    handshake_timeout: float
    close_timeout: float = 5.0


class Opener(Protocol):
    """Decides on opening handshakes. All methods are called on the event loop."""

    def connected(self, socket: "StationSocket", arrival: Arrival | None) -> None:
        """Called once for each TCP connection, with its arrival if it said something before."""

    def requested(self, socket: "StationSocket", request: Request) -> None:
        """Called with the request, which has its headers until this returns. Must lead to accept() or reject()."""

    def disconnected(self, socket: "StationSocket") -> None:
        """Called once, last, when the TCP connection is gone."""


class StationSocket(asyncio.Protocol):
    """The server's side of one connection, from TCP accept to TCP close."""

    __slots__ = (
        "_arrival",
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
        "_subprotocols",
        "_timer",
        "_transport",
        "_unfed",
        "_writing_paused",
        "certificate",
        "context",
        "is_forwarded",
        "is_tls",
        "remote_address",
    )

    def __init__(
        self, opener: Opener, limits: SocketLimits, subprotocols: Sequence[str], arrival: Arrival | None = None
    ) -> None:
        self._opener = opener
        self._arrival = arrival
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._subprotocols = cast(Sequence[Subprotocol], subprotocols)
        # Only once there is a connection, the end of which releases it: a TLS handshake may fail before.
        self._protocol: _Protocol
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport
        self._fragments: list[bytes] | None = None
        self._fragments_are_text = True
        # Read from TCP and not parsed yet. Not empty only between two slices, or while reading is paused.
        self._unfed: bytearray | None = None
        self._feeding = False
        # Either of the first two pauses reading; the third is the state that results.
        self._paused = False
        self._writing_paused = False
        self._stopped = False
        self._closing = False
        self._pinged = False
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.context: object | None = None
        """State of the opener for this socket, during the handshake."""
        self.remote_address = ""
        """Address of the peer as host:port; of the client, where a PROXY header says it."""
        self.is_forwarded = False
        """Whether a trusted proxy passes the connection on, by its PROXY header."""
        self.is_tls = False
        """Whether TLS ends here, or at that proxy."""
        self.certificate: bytes | None = None
        """The peer's certificate in DER, if the TLS handshake requested and verified one."""

    # What the opener calls.

    def negotiate(self, request: Request) -> tuple[Response, str | None]:
        """Return the response of the WebSocket protocol to a request, and the subprotocol that it selects.

        The answer is 101 where the request is in order, else a refusal.
        """
        response = self._protocol.accept(request)
        return response, self._protocol.subprotocol

    def accept(self, response: Response, receiver: Receiver) -> bool:
        """Open the WebSocket with the response of negotiate(); return False if the peer is gone."""
        if self._protocol.state is not CONNECTING or self._transport.is_closing():
            return False
        self._receiver = receiver
        self.context = self.certificate = None
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
        """Return a response that refuses the handshake, for reject()."""
        return self._protocol.reject(status, text)

    # What the receiver calls.

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is OPEN

    def send_text(self, data: bytes) -> bool:
        """Write one text message; return False if the socket is no longer open."""
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
        """Begin the closing handshake. The connection is dropped if the peer does not answer within close_timeout."""
        if self._protocol.state is OPEN and not self._transport.is_closing():
            self._protocol.send_close(code, reason)
            self._flush()
            self._arm_close()
            # The peer's close frame has to be read.
            self._paused = self._writing_paused = False
            self._apply()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def pause(self) -> None:
        """Stop reading, so that TCP applies backpressure to the station."""
        self._paused = True
        self._apply()

    def resume(self) -> None:
        """Resume reading."""
        self._paused = False
        self._apply()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._protocol = _Protocol(
            extensions=_EXTENSIONS,
            subprotocols=self._subprotocols,
            max_size=self._limits.max_frame,
            logger=_protocol_logger,
        )
        self._transport.set_write_buffer_limits(high=65536)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.remote_address = join_address(peer[0], peer[1])
        arrival, self._arrival = self._arrival, None
        if arrival is not None and arrival.header is not None:
            self.is_forwarded, self.is_tls = True, arrival.header.is_tls
            self.remote_address = arrival.header.address or self.remote_address
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.is_tls, self.certificate = True, tls.getpeercert(binary_form=True)
        self._arm(self._limits.request_timeout, self.abort)
        self._opener.connected(self, arrival)

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
        # The transport closes once everything is written. A peer that does not read would delay that forever.
        self._arm_close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        while self._unfed and not self._closing:
            # These bytes were read before the connection ended, so they count.
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
        # A station that does not read its answers is not read either, so that answers do not pile up.
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
                # The parser retains it until the connection ends: the headers, a kilobyte or two, with the password.
                event.headers.clear()
        if protocol.parser_exc is not None and not failed_before and self._receiver is not None:
            # The parser has already queued the close frame for it.
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
        """Pause or resume reading, as the flags say."""
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
                # Empty fragments count towards no limit, so they must cost nothing.
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
        """Ping a silent station, and drop one that does not react. A paused read does not count as silence."""
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
        """Select the station's first preference that we support; None if there is none, which the opener refuses."""
        available = self.available_subprotocols or ()
        return next((each for each in subprotocols if each in available), None)

    def release(self) -> None:
        """Drop the references back to this object, as the last call.

        Else it would stay, with the window of its decompressor, until the garbage collector comes round to the
        oldest objects, which in an edge takes days.
        """
        self.parser.close()
        self.parser_exc = self.handshake_exc = None
