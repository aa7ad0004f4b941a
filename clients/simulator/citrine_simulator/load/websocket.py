"""A minimal websocket client for the load generator, which needs a few microseconds per message.

It supports text messages of any length, ping and close, and no extensions. Use it only for load tests.
"""

import asyncio
import base64
import hashlib
import random
import secrets
from typing import Protocol, cast
from urllib.parse import urlsplit

from citrine_simulator.connection import Target, retry_after
from citrine_simulator.errors import HandshakeRefusedError, UsageError

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

__all__ = ["LeanSocket", "Receiver", "encode_frame"]

HANDSHAKE_TIMEOUT = 60.0
"""Seconds to wait for the answer to the opening handshake. It may take long in a boot storm."""

MAX_HEADERS = 16 * 1024
"""Longest response to the opening handshake, in bytes."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FINAL, MASKED = 0x80, 0x80


class Receiver(Protocol):
    """The receiver of messages."""

    def text_received(self, text: bytes) -> None:
        """Handle one message."""
        ...

    def connection_closed(self) -> None:
        """Handle the end of the connection. No message follows."""
        ...


def encode_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a masked, unfragmented frame."""
    length = len(payload)
    mask = random.getrandbits(32).to_bytes(4, "big")
    if length < 126:
        header = bytes((FINAL | opcode, MASKED | length))
    elif length < 65536:
        header = bytes((FINAL | opcode, MASKED | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((FINAL | opcode, MASKED | 127)) + length.to_bytes(8, "big")
    return header + mask + apply_mask(payload, mask)


class LeanSocket(asyncio.Protocol):
    """One open connection; created by :meth:`connect`."""

    def __init__(self, receiver: Receiver, opened: asyncio.Future[bytes]) -> None:
        self._receiver = receiver
        self._opened = opened
        self._buffer = b""
        self._fragments: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._closed = False

    @classmethod
    async def connect(cls, target: Target, receiver: Receiver) -> "LeanSocket":
        """Connect and do the opening handshake.

        Raises:
            HandshakeRefusedError: When the CSMS does not accept the handshake or the subprotocol.
            OSError: When the CSMS can't be reached.
            TimeoutError: When the CSMS does not answer within HANDSHAKE_TIMEOUT.
            UsageError: When the URL is not a ws:// or wss:// URL.
        """
        url = urlsplit(target.url)
        if url.scheme not in ("ws", "wss") or url.hostname is None:
            raise UsageError(f"{target.url} is not a ws:// or wss:// URL")
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[bytes] = loop.create_future()
        key = base64.b64encode(secrets.token_bytes(16))
        async with asyncio.timeout(HANDSHAKE_TIMEOUT):
            transport, socket = await loop.create_connection(
                lambda: cls(receiver, opened),
                url.hostname,
                url.port or (443 if url.scheme == "wss" else 80),
                ssl=(target.tls or True) if url.scheme == "wss" else None,
            )
            try:
                transport.write(_request(target, url.netloc, url.path, key))
                _check(await opened, key)
            except BaseException:
                transport.abort()
                raise
        return socket

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._closed

    def send(self, text: bytes) -> None:
        """Send a message. On a closed connection, do nothing."""
        if self._transport is not None:
            self._transport.write(encode_frame(text))

    def close(self) -> None:
        """Send a close frame and close, without waiting for the peer."""
        if self._transport is not None:
            self._transport.write(encode_frame((1000).to_bytes(2, "big"), CLOSE))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        # A cast, because the transport of uvloop is no subclass of asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the handshake, or notify the receiver."""
        self._transport = None
        self._closed = True
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("the connection was closed during the handshake"))
        else:
            self._receiver.connection_closed()

    def data_received(self, data: bytes) -> None:
        """Parse bytes into frames, and pass on complete messages."""
        buffer = self._buffer + data if self._buffer else data
        if not self._opened.done():
            end = buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                self._buffer = buffer
                if len(buffer) > MAX_HEADERS and self._transport is not None:
                    self._transport.abort()
                return
            self._opened.set_result(buffer[:end])
            buffer = buffer[end:]
        position = 0
        while True:
            frame = _frame_at(buffer, position)
            if frame is None:
                break
            first, start, position = frame
            self._receive(first, buffer[start:position])
        self._buffer = buffer[position:]

    def _receive(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == PING:
            if self._transport is not None:
                self._transport.write(encode_frame(payload, PONG))
        elif opcode == CLOSE:
            self.close()
        elif opcode <= TEXT:
            if first & FINAL and not self._fragments:
                self._receiver.text_received(payload)
                return
            self._fragments.append(payload)
            if first & FINAL:
                whole = b"".join(self._fragments)
                self._fragments.clear()
                self._receiver.text_received(whole)


def _frame_at(buffer: bytes, position: int) -> tuple[int, int, int] | None:
    """Return the first byte of the frame at a position, and start and end of its payload; None if it is incomplete."""
    size = len(buffer)
    start = position + 2
    if size < start:
        return None
    length = buffer[position + 1] & 0x7F
    if length >= 126:
        width = 2 if length == 126 else 8
        if size < start + width:
            return None
        length = int.from_bytes(buffer[start : start + width], "big")
        start += width
    end = start + length
    return (buffer[position], start, end) if size >= end else None


def _request(target: Target, host: str, path: str, key: bytes) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {target.subprotocol}",
    ]
    if target.password is not None:
        credentials = base64.b64encode(f"{target.station_id}:{target.password}".encode()).decode()
        lines.append(f"Authorization: Basic {credentials}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _check(response: bytes, key: bytes) -> None:
    """Raise HandshakeRefusedError unless the response accepts the handshake and the subprotocol."""
    status, *lines = response.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    words = status.split(" ", 2)
    code = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if code != 101:
        raise HandshakeRefusedError(code, words[-1], retry_after(headers.get("retry-after")))
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
    if headers.get("sec-websocket-accept") != accept:
        raise HandshakeRefusedError(code, "with a wrong Sec-WebSocket-Accept")
    if "sec-websocket-protocol" not in headers:
        raise HandshakeRefusedError(code, "without a subprotocol")
