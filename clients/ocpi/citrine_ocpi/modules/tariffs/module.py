"""Module tariffs: what partners are sent of tariffs, and what they can list."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from citrine_ocpi.feed import Listener
from citrine_ocpi.modules.tariffs.catalog import Catalog
from citrine_ocpi.modules.tariffs.push import MODULE, TariffPushes
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["TariffsModule"]


class TariffsModule:
    """The tariffs of the core for partners.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._catalog = Catalog(services.citrine, services.partners)
        self._pushes = TariffPushes(services, self._catalog)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the list of tariffs."""
        return [Endpoint(module=MODULE, role=InterfaceRole.SENDER, path="", handlers={"GET": self._list})]

    def listeners(self) -> Sequence[Listener]:
        """Return what sends tariffs that changed."""
        return [self._pushes]

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what sends tariffs that partners are shown without any change of the tariff."""
        return [self._pushes.refresh]

    async def _list(self, call: Call) -> Reply:
        page = call.page()
        parties = parties_of(call.partner, call.routing)
        shown = await self._catalog.shown_to(parties, call.version, await self._catalog.read())
        found = sorted(
            (
                one.tariff
                for one in shown.tariffs.values()
                if (page.date_from is None or one.tariff.last_updated >= page.date_from)
                and (page.date_to is None or one.tariff.last_updated < page.date_to)
            ),
            key=lambda tariff: (tariff.last_updated, tariff.id.lower()),
        )
        return call.reply_page(found[page.offset : page.offset + page.limit], len(found))
