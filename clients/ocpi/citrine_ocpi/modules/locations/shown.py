"""Which locations a partner sees."""

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.modules.locations.push import MODULE
from citrine_ocpi.published import LocationFilters, PublishedRepository
from citrine_ocpi.published.tables import PublishedRow
from citrine_ocpi.published.viewers import EVERYBODY_PARTY, parties_of
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.errors import UnknownLocation

__all__ = ["shown_location"]


async def shown_location(session: AsyncSession, call: Call, location_id: str) -> PublishedRow:
    """Return a location as it is shown to who calls.

    Raises:
        UnknownLocation: When there is none, or it is not shown to them.
    """
    repository = PublishedRepository(session)
    row = await repository.find(MODULE, location_id)
    audience = set() if row is None else await repository.audience(row)
    only = await LocationFilters(session).of(call.partner.partner_id)
    is_shown = bool(audience & {EVERYBODY_PARTY, *parties_of(call.partner, call.routing)})
    if row is None or not (is_shown if only is None else row.object_id in only):
        raise UnknownLocation("there is no such location")
    return row
