"""What each OCPP version is to the edge: its messages in, canonical messages out, and back; no input or output.

OCPP 2.0.1 and 2.1 are the canonical messages in JSON (:mod:`citrine_edge.dialects.base`). A version that has to be
translated gets a module of its own beside them, with the same five methods.
"""

from collections.abc import Mapping

from citrine_edge.dialects.base import Dialect, UnsupportedAction
from citrine_edge.dialects.v21 import V21
from citrine_edge.dialects.v201 import V201

__all__ = ["V21", "V201", "Dialect", "UnsupportedAction", "dialects"]


def dialects() -> Mapping[str, Dialect]:
    """Return the versions that the edge offers, by their WebSocket subprotocol."""
    return {each.subprotocol: each for each in (V21(), V201())}
