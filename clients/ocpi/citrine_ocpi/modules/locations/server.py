"""The endpoints of module locations: the list, and one location, EVSE or connector."""

from citrine_ocpi.modules.locations.sending import MODULE
from citrine_ocpi.modules.locations.shown import shown_location, shown_locations
from citrine_ocpi.modules.locations.stamps import connector_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import InterfaceRole
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import UnknownLocation

__all__ = ["LocationsServer"]


class LocationsServer:
    """Shows locations to partners.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        places = ("{location_id}", "{location_id}/{evse_uid}", "{location_id}/{evse_uid}/{connector_id}")
        return [
            Endpoint(MODULE, InterfaceRole.SENDER, "", {"GET": self._list}),
            *(Endpoint(MODULE, InterfaceRole.SENDER, path, {"GET": self._show}) for path in places),
        ]

    async def _list(self, call: Call) -> Reply:
        async with self._services.database.reading() as session:
            found, total = await shown_locations(session, call)
        return call.reply_page(found, total)

    async def _show(self, call: Call) -> Reply:
        try:
            async with self._services.database.reading() as session:
                location = await shown_location(session, call, call.path["location_id"])
        except UnknownLocation as error:
            raise _unknown(str(error)) from None
        if "evse_uid" not in call.path:
            return Reply(location)
        evse, connector = connector_of(location, call.path["evse_uid"], call.path.get("connector_id", ""))
        found = connector if "connector_id" in call.path else evse
        if found is None:
            raise _unknown("there is no such EVSE or connector")
        return Reply(found)


def _unknown(text: str) -> UnknownLocation:
    error = UnknownLocation(text)
    error.http_status = 404
    return error
