"""The endpoints of module sessions: the list, and what drivers prefer."""

from typing import Any

from citrine_ocpi.models import v2_2_1
from citrine_ocpi.modules.sessions.preferences import answer_to
from citrine_ocpi.modules.sessions.storing import MODULE
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import InterfaceRole
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import InvalidParameters, NotFound

__all__ = ["SessionsServer"]

PREFERENCES = "CHARGING_PREFERENCES_CAPABLE"


class SessionsServer:
    """Shows partners the sessions of their own tokens.

    Args:
        services: Of the adapter.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(MODULE, InterfaceRole.SENDER, "", {"GET": self._list}),
            Endpoint(MODULE, InterfaceRole.SENDER, "{session_id}/charging_preferences", {"PUT": self._prefer}),
        ]

    async def _list(self, call: Call) -> Reply:
        async with self._services.database.reading() as session:
            parties = parties_of(call.partner, call.routing)
            rows, total = await PublishedRepository(session).page(MODULE, parties, call.page())
        return call.reply_page([row.bodies[call.version] for row in rows], total)

    async def _prefer(self, call: Call) -> Reply:
        """Answer what becomes of a driver's preferences."""
        preferences = call.model(v2_2_1.ChargingPreferences)
        async with self._services.database.reading() as session:
            repository = PublishedRepository(session)
            row = await repository.find(MODULE, call.path["session_id"])
            audience = set() if row is None else await repository.audience(row)
            if row is None or not audience & parties_of(call.partner, call.routing):
                raise NotFound("there is no such session")
            body = row.bodies[call.version]
            location = await repository.find_exact("locations", body["location_id"])
        evses = [] if location is None else location.bodies[call.version].get("evses", [])
        evse: dict[str, Any] = next((one for one in evses if one["uid"] == body["evse_uid"]), {})
        if PREFERENCES not in evse.get("capabilities", ()):
            refusal = InvalidParameters("the EVSE has no charging preferences")
            refusal.http_status = 404
            raise refusal
        return Reply(answer_to(preferences, body, evse, self._services.clock()))
