"""permessage-deflate as an edge with many idle stations can afford it (part 4, 3.4; RFC 7692)."""

from collections.abc import Sequence

from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

__all__ = ["SMALL", "SparingDeflate", "SparingDeflateFactory", "extensions"]

SMALL = 512
"""Bytes below which a message is sent as it is: an answer of OCPP rarely has more, and is hardly shorter compressed."""


class SparingDeflate(PerMessageDeflate):
    """Compresses only what is worth it, which each endpoint may choose for each message (RFC 7692, 6)."""

    def encode(self, frame: Frame) -> Frame:
        """Return the frame as it is sent. Messages are never sent in fragments here."""
        return frame if len(frame.data) < SMALL else super().encode(frame)


class SparingDeflateFactory(ServerPerMessageDeflateFactory):
    """Negotiates SparingDeflate."""

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Return the answer's parameters and the extension, as the base class does."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        sparing = SparingDeflate(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            agreed.compress_settings,
        )
        return answer, sparing


def extensions() -> tuple[SparingDeflateFactory, ...]:
    """Return what the edge offers, the better first.

    The edge compresses each message on its own: a compressor context costs more memory than all the rest of an idle
    station. Messages of stations are repetitive, so the station's context is retained if it agrees to a window of
    4 kB. A station that can't limit its window, which would be 32 kB, compresses each message on its own as well.
    """
    return (
        SparingDeflateFactory(
            server_no_context_takeover=True,
            server_max_window_bits=12,
            client_max_window_bits=12,
            require_client_max_window_bits=True,
            compress_settings={"memLevel": 5},
        ),
        SparingDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=12,
            compress_settings={"memLevel": 5},
        ),
    )
