"""What a station sends its messages by."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

__all__ = ["Messenger"]


class Messenger(Protocol):
    """Sends messages, which the station words as in OCPP 2.x, in the OCPP version of the connection.

    A :class:`citrine_simulator.link.Link` is one for OCPP 2.x.
    """

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        message_id: str,
        timeout: float,
        sent: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Send a CALL and return the answer; see :meth:`citrine_simulator.connection.Connection.call`."""
        ...
