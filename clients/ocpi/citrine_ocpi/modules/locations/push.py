"""Follows what becomes of locations: what partners see of them is stored, and what changed is sent."""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.locations_pb2 import ListLocationEvsesRequest, ListLocationsRequest, Location, PublishToken
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine_ocpi.deliveries import Push
from citrine_ocpi.feed import Effect, Isolation
from citrine_ocpi.models import written_time
from citrine_ocpi.modules.locations.allowed import allowed_state, shown_body
from citrine_ocpi.modules.locations.mapping import evse_model, location_body, location_model
from citrine_ocpi.modules.locations.stamps import LocationChanges, changes_of, stamped
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.places import Places, owning_party
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import LocationFilters, Published, PublishedRepository, PublishedRow, may_see
from citrine_ocpi.published.viewers import EVERYBODY_PARTY
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version

__all__ = ["MODULE", "LocationsListener"]

MODULE = "locations"

AT_A_TIME = 20
"""Locations that are read at the same time."""

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
        self._isolation = Isolation(services.metrics)

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
            return self._isolation.effects(f"location/{location_id}", read(location_id))

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

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from all locations: none is listed by the time of its last status."""
        effects: list[Effect] = []
        seen: set[str] = set()
        request = ListLocationsRequest(include_evses=True)
        async for page in self._citrine.pages(self._citrine.locations.ListLocations, request):
            for one in page.locations:
                made = self._effects(one.location_id, one)
                effects += await self._isolation.effects(f"location/{one.location_id}", made)
            seen |= {one.location_id for one in page.locations}
        async with self._services.database.reading() as session:
            known = await PublishedRepository(session).ids(MODULE)
        for gone in known:
            if gone not in seen:
                effects += await self._isolation.effects(f"location/{gone}", self._effects(gone, None))
        return effects

    async def _effects(self, location_id: str, location: Location | None) -> Sequence[Effect]:
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
        partners = await self._services.partners.list_active()
        store = partial(
            self._store,
            location_id=location_id,
            location=location,
            party=party,
            audience=audience,
            owners=owners,
            partners=partners,
        )
        return [store]

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
    ) -> None:
        repository = PublishedRepository(session)
        row = await repository.find_exact(MODULE, location_id)
        if row is None and (location is None or party is None):
            return
        before: dict[str, Any] = {} if row is None else row.bodies
        known: dict[str, Any] = {} if row is None else row.state
        state = allowed_state(owners)
        shown = audience if row is None or location is not None else await repository.audience(row)
        now = self._services.clock()
        bodies = {}
        for version in Version:
            if location is None or party is None:
                # It is gone: the last that was known of it stays, with all EVSEs removed.
                body = {**shown_body(before[version], {}, ()), "evses": []}
            else:
                body = location_body(location, party, version)
            bodies[str(version)] = stamped(before.get(version), body, written_time(now))
        if state != known or any(bodies[version] != before.get(version) for version in bodies):
            bodies = {version: {**body, "last_updated": written_time(now)} for version, body in bodies.items()}
        elif row is not None and {*shown} == await repository.audience(row):
            return
        owner = party or Party(row.country_code if row else "", row.party_id if row else "")
        stored = await repository.store(
            Published(MODULE, location_id, f"location/{location_id}", owner, bodies, shown, now, state)
        )
        named = await LocationFilters(session).all()
        viewers = [
            one
            for one in partners
            if (location_id in named[one.partner_id] if one.partner_id in named else may_see(one, shown))
            and (party is not None or location is None)
        ]
        await self._push(session, stored, before, known, viewers, partners)

    async def _push(
        self,
        session: AsyncSession,
        row: PublishedRow,
        before: dict[str, Any],
        state: dict[str, Any],
        viewers: Sequence[Partner],
        partners: Sequence[Partner],
    ) -> None:
        repository = PublishedRepository(session)
        recipients = await repository.recipients(row)
        pushes: list[Push] = []
        for partner in viewers:
            assert partner.version is not None
            parties = partner.owned_parties()
            known = before.get(partner.version) if partner.partner_id in recipients else None
            changes = changes_of(
                None if known is None else shown_body(known, state, parties),
                shown_body(row.bodies[partner.version], row.state, parties),
            )
            if changes is not None:
                pushes += _pushes(partner, row, changes)
        seeing = {one.partner_id for one in viewers}
        await repository.add_recipients(row, seeing - recipients)
        former = [one for one in partners if one.partner_id in recipients - seeing]
        for partner in former:
            assert partner.version is not None
            gone = stamped(
                row.bodies[partner.version],
                {**row.bodies[partner.version], "evses": []},
                written_time(self._services.clock()),
            )
            pushes += _pushes(partner, row, LocationChanges(None, {}), gone)
        # Who is suspended misses changes, too, and gets the whole at the next one.
        await repository.remove_recipients(row, recipients - seeing)
        await self._services.outbox.add(session, pushes)


def _pushes(
    partner: Partner, row: PublishedRow, changes: LocationChanges, whole: dict[str, Any] | None = None
) -> list[Push]:
    """Return what is sent to a partner: of the location and of its EVSEs, what changed of each."""
    version = partner.version or Version.V2_2_1
    body = shown_body(whole or row.bodies[version], row.state, partner.owned_parties())
    party = Party(row.country_code, row.party_id)
    path = f"{party.country_code}/{party.party_id}/{row.object_id}"
    routing = partner.routing(party)
    key = f"{MODULE}/{path}"
    found = []
    if changes.fields is None or changes.fields:
        found.append(
            Push(
                partner.partner_id,
                MODULE,
                key,
                path,
                location_model(body, version),
                routing,
                changes=changes.fields or {},
                order_key=key,
            )
        )
    evses = {one["uid"]: one for one in body.get("evses", ())}
    found += [
        Push(
            partner.partner_id,
            MODULE,
            f"{key}/{uid}",
            f"{path}/{uid}",
            evse_model(evses[uid], version),
            routing,
            changes=differing,
            order_key=key,
        )
        for uid, differing in changes.evses.items()
    ]
    return found
