"""What modules are made with, and what each of them is."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citrine_ocpi.clock import Clock
from citrine_ocpi.config import OcpiSettings
from citrine_ocpi.db import Database
from citrine_ocpi.deliveries import Outbox
from citrine_ocpi.feed import Isolation, Listener
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.calls import Endpoint
from citrine_ocpi.transport.client import PartnerClient
from citrine_sdk import Citrine

__all__ = ["Module", "Services"]


@dataclass(frozen=True)
class Services:
    """What a module may use."""

    settings: OcpiSettings
    public_url: str
    """Where partners reach us, without a slash at its end."""
    citrine: Citrine
    """The core, by the adapter's key."""
    database: Database
    partners: Partners
    client: PartnerClient
    outbox: Outbox
    """What is sent to partners is stored in it."""
    isolation: Isolation
    """What can't be said in OCPI is left out by it."""
    metrics: Metrics
    clock: Clock


class Module(Protocol):
    """A module of OCPI."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what it serves."""

    def listeners(self) -> Sequence[Listener]:
        """Return what it makes of events of the core."""

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what it does all the time, until it is cancelled."""
