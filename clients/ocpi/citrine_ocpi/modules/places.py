"""Where a station's EVSE is, and which party of ours owns the place."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from citrine.api.v1.locations_pb2 import GetLocationRequest, ListLocationEvsesRequest, Location
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine

__all__ = ["Place", "Places", "owning_party"]

REMEMBERED = 30.0
"""Seconds."""

MOST = 50_000

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a session is."""

    party: Party
    """Of ours, that owns the location."""
    location: Location
    """Without its EVSEs."""
    evse_uid: str = ""
    """Empty: it is not known."""

    @property
    def location_id(self) -> str:
        """Of the location."""
        return self.location.location_id


def owning_party(own: Sequence[OwnParty], country_code: str, party_id: str) -> Party | None:
    """Return the party of ours that owns a location: the one it names, else the first. None: it names another one."""
    if not (country_code and party_id):
        return own[0].party if own else None
    named = Party(country_code, party_id)
    return named if any(one.party == named for one in own) else None


class Places:
    """Finds where stations are.

    Args:
        citrine: The core.
        partners: Knows our own parties.
    """

    def __init__(self, citrine: Citrine, partners: Partners) -> None:
        self._citrine = citrine
        self._partners = partners
        self._known: dict[tuple[str, int], tuple[float, Place]] = {}

    async def of(self, station_id: str, evse_id: int) -> Place | None:
        """Return where an EVSE of a station is. None: at no location of ours.

        Args:
            station_id: Of the station.
            evse_id: Its number. 0: it is not known, so that only the location is.
        """
        known = self._known.get((station_id, evse_id))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        page = await self._citrine.locations.ListLocationEvses(ListLocationEvsesRequest(station_id=station_id))
        if not page.evses:
            return None
        evse = next((one for one in page.evses if one.evse_id == evse_id), None)
        location = await self.location((evse or page.evses[0]).location_id)
        if location is None:
            return None
        party = owning_party(await self._partners.own(), location.country_code, location.party_id)
        if party is None:
            _logger.info("a location is of a party that is not ours", extra={"location": location.location_id})
            return None
        location.ClearField("evses")
        place = Place(party, location, evse.uid if evse is not None and evse_id else "")
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[station_id, evse_id] = (time.monotonic() + REMEMBERED, place)
        return place

    async def location(self, location_id: str) -> Location | None:
        """Return a location with its EVSEs. None: there is none."""
        try:
            return await self._citrine.locations.GetLocation(GetLocationRequest(location_id=location_id))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
