"""The endpoint of module cdrs: the list."""

from citrine_ocpi.modules.cdrs.push import MODULE
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import InterfaceRole
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply

__all__ = ["CdrsServer"]


class CdrsServer:
    """Shows partners the CDRs of their own tokens.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [Endpoint(MODULE, InterfaceRole.SENDER, "", {"GET": self._list})]

    async def _list(self, call: Call) -> Reply:
        async with self._services.database.reading() as session:
            parties = parties_of(call.partner, call.routing)
            rows, total = await PublishedRepository(session).page(MODULE, parties, call.page())
        return call.reply_page([row.bodies[call.version] for row in rows], total)
