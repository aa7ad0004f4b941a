"""Follows what becomes of locations: what partners see of them is stored, and what changed is sent."""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.locations_pb2 import ListLocationEvsesRequest, ListLocationsRequest, Location, PublishToken
from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine_ocpi.feed import Effect, Subject
from citrine_ocpi.models import written_time
from citrine_ocpi.modules.locations.allowed import allowed_state, shown_body
from citrine_ocpi.modules.locations.mapping import location_body, unsaid_evses
from citrine_ocpi.modules.locations.sending import MODULE, LocationSender, StoredBefore
from citrine_ocpi.modules.locations.stamps import stamped
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.places import Places, owning_party
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import LocationFilters, Published, PublishedRepository, PublishedTags, StaleLocations
from citrine_ocpi.published.tags import group_tag, label_tag
from citrine_ocpi.published.viewers import EVERYBODY_PARTY
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version

__all__ = ["MODULE", "LocationsListener"]

AT_A_TIME = 20
"""Locations that are read at the same time."""

MOST_STATIONS = 1000
"""Stations that the core lists at a time."""

_logger = logging.getLogger(__name__)


class LocationsListener:
    """Has partners see locations as they are now.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = (
        "location_changed",
        "connector_status_changed",
        "station_changed",
        "station_connected",
        "station_booted",
        "report_finished",
        "token_changed",
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._citrine = services.citrine
        self._places = Places(services.citrine, services.partners)
        self._owners = Owners(services.citrine)
        self._sender = LocationSender(services)
        self._isolation = services.isolation

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events."""
        location_ids = {one.location_changed.location_id for one in events if one.HasField("location_changed")}
        stations = {one.station_id for one in events if one.station_id and not one.HasField("location_changed")}
        for station_id in stations:
            # The place where it was counts as well.
            request = ListLocationEvsesRequest(station_id=station_id, include_deleted=True)
            async for page in self._citrine.pages(self._citrine.locations.ListLocationEvses, request):
                location_ids |= {one.location_id for one in page.evses}
        location_ids |= await self._naming([one.token_changed for one in events if one.HasField("token_changed")])
        limit = asyncio.Semaphore(AT_A_TIME)

        async def read(location_id: str) -> Sequence[Effect]:
            async with limit:
                return await self._effects(location_id, await self._places.location(location_id))

        def isolated(location_id: str) -> Coroutine[Any, Any, Sequence[Effect]]:
            return self._isolation.effects(_subject(location_id), read(location_id))

        found = await asyncio.gather(*map(isolated, sorted(location_ids)))
        return [effect for effects in found for effect in effects]

    async def _naming(self, changes: Sequence[TokenChanged]) -> set[str]:
        """Return the locations that are shown because of tokens that are gone, or may be."""
        gone = {one.id_token.id_token.lower() for one in changes if one.kind == TokenChanged.KIND_DELETED}
        if not gone:
            return set()
        async with self._services.database.reading() as session:
            rows = await PublishedRepository(session).list_restricted(MODULE)
        return {
            row.object_id
            for row in rows
            for token in row.bodies[Version.V2_3_0].get("publish_allowed_to", ())
            if "group_id" in token or token.get("uid", "").lower() in gone
        }

    async def due(self) -> Sequence[Effect]:
        """Return what follows from filters of partners that changed: all locations are looked at anew."""
        async with self._services.database.reading() as session:
            changes = await LocationFilters(session).changes()
        if not changes:
            return []

        suspended = {one.partner_id for one in await self._services.partners.list_all() if one.is_suspended}

        async def applied(session: AsyncSession) -> None:
            await LocationFilters(session).applied(changes)
            for partner_id in suspended & changes.keys():
                await StaleLocations(session).add_all(partner_id, is_anew=False)

        return [*await self._all(is_refresh=True), applied]

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from all locations: none is listed by the time of its last status."""
        return await self._all()

    async def _all(self, *, is_refresh: bool = False) -> list[Effect]:
        effects: list[Effect] = []
        seen: set[str] = set()
        request = ListLocationsRequest(include_evses=True)
        async for page in self._citrine.pages(self._citrine.locations.ListLocations, request):
            for one in page.locations:
                made = self._effects(one.location_id, one, is_refresh=is_refresh)
                effects += await self._isolation.effects(_subject(one.location_id), made)
            seen |= {one.location_id for one in page.locations}
        async with self._services.database.reading() as session:
            known = await PublishedRepository(session).ids(MODULE)
        for gone in known:
            if gone not in seen:
                effects += await self._isolation.effects(
                    _subject(gone), self._effects(gone, None, is_refresh=is_refresh)
                )
        return effects

    async def _effects(
        self, location_id: str, location: Location | None, *, is_refresh: bool = False
    ) -> Sequence[Effect]:
        party, owners = None, list[set[Party]]()
        audience = set[Party]()
        if location is not None:
            party = owning_party(await self._services.partners.own(), location.country_code, location.party_id)
            if party is None:
                _logger.info("a location is of a party that is not ours", extra={"location": location_id})
            elif location.publish:
                audience = {EVERYBODY_PARTY}
                location.ClearField("publish_allowed_to")
            else:
                owners = await self._remove_foreign(location)
                audience = set[Party]().union(*owners)
        partners = [one for one in await self._services.partners.list_all() if one.is_registered]
        store = partial(
            self._store,
            location_id=location_id,
            location=location,
            party=party,
            audience=audience,
            owners=owners,
            partners=partners,
            tags=None if location is None else await self._tags(location),
            is_refresh=is_refresh,
        )
        return [store]

    async def _tags(self, location: Location) -> Mapping[str, Collection[str]] | None:
        """Return the tags of each EVSE of a location. None: no partner sees stations by tags."""
        async with self._services.database.reading() as session:
            if not await LocationFilters(session).has_tags():
                return None
        stations = sorted({one.station_id for one in location.evses if one.station_id})
        known: dict[str, set[str]] = {}
        for start in range(0, len(stations), MOST_STATIONS):
            request = ListStationsRequest(page_size=MOST_STATIONS)
            request.stations.station_ids.extend(stations[start : start + MOST_STATIONS])
            async for page in self._citrine.pages(self._citrine.stations.ListStations, request):
                for one in page.stations:
                    labels = {label_tag(*label) for label in one.labels.items()}
                    known[one.station_id] = labels | {group_tag(name) for name in one.groups}
        return {one.uid: known.get(one.station_id, set()) for one in location.evses}

    async def _remove_foreign(self, location: Location) -> list[set[Party]]:
        """Take the tokens out of a location that are no partner's, and return the parties of those that are left."""
        owned = [(one, parties) for one in location.publish_allowed_to if (parties := await self._owners.shown_to(one))]
        allowed = [PublishToken.FromString(one.SerializeToString()) for one, _ in owned]
        location.ClearField("publish_allowed_to")
        location.publish_allowed_to.extend(allowed)
        return [parties for _, parties in owned]

    async def _store(
        self,
        session: AsyncSession,
        *,
        location_id: str,
        location: Location | None,
        party: Party | None,
        audience: Collection[Party],
        owners: Sequence[Collection[Party]],
        partners: Sequence[Partner],
        tags: Mapping[str, Collection[str]] | None,
        is_refresh: bool,
    ) -> None:
        repository = PublishedRepository(session)
        row = await repository.find_exact(MODULE, location_id)
        if row is None and (location is None or party is None):
            return
        reasons = {} if location is None else unsaid_evses(location)
        await self._isolation.note(session, MODULE, _subject(location_id).name, reasons)
        before: dict[str, Any] = {} if row is None else row.bodies
        known: dict[str, Any] = {} if row is None else row.state
        state = allowed_state(owners)
        seen_before = set[Party]() if row is None else await repository.audience(row)
        shown = audience if row is None or location is not None else seen_before
        now = self._services.clock()
        bodies = {str(one): _body(location, party, before.get(one), written_time(now), one) for one in Version}
        is_other = state != known or any(bodies[version] != before.get(version) for version in bodies)
        is_shown = party is not None or location is None
        if not is_other and row is not None and is_shown and (is_refresh or tags is not None):
            # Who sees more of it finds that, too, where it asks for what changed.
            is_other = await self._sender.is_seen_otherwise(session, row, shown, partners, tags)
        if is_other:
            bodies = {version: {**body, "last_updated": written_time(now)} for version, body in bodies.items()}
        elif row is not None and {*shown} == seen_before:
            return
        owner = party or Party(row.country_code if row else "", row.party_id if row else "")
        stored = await repository.store(
            Published(MODULE, location_id, f"location/{location_id}", owner, bodies, shown, now, state)
        )
        if tags is not None:
            await PublishedTags(session).set(stored, tags)
        await self._sender.send(
            session,
            stored,
            StoredBefore(before, known, seen_before),
            shown,
            partners,
            is_shown=is_shown,
            is_refresh=is_refresh,
        )


def _body(
    location: Location | None, party: Party | None, before: Mapping[str, Any] | None, now: str, version: Version
) -> dict[str, Any]:
    """Return a location as it is now. Where it is gone, the last that was known of it stays, with all EVSEs removed."""
    if location is not None and party is not None:
        return stamped(before, location_body(location, party, version), now)
    return stamped(before, {**shown_body(before or {}, {}, ()), "evses": []}, now)


def _subject(location_id: str) -> Subject:
    return Subject(MODULE, f"location/{location_id}")
