"""Module cdrs: charge detail records, each sent once and never changed."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.cdrs.push import MODULE, CdrsListener, push_of
from citrine_ocpi.modules.cdrs.server import CdrsServer
from citrine_ocpi.modules.missed import Missed
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["CdrsModule"]


class CdrsModule:
    """Shows partners what is theirs, and tells them what changes.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._server = CdrsServer(services)
        self._listener = CdrsListener(services)
        self._missed = Missed(services, MODULE, push_of, is_once=True)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what it serves."""
        return self._server.endpoints()

    def listeners(self) -> Sequence[Listener]:
        """Return what it makes of events."""
        return [self._listener]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what sends partners what they missed."""
        return [self._missed.run]
