"""One gRPC stream on one HTTP/2 connection, as its client: frames, flow control and status; no input or output.

It is the subset of RFC 9113 and of gRPC's protocol over it that a link needs: a single bidirectional stream, messages
without compression. Header blocks are read by ``hpack``.
"""

import struct
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import hpack

__all__ = ["CANCELLED", "MAX_MESSAGE", "UNAUTHENTICATED", "UNAVAILABLE", "GrpcStream", "StreamEnded"]

MAX_MESSAGE = 64 << 20
"""Bytes of one received message."""

MAX_HEADERS = 64 << 10
"""Bytes of one received header block."""

MAX_FRAME = 256 << 10
"""Bytes of one received frame's payload."""

WINDOW = 4 << 20
"""Bytes that the peer may send ahead of us, of the stream and of the connection."""

CANCELLED, UNKNOWN, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 1, 2, 8, 13, 14, 16
"""The statuses of gRPC that matter here."""

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM = _ACK = 1
_END_HEADERS, _PADDED, _PRIORITY = 4, 8, 32
_ENABLE_PUSH, _INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE = 2, 4, 5

_CANCEL = 8
"""Error code of a stream that is no longer needed."""

_HEADER = struct.Struct(">IBI")
"""Of a frame: 24 bits of length and 8 of its type, flags, stream."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DEFAULT_WINDOW = 65_535
_LARGEST_WINDOW = (1 << 31) - 1
_STREAM: Final = 1
"""Our only stream."""


class StreamEnded(Exception):
    """The stream ended, with a status of gRPC."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details

    def __str__(self) -> str:
        return self.details or f"status {self.code}"


class GrpcStream:
    """The client's side of one bidirectional rpc, and of the connection that carries nothing else.

    The caller passes on what was read by `receive`, and writes what `data_to_send` returns after each call of another
    method. Once the rpc has ended, nothing is received or sent any more.
    """

    def __init__(self, path: str, authority: str, metadata: Sequence[tuple[str, str]]) -> None:
        self.headers: dict[str, str] | None = None
        """The initial metadata of the peer; None before it came."""
        self.is_connected = False
        """Whether the peer has shown that it speaks HTTP/2."""
        self.ended: StreamEnded | None = None
        """How the rpc ended; None as long as it has not."""
        self._decoder = hpack.Decoder(MAX_HEADERS)
        self._buffer = b""
        self._header_block: bytearray | None = None
        self._header_flags = 0
        # Of the message that is being received, with its prefix.
        self._message = bytearray()
        # What the peer may still send before it is allowed more.
        self._credit = WINDOW
        self._connection_window = self._stream_window = self._initial_window = _DEFAULT_WINDOW
        self._peer_max_frame = 16_384
        # A sent message of which the peer's window does not allow all, and how much of it is sent.
        self._unsent = b""
        self._sent = 0
        self._ending = self._has_ended = False
        settings = _setting(_ENABLE_PUSH, 0) + _setting(_INITIAL_WINDOW_SIZE, WINDOW)
        settings += _setting(_MAX_FRAME_SIZE, MAX_FRAME)
        self._out = [
            _PREFACE,
            _frame(_SETTINGS, 0, 0, settings),
            _frame(_WINDOW_UPDATE, 0, 0, (WINDOW - _DEFAULT_WINDOW).to_bytes(4, "big")),
            _frame(_HEADERS, _END_HEADERS, _STREAM, _request_headers(path, authority, metadata)),
        ]

    def data_to_send(self) -> bytes:
        """Return the bytes to write now, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # To the peer.

    @property
    def can_send(self) -> bool:
        """Whether another message should be sent: nothing waits for the peer's window, and neither side has ended."""
        return not self._unsent and not self._ending and self.ended is None

    def send(self, message: bytes) -> None:
        """Send a message. It is buffered as far as the peer's window does not allow it."""
        self._unsent = self._unsent[self._sent :] + b"\0" + len(message).to_bytes(4, "big") + message
        self._sent = 0
        self._send_unsent()

    def end(self) -> None:
        """Send nothing more, after what was sent."""
        self._ending = True
        self._send_unsent()

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        self._out.append(_frame(_PING, 0, 0, bytes(8)))

    def cancel(self) -> None:
        """Cancel the rpc."""
        if self.ended is None:
            self.ended = StreamEnded(CANCELLED, "the rpc was cancelled")
            self._out.append(_frame(_RST_STREAM, 0, _STREAM, _CANCEL.to_bytes(4, "big")))

    def _send_unsent(self) -> None:
        while left := len(self._unsent) - self._sent:
            size = min(left, self._connection_window, self._stream_window, self._peer_max_frame)
            if size <= 0:
                return
            self._connection_window -= size
            self._stream_window -= size
            self._out.append(_frame(_DATA, 0, _STREAM, self._unsent[self._sent : self._sent + size]))
            self._sent += size
        self._unsent, self._sent = b"", 0
        if self._ending and not self._has_ended:
            self._has_ended = True
            self._out.append(_frame(_DATA, _END_STREAM, _STREAM, b""))

    # From the peer.

    def receive(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with these bytes; then `ended` says whether the rpc is over."""
        messages: list[bytes] = []
        try:
            self._receive(data, messages)
        except StreamEnded as end:
            self.ended = end
        return messages

    def _receive(self, data: bytes, messages: list[bytes]) -> None:
        buffer = self._buffer + data if self._buffer else data
        position, size = 0, len(buffer)
        while self.ended is None and size - position >= 9:
            length_and_kind, flags, stream = _HEADER.unpack_from(buffer, position)
            length = length_and_kind >> 8
            if length > MAX_FRAME:
                raise StreamEnded(INTERNAL, "the peer sent a frame that is too large")
            end = position + 9 + length
            if end > size:
                break
            payload = buffer[position + 9 : end]
            self._receive_frame(length_and_kind & 0xFF, flags, stream & _LARGEST_WINDOW, payload, messages)
            position = end
        self._buffer = buffer[position:]

    def _receive_frame(self, kind: int, flags: int, stream: int, payload: bytes, messages: list[bytes]) -> None:
        if self._header_block is not None and kind != _CONTINUATION:
            raise StreamEnded(INTERNAL, "the peer interrupted a header block")
        if kind == _DATA:
            self._receive_data(flags, stream, payload, messages)
        elif kind == _WINDOW_UPDATE:
            self._receive_window(stream, int.from_bytes(payload, "big") & _LARGEST_WINDOW)
        elif kind == _PING:
            if not flags & _ACK:
                self._out.append(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS:
            self._receive_settings(flags, payload)
        elif kind in (_HEADERS, _CONTINUATION):
            self._receive_headers(kind, flags, payload)
        elif kind == _RST_STREAM and stream == _STREAM:
            raise StreamEnded(UNAVAILABLE, f"the peer reset the stream with code {int.from_bytes(payload, 'big')}")
        elif kind == _GOAWAY:
            self._receive_goaway(payload)

    def _receive_data(self, flags: int, stream: int, payload: bytes, messages: list[bytes]) -> None:
        self._credit -= len(payload)
        if self._credit < WINDOW // 2:
            more = (WINDOW - self._credit).to_bytes(4, "big")
            self._out += (_frame(_WINDOW_UPDATE, 0, 0, more), _frame(_WINDOW_UPDATE, 0, _STREAM, more))
            self._credit = WINDOW
        if stream != _STREAM:
            return
        received = self._message
        data = _unpadded(flags, payload)
        if not received and data[:1] == b"\0" and len(data) - 5 == int.from_bytes(data[1:5], "big"):
            # Most frames are one message.
            messages.append(data[5:])
        else:
            received += data
        while len(received) >= 5:
            end = 5 + int.from_bytes(received[1:5], "big")
            if received[0]:
                raise StreamEnded(INTERNAL, "the peer compressed a message")
            if end > MAX_MESSAGE:
                raise StreamEnded(RESOURCE_EXHAUSTED, "the peer sent a message that is too large")
            if len(received) < end:
                break
            messages.append(bytes(received[5:end]))
            del received[:end]
        if flags & _END_STREAM:
            raise StreamEnded(UNKNOWN, "the peer ended the stream without a status")

    def _receive_window(self, stream: int, increment: int) -> None:
        if stream == 0:
            self._connection_window += increment
        elif stream == _STREAM:
            self._stream_window += increment
        self._send_unsent()

    def _receive_settings(self, flags: int, payload: bytes) -> None:
        if flags & _ACK:
            return
        self.is_connected = True
        for position in range(0, len(payload) - 5, 6):
            name = int.from_bytes(payload[position : position + 2], "big")
            value = int.from_bytes(payload[position + 2 : position + 6], "big")
            if name == _INITIAL_WINDOW_SIZE:
                self._stream_window += value - self._initial_window
                self._initial_window = value
            elif name == _MAX_FRAME_SIZE:
                self._peer_max_frame = value
        self._out.append(_frame(_SETTINGS, _ACK, 0, b""))
        self._send_unsent()

    def _receive_headers(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self._header_flags = flags
            payload = _unpadded(flags, payload)[5 if flags & _PRIORITY else 0 :]
            self._header_block = bytearray()
        if self._header_block is None or len(self._header_block) + len(payload) > MAX_HEADERS:
            raise StreamEnded(INTERNAL, "the peer sent a header block that can't be read")
        self._header_block += payload
        if not flags & _END_HEADERS:
            return
        block, self._header_block = bytes(self._header_block), None
        try:
            headers = {str(name): str(value) for name, value in self._decoder.decode(block)}
        except (hpack.HPACKError, UnicodeDecodeError):
            raise StreamEnded(INTERNAL, "the peer sent a header block that can't be read") from None
        if self._header_flags & _END_STREAM or headers.get(":status", "200") != "200":
            raise _status(headers)
        self.headers = headers

    def _receive_goaway(self, payload: bytes) -> None:
        # A peer that stops in order names a stream above ours first, and lets ours end by itself.
        last, code = int.from_bytes(payload[:4], "big") & _LARGEST_WINDOW, int.from_bytes(payload[4:8], "big")
        if last < _STREAM or code:
            reason = payload[8:200].decode(errors="replace") or f"code {code}"
            raise StreamEnded(UNAVAILABLE, f"the peer closes the connection: {reason}")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _HEADER.pack(len(payload) << 8 | kind, flags, stream) + payload


def _setting(name: int, value: int) -> bytes:
    return name.to_bytes(2, "big") + value.to_bytes(4, "big")


def _request_headers(path: str, authority: str, metadata: Sequence[tuple[str, str]]) -> bytes:
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *metadata,
    ]
    return hpack.Encoder().encode(headers, huffman=False)


def _unpadded(flags: int, payload: bytes) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & _PADDED and payload else payload


def _status(headers: dict[str, str]) -> StreamEnded:
    """Return the end of a stream by its trailers; without a status of gRPC, whoever answered was something else."""
    code = headers.get("grpc-status", "")
    if code.isascii() and code.isdigit():
        return StreamEnded(int(code), unquote(headers.get("grpc-message", "")))
    return StreamEnded(UNAVAILABLE, f"no gRPC server: HTTP status {headers.get(':status', 'unknown')}")
