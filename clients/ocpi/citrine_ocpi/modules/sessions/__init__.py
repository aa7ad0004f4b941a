"""Module sessions: charging that goes on or went on, of partners' tokens."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.missed import Missed
from citrine_ocpi.modules.sessions.lookup import KnownSession, find_session
from citrine_ocpi.modules.sessions.push import SessionsListener
from citrine_ocpi.modules.sessions.server import SessionsServer
from citrine_ocpi.modules.sessions.storing import MODULE, push_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["KnownSession", "SessionsModule", "find_session"]


class SessionsModule:
    """Shows partners what is theirs, and tells them what changes.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._server = SessionsServer(services)
        self._listener = SessionsListener(services)
        self._missed = Missed(services, MODULE, push_of)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what it serves."""
        return self._server.endpoints()

    def listeners(self) -> Sequence[Listener]:
        """Return what it makes of events."""
        return [self._listener]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what sends partners what they missed."""
        return [self._missed.run]
