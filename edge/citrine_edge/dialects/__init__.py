"""What each OCPP version is to the edge: its messages in, canonical messages out, and back; no input or output.

OCPP 2.0.1 and 2.1 are the canonical messages in JSON (:mod:`citrine_edge.dialects.mechanical`). A version that has to
be translated gets a module of its own beside them, which provides the same (:class:`Dialect`) by its own exchanges.
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
    """Return the versions that the edge offers, by their WebSocket subprotocol."""
    offered: tuple[Dialect, ...] = (V21(), V201())
    return {each.subprotocol: each for each in offered}
