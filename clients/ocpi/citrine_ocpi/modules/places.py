"""Where a station's EVSE is, and which party of ours owns the place."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc

from citrine.api.v1.locations_pb2 import GetLocationRequest, ListLocationEvsesRequest, Location, LocationEvse
from citrine_ocpi.partner import OwnParty
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine

__all__ = ["Place", "Places", "owning_party"]

REMEMBERED = 30.0
"""Seconds for which a location is not read again, nor where a station is."""

MOST = 50_000
"""Locations and stations that are remembered."""

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


@dataclass(frozen=True)
class _Site:
    """A location that was read."""

    party: Party | None
    """Of ours, that owns it. None: it is of none."""
    location: Location
    evses: Mapping[str, Sequence[LocationEvse]]
    """By station."""
    until: float
    """When it is read again."""


class Places:
    """Finds where stations are.

    A location is read once for all of its stations, and says which of them are still there.

    Args:
        citrine: The core.
        partners: Knows our own parties.
    """

    def __init__(self, citrine: Citrine, partners: Partners) -> None:
        self._citrine = citrine
        self._partners = partners
        self._reading: dict[str, asyncio.Lock] = {}
        """Of each location that is being read."""
        self._sites: dict[str, _Site] = {}
        self._location_ids: dict[str, str] = {}
        """Where stations were last, by station."""
        self._listed: dict[tuple[str, int], tuple[float, Place]] = {}
        """What the locations that are remembered do not say, until when."""

    async def of(self, station_id: str, evse_id: int) -> Place | None:
        """Return where an EVSE of a station is. None: at no location of ours.

        Args:
            station_id: Of the station.
            evse_id: Its number. 0: it is not known, so that only the location is.
        """
        listed = self._listed.get((station_id, evse_id))
        if listed is not None and listed[0] > time.monotonic():
            return listed[1]
        location_id = self._location_ids.get(station_id, "")
        site = await self._site(location_id) if location_id else None
        own = site.evses.get(station_id, ()) if site is not None else ()
        evse = next((one for one in own if not evse_id or one.evse_id == evse_id), None)
        if site is not None and evse is not None:
            return _place(site, evse, evse_id)
        return await self._list(station_id, evse_id)

    async def _list(self, station_id: str, evse_id: int) -> Place | None:
        """Return where an EVSE of a station is, or another one of the station where that one is nowhere."""
        page = await self._citrine.locations.ListLocationEvses(ListLocationEvsesRequest(station_id=station_id))
        if not page.evses:
            return None
        evse = next((one for one in page.evses if one.evse_id == evse_id), page.evses[0])
        site = await self._site(evse.location_id)
        place = _place(site, evse, evse_id) if site is not None else None
        if len(self._location_ids) >= MOST:
            self._location_ids.clear()
            self._listed.clear()
        self._location_ids[station_id] = evse.location_id
        if place is not None:
            self._listed[station_id, evse_id] = (time.monotonic() + REMEMBERED, place)
        return place

    async def location(self, location_id: str) -> Location | None:
        """Return a location with its EVSEs. None: there is none."""
        try:
            return await self._citrine.locations.GetLocation(GetLocationRequest(location_id=location_id))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def _site(self, location_id: str) -> _Site | None:
        """Return a location, as it was at most `REMEMBERED` seconds ago. None: there is none."""
        # Several sessions of one location wait for the same answer, and not for that of another one.
        lock = self._reading.setdefault(location_id, asyncio.Lock())
        try:
            async with lock:
                known = self._sites.get(location_id)
                if known is not None and known.until > time.monotonic():
                    return known
                return await self._read(location_id)
        finally:
            self._reading.pop(location_id, None)

    async def _read(self, location_id: str) -> _Site | None:
        location = await self.location(location_id)
        if location is None:
            self._sites.pop(location_id, None)
            return None
        evses: dict[str, list[LocationEvse]] = defaultdict(list)
        for one in location.evses:
            if one.station_id and not one.HasField("delete_time"):
                evses[one.station_id].append(one)
        location.ClearField("evses")
        party = owning_party(await self._partners.own(), location.country_code, location.party_id)
        if len(self._sites) >= MOST:
            self._sites.clear()
        site = _Site(party, location, evses, time.monotonic() + REMEMBERED)
        self._sites[location_id] = site
        return site


def _place(site: _Site, evse: LocationEvse, evse_id: int) -> Place | None:
    """Return a place of a location; the EVSE is said where it is the one that was asked for."""
    if site.party is None:
        _logger.info("a location is of a party that is not ours", extra={"location": site.location.location_id})
        return None
    return Place(site.party, site.location, evse.uid if evse_id and evse.evse_id == evse_id else "")
