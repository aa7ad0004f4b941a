"""Services that the composition root passes to blocks and resources."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from citrine_core.business_counters import BusinessCounters
from citrine_core.clock import Clock
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.encryption import Cipher, NoCipher

if TYPE_CHECKING:
    from citrine_core.dispatch import Registry
    from citrine_core.resources.commands import CommandSender

__all__ = ["Disconnect", "ForgetStation", "PublicUrls", "Services"]

Disconnect = Callable[[str, str, str], Awaitable[bool]]
"""`await disconnect(tenant_id, station_id, reason)` makes the edge close a station's websocket. Returns False if it has
none, or if this core has no link to its edge."""

ForgetStation = Callable[[UnitOfWork, str, str], Awaitable[None]]
"""`await forget_station(work, tenant_id, station_id)` removes the data of blocks and resources on a station that is
removed in the same transaction, and closes its websocket after the commit."""

PublicUrls = Callable[[], Sequence[str]]
"""`public_urls()` returns the URLs of linked edges for stations, without tenant and station."""


async def _nobody_to_disconnect(tenant_id: str, station_id: str, reason: str) -> bool:
    return False


def _no_blocks() -> "Registry":
    # Imported here: most modules that import this one are imported by the registry's.
    from citrine_core.dispatch import Registry

    return Registry(())


async def _nothing_to_forget(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    return None


@dataclass(frozen=True)
class Services:
    """Everything that a block or resource may use besides its own modules."""

    settings: CoreSettings
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    commands: "CommandSender"
    """Sends CSMS-initiated messages to stations."""
    disconnect: Disconnect = _nobody_to_disconnect
    """Closes websockets."""
    forget_station: ForgetStation = _nothing_to_forget
    """Removes the data of a station."""
    registry: "Registry" = field(default_factory=_no_blocks)
    """What blocks do for one another. It is complete when the first message comes, and not while blocks are made."""
    counters: BusinessCounters = field(default_factory=BusinessCounters)
    """Business counters."""
    cipher: Cipher = field(default_factory=NoCipher)
    """Encrypts secrets that are stored because they must be sent later."""
    public_urls: PublicUrls = list
    """Returns the public URLs of linked edges."""
    shared: dict[type, Any] = field(default_factory=dict)
    """Objects that several blocks share, by class. The first user creates one."""
