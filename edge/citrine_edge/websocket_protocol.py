"""The server's side of the WebSocket protocol: that of ``websockets``, with a short way for ordinary messages."""

from collections.abc import Sequence
from typing import Any

from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import Subprotocol

from citrine_edge.compression import SMALL

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover
    from websockets.utils import apply_mask

__all__ = ["StationProtocol"]

_TEXT = 0x81
"""First byte of a text message in one frame, not compressed."""

_MASKED = 0x80
_LENGTH_16 = 126
"""Behind it are two bytes of length."""

_BETWEEN_FRAMES = StreamReader.at_eof.__code__

_KEY = 4
"""Bytes of the key that masks a message."""


class StationProtocol(ServerProtocol):
    """The protocol without I/O of one socket.

    Nearly all messages of stations are one read of the socket and one short frame, and so are nearly all answers.
    `read_message` and `write_message` do what the base class does with these, for a third of the time.
    """

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Select the station's first preference that we support; None if there is none, which the opener refuses."""
        available = self.available_subprotocols or ()
        return next((each for each in subprotocols if each in available), None)

    def read_message(self, data: bytes) -> bytes | None:
        """Return the text message that these bytes are as a whole; None if they are anything else.

        They are the next that were read. If None is returned, they must be passed to `receive_data`.
        """
        size = len(data)
        if size < 6 or data[0] != _TEXT or self.state is not OPEN:
            return None
        if self.current_size is not None or not self._is_between_frames():
            # A message in several frames, or a frame, has begun before.
            return None
        length, begin = data[1] - _MASKED, 2
        if length == _LENGTH_16:
            length, begin = int.from_bytes(data[2:4], "big"), 4
        elif length > _LENGTH_16:
            return None
        if size != begin + _KEY + length or (self.max_message_size is not None and length > self.max_message_size):
            return None
        return apply_mask(data[begin + _KEY :], data[begin : begin + _KEY])

    def write_message(self, data: bytes) -> bytes | None:
        """Return the frame of a text message that is sent as it is; None if `send_text` has to make it.

        The connection must be open.
        """
        length = len(data)
        if length < _LENGTH_16:
            return bytes((_TEXT, length)) + data
        if length < SMALL:
            return bytes((_TEXT, _LENGTH_16)) + length.to_bytes(2, "big") + data
        return None

    def _is_between_frames(self) -> bool:
        """Return whether the parser waits for a frame to begin. Where it can't be told, it does not."""
        # Any, because a generator says at run time only that it delegates to another: that of the frames, and that
        # to the one which waits for bytes or the end.
        parser: Any = self.parser
        frames = parser.gi_yieldfrom
        waits = getattr(frames, "gi_yieldfrom", None)
        return getattr(waits, "gi_code", None) is _BETWEEN_FRAMES

    def release(self) -> None:
        """Drop the references back to this object, as the last call.

        Else it would stay, with the window of its decompressor, until the garbage collector comes round to the
        oldest objects, which in an edge takes days.
        """
        self.parser.close()
        self.parser_exc = self.handshake_exc = None
