"""What partners see of the core: a copy of each object as OCPI has it, with its time, owner and who got it."""

from citrine_ocpi.published.erasure import erase
from citrine_ocpi.published.filters import LocationFilter, LocationFilters
from citrine_ocpi.published.repository import Published, PublishedRepository
from citrine_ocpi.published.stale import StaleLocations
from citrine_ocpi.published.tables import AudienceRow, PublishedRow, ReceiptRow
from citrine_ocpi.published.tags import PublishedTags
from citrine_ocpi.published.viewers import may_see, viewers_of

__all__ = [
    "AudienceRow",
    "LocationFilter",
    "LocationFilters",
    "Published",
    "PublishedRepository",
    "PublishedRow",
    "PublishedTags",
    "ReceiptRow",
    "StaleLocations",
    "erase",
    "may_see",
    "viewers_of",
]
