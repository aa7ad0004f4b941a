"""Dialects: each translates the messages of one OCPP version to canonical messages and back; no input or output.

OCPP 2.0.1 and 2.1 are the canonical messages in JSON (:mod:`citrine_edge.dialects.mechanical`). A version that needs
translation gets a module of its own beside them, which implements :class:`Dialect` with its own exchanges.
"""

from collections.abc import Mapping

from citrine_edge.dialects.dialect import Dialect, UnsupportedAction
from citrine_edge.dialects.exchanges import CanonicalRequest, CommandExchange, OutgoingCall, StationExchange
from citrine_edge.dialects.mechanical import Mechanical
from citrine_edge.dialects.v21 import V21
from citrine_edge.dialects.v201 import V201

__all__ = [
    "V21",
    "V201",
    "CanonicalRequest",
    "CommandExchange",
    "Dialect",
    "Mechanical",
    "OutgoingCall",
    "StationExchange",
    "UnsupportedAction",
    "dialects",
]


def dialects() -> Mapping[str, Dialect]:
    """Return the dialects that the edge offers, by their WebSocket subprotocol."""
    offered: tuple[Dialect, ...] = (V21(), V201())
    return {each.subprotocol: each for each in offered}
