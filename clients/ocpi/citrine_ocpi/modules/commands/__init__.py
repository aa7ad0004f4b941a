"""Module commands: partners start, stop and reserve for their drivers, and unlock connectors."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.commands.calls import CommandCalls
from citrine_ocpi.modules.commands.executor import CommandExecutor
from citrine_ocpi.modules.commands.reserving import ReservationsListener, ended
from citrine_ocpi.modules.commands.server import CommandsServer
from citrine_ocpi.modules.commands.targets import Targets
from citrine_ocpi.modules.tokens.store import TokenStore
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["CommandsModule"]


class CommandsModule:
    """Receives commands, sends them to the core, and has the results posted.

    Args:
        services: What it uses.
    """

    def __init__(self, services: Services) -> None:
        self._executor = CommandExecutor(services, CommandCalls(), ended)
        targets = Targets(services, TokenStore(services.database, services.citrine))
        self._server = CommandsServer(services, targets, self._executor)
        self._listener = ReservationsListener(services)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the receiver's endpoint."""
        return self._server.endpoints()

    def listeners(self) -> Sequence[Listener]:
        """Return what becomes of reservations. What else a command leads to the other modules tell."""
        return [self._listener]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return the sending of commands."""
        return (self._executor.run,)
