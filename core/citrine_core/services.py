"""What the composition root hands to blocks and resources."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from citrine_core.business_counters import BusinessCounters
from citrine_core.clock import Clock
from citrine_core.config import CoreSettings
from citrine_core.db import UnitOfWork, UnitOfWorkFactory

if TYPE_CHECKING:
    from citrine_core.blocks.authorization.decisions import Decision
    from citrine_core.dispatch.routes import Route
    from citrine_core.resources.commands import CommandSender
    from citrine_core.resources.tokens import Token

__all__ = [
    "CreditLeft",
    "Disconnect",
    "ForgetStation",
    "Inform",
    "OnTokenChange",
    "PublicUrls",
    "Services",
    "VendorRoute",
]

Disconnect = Callable[[str, str, str], Awaitable[bool]]
"""`await disconnect(tenant_id, station_id, reason)` has the edge close the websocket of a station. Returns False where
it has none, or where this core has no link to the edge that holds it."""

ForgetStation = Callable[[UnitOfWork, str, str], Awaitable[None]]
"""`await forget_station(work, tenant_id, station_id)` removes what blocks and resources hold of a station that is
removed in the same transaction, and closes its websocket after the commit."""

OnTokenChange = Callable[[UnitOfWork, str, Sequence[tuple[str, str]]], Awaitable[None]]
"""`await told(work, tenant_id, [(id_token, type)])` is told of tokens that are new, changed or gone, in the transaction
that makes them so."""

Inform = Callable[[UnitOfWork, "Sequence[Decision]"], Awaitable[None]]
"""`await inform(work, decisions)` adds to what stations are answered on tokens that drivers of one tenant presented,
e.g. a price to `decision.info.personal_message`. Called once for a batch, with those that may charge."""

CreditLeft = Callable[[UnitOfWork, str, "Sequence[Token]"], Awaitable[Mapping[tuple[str, str], Decimal]]]
"""`await credit_left(work, tenant_id, tokens)` returns what is left of prepaid tokens, by lookup and type."""

VendorRoute = Callable[[str, str | None], "Route | None"]
"""`vendor_route(vendor_id, message_id)` returns the handler of a vendor's DataTransfer, or None. All blocks are
collected by the time that messages come."""


PublicUrls = Callable[[], Sequence[str]]
"""`public_urls()` returns the URLs by which stations reach the edges that are linked, without tenant and station."""


async def _nobody_to_disconnect(tenant_id: str, station_id: str, reason: str) -> bool:
    return False


async def _nothing_to_forget(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    return None


def _no_vendors(vendor_id: str, message_id: str | None) -> "Route | None":
    return None


@dataclass(frozen=True)
class Services:
    """Everything a block or resource may use beside its own files."""

    settings: CoreSettings
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    commands: "CommandSender"
    """Sends CSMS-initiated messages to stations."""
    disconnect: Disconnect = _nobody_to_disconnect
    """Closes websockets."""
    vendor_route: VendorRoute = _no_vendors
    """Finds who handles a vendor's DataTransfer."""
    forget_station: ForgetStation = _nothing_to_forget
    """Tells all that a station is removed."""
    on_token_change: list[OnTokenChange] = field(default_factory=list)
    """Blocks add here who is to be told of changed tokens, while they are put together."""
    informers: list[Inform] = field(default_factory=list)
    """Blocks add here who tells drivers something with the decision on their token, while they are put together."""
    credit_left: list[CreditLeft] = field(default_factory=list)
    """The block that knows what transactions cost adds here who says what is left of prepaid tokens."""
    counters: BusinessCounters = field(default_factory=BusinessCounters)
    """What is counted of the business."""
    public_urls: PublicUrls = list
    """Returns where stations reach the edges that are linked."""
    shared: dict[type, Any] = field(default_factory=dict)
    """Objects that several blocks use, by their class; who needs one first makes it."""
