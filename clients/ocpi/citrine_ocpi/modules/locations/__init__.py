"""Module locations: where EVSEs are, what they can do, and what they do now."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.locations.push import LocationsListener
from citrine_ocpi.modules.locations.server import LocationsServer
from citrine_ocpi.modules.locations.stale import StaleLocationsSender
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["LocationsModule"]


class LocationsModule:
    """Shows locations to partners, and tells them what changes.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._server = LocationsServer(services)
        self._listener = LocationsListener(services)
        self._stale = StaleLocationsSender(services)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what it serves."""
        return self._server.endpoints()

    def listeners(self) -> Sequence[Listener]:
        """Return what it makes of events."""
        return [self._listener]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what sends locations to who was not there when they changed."""
        return [self._stale.run]
