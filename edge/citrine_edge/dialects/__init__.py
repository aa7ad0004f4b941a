"""Dialects: each translates the messages of one OCPP version to canonical messages and back; no input or output.

OCPP 2.0.1 and 2.1 are the canonical messages in JSON (:mod:`citrine_edge.dialects.mechanical`). OCPP 1.6 is translated
(:mod:`citrine_edge.dialects.v16`), with exchanges of its own.
"""

from collections.abc import Mapping

from citrine_edge.dialects.dialect import Dialect, Hardware, UnsupportedAction
from citrine_edge.dialects.exchanges import (
    CallRefused,
    CanonicalRequest,
    CommandExchange,
    OutgoingCall,
    StationExchange,
)
from citrine_edge.dialects.mechanical import Mechanical
from citrine_edge.dialects.v16 import V16
from citrine_edge.dialects.v21 import V21
from citrine_edge.dialects.v201 import V201

__all__ = [
    "V16",
    "V21",
    "V201",
    "CallRefused",
    "CanonicalRequest",
    "CommandExchange",
    "Dialect",
    "Hardware",
    "Mechanical",
    "OutgoingCall",
    "StationExchange",
    "UnsupportedAction",
    "dialects",
]


def dialects() -> Mapping[str, Dialect]:
    """Return the dialects that the edge offers, by their WebSocket subprotocol."""
    offered: tuple[Dialect, ...] = (V21(), V201(), V16())
    return {each.subprotocol: each for each in offered}
