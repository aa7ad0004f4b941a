"""The edge that opened the link of the current rpc, as the access check identified it."""

from contextvars import ContextVar
from dataclasses import dataclass

from citrine_core.errors import Unauthenticated

__all__ = ["UNNAMED", "EdgePeer", "current_edge", "set_edge"]


@dataclass(frozen=True, slots=True)
class EdgePeer:
    """An edge that may link."""

    edge_name: str
    """Its name. Empty: it identified itself by the credential that all edges without a name share."""


UNNAMED = EdgePeer("")
"""An edge that identified itself by the shared credential."""

# Each rpc runs in a task of its own, which has a context of its own.
_current: ContextVar[EdgePeer] = ContextVar("citrine_edge")


def current_edge() -> EdgePeer:
    """Return the edge of the current rpc.

    Raises:
        Unauthenticated: Outside a link whose access was checked.
    """
    found = _current.get(None)
    if found is None:
        raise Unauthenticated("the edge is not known")
    return found


def set_edge(edge: EdgePeer) -> None:
    """Set the edge for the rest of the current task."""
    _current.set(edge)
