"""Which locations a partner sees, and what of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.modules.locations.allowed import shown_body
from citrine_ocpi.modules.locations.sending import MODULE, seen_uids
from citrine_ocpi.published import LocationFilter, LocationFilters, PublishedRepository, PublishedRow, PublishedTags
from citrine_ocpi.published.viewers import EVERYBODY_PARTY, parties_of
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.errors import UnknownLocation

__all__ = ["shown_location", "shown_locations"]


async def shown_location(session: AsyncSession, call: Call, location_id: str) -> dict[str, Any]:
    """Return a location as it is shown to who calls.

    Raises:
        UnknownLocation: When there is none, or it is not shown to them.
    """
    repository = PublishedRepository(session)
    row = await repository.find(MODULE, location_id)
    audience = set() if row is None else await repository.audience(row)
    seen = await LocationFilters(session).of(call.partner.partner_id)
    is_shown = bool(audience & {EVERYBODY_PARTY, *parties_of(call.partner, call.routing)})
    if row is None or not (is_shown if seen.location_ids is None else row.object_id in seen.location_ids):
        raise UnknownLocation("there is no such location")
    (body,) = await _bodies(session, call, [row], seen)
    if seen.tags and not body.get("evses"):
        raise UnknownLocation("there is no such location")
    return body


async def shown_locations(session: AsyncSession, call: Call) -> tuple[Sequence[dict[str, Any]], int]:
    """Return a page of the locations that are shown to who calls, and how many there are in all."""
    seen = await LocationFilters(session).of(call.partner.partner_id)
    parties = parties_of(call.partner, call.routing)
    rows, total = await PublishedRepository(session).page(MODULE, parties, call.page(), seen)
    return await _bodies(session, call, rows, seen), total


async def _bodies(
    session: AsyncSession, call: Call, rows: Sequence[PublishedRow], seen: LocationFilter
) -> Sequence[dict[str, Any]]:
    tags = await PublishedTags(session).of(rows) if seen.tags else {}
    parties = parties_of(call.partner, call.routing)
    return [
        shown_body(row.bodies[call.version], row.state, parties, seen_uids(seen, tags.get(row.published_id, {})))
        for row in rows
    ]
