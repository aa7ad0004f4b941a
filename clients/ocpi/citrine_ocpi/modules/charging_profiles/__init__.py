"""Module charging profiles: partners limit the charging of their drivers, and learn what a station will do."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.charging_profiles.active import ActiveProfiles
from citrine_ocpi.modules.charging_profiles.calls import ProfileCalls
from citrine_ocpi.modules.charging_profiles.changes import PlanChanges
from citrine_ocpi.modules.charging_profiles.server import ProfilesServer
from citrine_ocpi.modules.commands.executor import CommandExecutor
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["ChargingProfilesModule"]


class ChargingProfilesModule:
    """Receives charging profiles, sends them to the core, and has the results posted.

    Args:
        services: What it uses.
    """

    def __init__(self, services: Services) -> None:
        self._active = ActiveProfiles(services)
        self._changes = PlanChanges(services)
        self._executor = CommandExecutor(services, ProfileCalls(), self._active.begin)
        self._server = ProfilesServer(services, self._executor)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the receiver's endpoint."""
        return self._server.endpoints()

    def listeners(self) -> Sequence[Listener]:
        """Return what finds out that a station may plan another thing."""
        return (self._changes,)

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return the sending of profiles, and of what stations plan."""
        return (self._executor.run, self._active.run)
