"""Module tokens: what partners say of their drivers, and what they answer when they are asked about one."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.tokens.erasing import ErasingListener
from citrine_ocpi.modules.tokens.pull import TokenPull
from citrine_ocpi.modules.tokens.real_time import RealTimeAuthorizer
from citrine_ocpi.modules.tokens.server import endpoints
from citrine_ocpi.modules.tokens.store import TokenStore
from citrine_ocpi.modules.tokens.suspensions import OwnerSuspensions
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint

__all__ = ["TokensModule"]


class TokensModule:
    """Receives tokens by push and pull, and has their owners decide on them.

    Args:
        services: What it uses.
    """

    def __init__(self, services: Services) -> None:
        self._store = TokenStore(services.database, services.citrine)
        interval = services.settings.ocpi_token_pull_interval
        self._pull = TokenPull(
            services.database, services.partners, services.client, self._store, interval, services.clock
        )
        self._services = services
        self._erasing = ErasingListener(services)
        self._suspensions = OwnerSuspensions(services.database, services.partners)
        self._authorizer = RealTimeAuthorizer(services, self._store)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the receiver's endpoints."""
        return endpoints(self._store)

    def listeners(self) -> Sequence[Listener]:
        """Return what erases tokens that the core deleted."""
        return [self._erasing]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return the reading of lists, the service that the core asks, and what compares its tokens with ours."""
        suspending = partial(self._suspensions.run, self._services.citrine)
        return (self._pull.run, self._authorizer.run, self._erasing.run, suspending)
