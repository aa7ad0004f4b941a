"""What a functional block is made of, and what it may do for others."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import Message
from sqlalchemy import Table

from citrine_core.db import UnitOfWork
from citrine_core.dispatch.calls import Call
from citrine_core.encryption import SecretColumn
from citrine_core.jobs import Job

if TYPE_CHECKING:
    from citrine_core.blocks.authorization.decisions import Decision
    from citrine_core.dispatch.inquiries import Inquirer
    from citrine_core.link.registry import Link
    from citrine_core.resources.tenants.quotas import Counted
    from citrine_core.resources.tokens import Token

__all__ = [
    "Block",
    "CheckCommand",
    "CreditLeft",
    "ForgetStation",
    "ForgetTenant",
    "ForgetTokens",
    "Inform",
    "Observer",
    "OnEdgeLinked",
    "OnOwnerChange",
    "OnTokenChange",
    "Translate",
]


CheckCommand = Callable[[str, Message], Awaitable[None]]
"""`await check(tenant_id, message)` refuses a request that an operation is to send to many stations, as the rpc
of the block does; fields are named from "payload" on."""


ForgetStation = Callable[[UnitOfWork, str, str], Awaitable[None]]
"""`await forget_station(work, tenant_id, station_id)` removes the data of a station."""

ForgetTokens = Callable[[UnitOfWork, str, Collection[tuple[str, str]]], Awaitable[None]]
"""`await forget_tokens(work, tenant_id, [(lookup, type)])` has stations forget tokens; of any type if it is empty."""


ForgetTenant = Callable[[UnitOfWork, str], Awaitable[None]]
"""`await forget_tenant(work, tenant_id)` ends what would go on after a tenant is removed."""


Translate = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""`await translate(tenant_id, station_id, payload)` returns the payload of a command in the station's own terms."""


OnTokenChange = Callable[[UnitOfWork, str, Sequence[tuple[str, str]]], Awaitable[None]]
"""`await changed(work, tenant_id, [(id_token, type)])` is called with tokens that are new, changed or gone, in the
transaction that makes them so."""


OnOwnerChange = Callable[[UnitOfWork, str, tuple[str, str]], Awaitable[None]]
"""`await changed(work, tenant_id, (country_code, party_id))` is called when all tokens of a party are suspended, or no
more, in that transaction. They are too many to notify of each."""


Inform = Callable[[UnitOfWork, "Sequence[Decision]"], Awaitable[None]]
"""`await inform(work, decisions)` adds to what stations are answered on tokens that drivers of one tenant presented,
e.g. a price to `decision.info.personal_message`. Called once for a batch, with those that may charge."""


CreditLeft = Callable[[UnitOfWork, str, "Sequence[Token]"], Awaitable[Mapping[tuple[str, str], Decimal]]]
"""`await credit_left(work, tenant_id, tokens)` returns what is left of prepaid tokens, by lookup and type."""


OnEdgeLinked = Callable[["Link"], None]
"""`linked(link)` is called with each new link to an edge, behind its Welcome."""


Observer = Callable[[UnitOfWork, Sequence[Call[Any]]], Awaitable[None]]
"""`await observe(work, calls)` receives messages of one tenant and action that were handled and not refused."""


@dataclass(frozen=True)
class Block:
    """One functional block, or a plug-in of the same shape (entry point group `citrine.blocks`).

    It says all that the block does for others. The order in which blocks are registered says nothing: of those that
    are notified of the same thing, none may rely on another one having been notified before.
    """

    name: str
    """As the specification names it, e.g. "transactions"."""
    handlers: Sequence[object] = ()
    """Objects with methods marked @handles, @handles_answer, @handles_failure or @handles_vendor."""
    add_servicers: Sequence[Callable[[grpc.aio.Server], None]] = ()
    """Add the block's servicers to a server."""
    service_names: Sequence[str] = ()
    """Full names of these services, for reflection and health."""
    tables: Sequence[Table] = ()
    """For a plug-in: tables that `citrine db upgrade` creates if they are missing."""
    jobs: Sequence[Job] = ()
    """Periodic work of the block, on every core or, if it is shared, on one of those that have it."""
    inquirers: "Sequence[Inquirer]" = ()
    """Ask other systems for what the handlers need, before a message is submitted to its lane."""
    observers: Sequence[Observer] = ()
    """Called with messages of stations, whichever block handles them, in the same transaction."""
    check_command: CheckCommand | None = None
    """Checks what operations are to send. None: the schema says it all."""
    translations: "Sequence[Translate]" = ()
    """Translate commands into the station's own terms just before they are sent. They are stored untranslated."""
    on_token_change: Sequence[OnTokenChange] = ()
    """Notified of tokens that change."""
    on_owner_change: Sequence[OnOwnerChange] = ()
    """Notified of parties whose tokens are suspended, or no more."""
    informers: Sequence[Inform] = ()
    """Add a message to drivers to the decision on their token."""
    credit_left: CreditLeft | None = None
    """Says what is left of prepaid tokens. None: the block does not know."""
    on_edge_linked: Sequence[OnEdgeLinked] = ()
    """Notified of edges that link to this core."""
    secrets: Sequence[SecretColumn] = ()
    """Columns with encrypted secrets, which are encrypted anew once another key encrypts."""
    counted: "Sequence[Counted]" = ()
    """Rows that count for quotas of their tenant."""
    forget_station: ForgetStation | None = None
    """Removes the data that a station registered again under the same id must not inherit, in the transaction that
    removes the station. None: there is none."""
    forget_tokens: ForgetTokens | None = None
    """Has stations forget the tokens of a person whose data is erased, as soon as they are connected. None: they know
    none."""
    forget_tenant: ForgetTenant | None = None
    """Ends what would go on after a tenant without stations is removed, in that transaction. None: nothing would."""
