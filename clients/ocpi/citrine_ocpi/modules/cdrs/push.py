"""Follows charge records: of each that a partner pays for, a CDR is stored and posted, and what corrects it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.reservation_costs_pb2 import ListReservationCostsRequest, ReservationCost
from citrine.api.v1.reservation_pb2 import GetReservationRequest
from citrine.api.v1.tariffs_pb2 import GetTariffRequest, Tariff
from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.deliveries import Push
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.feed import Effect, NotShown, Subject
from citrine_ocpi.models import OcpiModel, written_time
from citrine_ocpi.modules.cdrs.mapping import cdr_model, charge_cdr, credit_of, reservation_cdr
from citrine_ocpi.modules.charging import Owner, named_id, when
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.places import Place, Places, owning_party
from citrine_ocpi.modules.reservations import cost_of
from citrine_ocpi.modules.sessions.push import session_id_of
from citrine_ocpi.modules.sessions.storing import reservation_session_id
from citrine_ocpi.modules.tariffs.mapping import NotExpressible, express
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import Published, PublishedRepository, PublishedRow, erase, viewers_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version

__all__ = ["MODULE", "CdrsListener", "push_of"]

MODULE = "cdrs"

PAGE = 200

LONGEST_URL = 255

LONGEST_RESERVATION = timedelta(days=2)
"""How long before a cost was stored the reservation may have begun, where costs are listed."""

_logger = logging.getLogger(__name__)

Make = Callable[[str, str, Mapping[str, Any], Version], OcpiModel]
"""Makes a CDR by its id, the id of its session, that session, and a version."""


class CdrsListener:
    """Has partners get what the charging of their own tokens costs.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = ("charge_record_made", "reservation_cost_changed", "token_changed")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._citrine = services.citrine
        self._places = Places(services.citrine, services.partners)
        self._owners = Owners(services.citrine)
        self._isolation = services.isolation
        services.outbox.acknowledged.append(self._acknowledged)

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events. Records are read by their list, which misses none."""
        effects: list[Effect] = []
        for event in events:
            if event.HasField("token_changed"):
                self._owners.forget(event.token_changed.id_token)
        if any(event.HasField("charge_record_made") for event in events):
            effects += await self._new_records()
        billed = {
            (event.station_id, changed.reservation_id, changed.start_time.ToMicroseconds()): changed.start_time
            for event in events
            if event.HasField("reservation_cost_changed") and (changed := event.reservation_cost_changed)
        }
        for (station_id, reservation_id, _), accepted in sorted(billed.items()):
            cost = await cost_of(self._citrine, station_id, reservation_id, accepted)
            if cost is not None:
                effects += await self._isolation.effects(_named(cost), self._reservation(cost))
        return effects

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from the records that were not read yet, and from the reservations of late."""
        effects = await self._new_records()
        start = Timestamp()
        if since is not None:
            start.FromDatetime(since - LONGEST_RESERVATION)
        request = ListReservationCostsRequest(start_time=TimeRange(start=start) if since is not None else None)
        async for page in self._citrine.pages(self._citrine.reservation_costs.ListReservationCosts, request):
            for cost in page.costs:
                effects += await self._isolation.effects(_named(cost), self._reservation(cost))
        return effects

    async def _acknowledged(self, session: AsyncSession, row: DeliveryRow, url: str) -> None:
        """Store where a partner has a CDR."""
        if row.module == MODULE and len(url) <= LONGEST_URL:
            object_id = row.object_key.rpartition("/")[2]
            await PublishedRepository(session).set_url(MODULE, object_id, row.partner_id, url)

    async def _new_records(self) -> list[Effect]:
        async with self._services.database.reading() as session:
            last = await PublishedRepository(session).position(MODULE)
        effects: list[Effect] = []
        request = ListChargeRecordsRequest(after_change=last, page_size=PAGE)
        async for page in self._citrine.pages(self._citrine.charge_records.ListChargeRecords, request):
            for record in page.records:
                last = record.change
                effects += await self._isolation.effects(
                    Subject(MODULE, f"record/{record.record_id}"), self._record(record)
                )

        async def advance(session: AsyncSession) -> None:
            await PublishedRepository(session).set_position(MODULE, last)

        return [*effects, advance]

    async def _record(self, record: ChargeRecord) -> list[Effect]:
        token = record.token
        party = await self._party_of(record)
        if party is None:
            return []
        known = await self._owners.of(token.id_token)
        uid = known.uid if known is not None and known.party == party else ""
        owner = Owner(party, contract_id=token.contract_id, uid=uid)
        own = await self._services.partners.own()
        location = record.location
        ours = owning_party(own, location.country_code, location.party_id) if record.HasField("location") else None
        if ours is None:
            raise NotShown(
                "the station stood at no location of ours",
                [one.partner_id for one in viewers_of(await self._services.partners.list_active(), {party})],
            )
        tariffs = await self._tariffs(record.tariff_id, record.tariff_version, ours, location.time_zone)

        def make(cdr_id: str, session_id: str, began: Mapping[str, Any], version: Version) -> OcpiModel:
            return charge_cdr(cdr_id, record, owner, ours, session_id, began, tariffs[version], version)

        return [
            partial(
                self._store,
                source=f"record/{record.record_id}",
                first_id=record.record_id,
                revision=record.revision,
                updated=record.create_time,
                session_of=(record.station_id, record.transaction_id),
                owner=owner,
                party=ours,
                # Neither nothing nor a part of it is to be paid, as long as nobody knows.
                make=None if record.cost_unknown else make,
                charged=when(record.settle_time),
                is_token_gone=known is None,
                partners=await self._services.partners.list_active(),
            )
        ]

    async def _party_of(self, record: ChargeRecord) -> Party | None:
        """Return the party that pays a record: of its token, or, where that was erased since, of the CDR before."""
        token = record.token
        if token.country_code and token.party_id:
            return Party(token.country_code, token.party_id)
        async with self._services.database.reading() as session:
            repository = PublishedRepository(session)
            for row in await repository.find_by_source(MODULE, f"record/{record.record_id}"):
                return next(iter(await repository.audience(row)), None)
        return None

    async def _reservation(self, cost: ReservationCost) -> list[Effect]:
        owner = await self._owners.of(cost.id_token)
        place: Place | None = None
        if owner is not None:
            place = await self._places.of(cost.station_id, cost.evse_id)
        if owner is None or place is None:
            return []
        found, at = owner, place
        tariffs = await self._tariffs(cost.tariff_id, cost.tariff_version, at.party, at.location.time_zone)
        session_id = await self._session_of(cost)

        def make(cdr_id: str, session_id: str, began: Mapping[str, Any], version: Version) -> OcpiModel:
            return reservation_cdr(
                cdr_id, cost, found, at.party, at.location, at.evse_uid, session_id, began, tariffs[version], version
            )

        names = (cost.station_id, str(cost.reservation_id), cost.start_time.ToJsonString())
        return [
            partial(
                self._store,
                source=f"reservation/{'/'.join(names)}",
                first_id=named_id("reservation cost", *names),
                # Each change of the cost is another one.
                revision=cost.update_time.ToMicroseconds(),
                updated=cost.update_time,
                session_of=session_id,
                owner=owner,
                party=at.party,
                make=None if cost.withdrawn else make,
                charged=when(cost.start_time),
                partners=await self._services.partners.list_active(),
            )
        ]

    async def _session_of(self, cost: ReservationCost) -> str:
        """Return the id of the session of a reservation. Empty: the reservation is no longer known."""
        request = GetReservationRequest(station_id=cost.station_id, reservation_id=cost.reservation_id)
        try:
            reservation = await self._citrine.reservation.GetReservation(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return ""
            raise
        # An id of a station may be of another reservation by now.
        is_same = reservation.accept_time == cost.start_time
        return reservation_session_id(reservation.record_id) if is_same else ""

    async def _tariffs(
        self, tariff_id: str, version: int, party: Party, time_zone: str
    ) -> dict[Version, list[dict[str, Any]]]:
        """Return the tariff that something is billed by, as OCPI has it: none where OCPI can't say it."""
        found: dict[Version, list[dict[str, Any]]] = {one: [] for one in Version}
        tariff = await self._tariff(tariff_id, version) if tariff_id else None
        for one in Version if tariff is not None else ():
            assert tariff is not None
            try:
                updated = tariff.update_time.ToDatetime()
                said = express(tariff, party.country_code, party.party_id, str(one), [time_zone], updated)
                found[one] = [said.tariff.wire()]
            except NotExpressible as error:
                _logger.info("OCPI can't say a tariff", extra={"tariff_id": tariff_id, "problem": str(error)})
        return found

    async def _tariff(self, tariff_id: str, version: int) -> Tariff | None:
        try:
            return await self._citrine.tariffs.GetTariff(GetTariffRequest(tariff_id=tariff_id, version=version))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def _store(
        self,
        session: AsyncSession,
        *,
        source: str,
        first_id: str,
        revision: int,
        updated: Timestamp,
        session_of: tuple[str, str] | str,
        owner: Owner,
        party: Party,
        make: Make | None,
        charged: datetime,
        partners: Sequence[Partner],
        is_token_gone: bool = False,
    ) -> None:
        """Store the CDR of a revision, and before it one that credits that of the revision before."""
        repository = PublishedRepository(session)
        rows = await repository.find_by_source(MODULE, source)
        if any(row.state["revision"] >= revision for row in rows):
            return
        time = self._services.clock()
        retention = self._services.settings.ocpi_object_retention
        if not rows and retention is not None and charged < time - retention:
            # The one that a correction would credit may be removed by now.
            return
        new: list[tuple[str, dict[Version, OcpiModel]]] = []
        credited = {row.bodies[Version.V2_2_1].get("credit_reference_id") for row in rows}
        for row in rows:
            if "credit" not in row.bodies[Version.V2_2_1] and row.object_id not in credited:
                credit_id = f"{row.object_id}-C"
                models = {one: credit_of(row.bodies[one], credit_id, time, one) for one in Version}
                new.append((credit_id, models))
        if make is not None:
            cdr_id = named_id(first_id, str(revision)) if rows else first_id
            session_id = session_of if isinstance(session_of, str) else await session_id_of(repository, *session_of)
            session_row = await repository.find_exact("sessions", session_id)
            began: Mapping[str, Any] = {} if session_row is None else session_row.bodies
            new.append((cdr_id, {one: make(cdr_id, session_id, began.get(one, {}), one) for one in Version}))
        for cdr_id, models in new:
            bodies = {str(one): {**model.wire(), "last_updated": written_time(time)} for one, model in models.items()}
            state = {"revision": revision}
            published = Published(MODULE, cdr_id, source, party, bodies, {owner.party}, time, state)
            row = await repository.store(published)
            await self._send(session, row, owner.party, partners)
            if is_token_gone and row.token_lookup:
                # Who pays has to know, but nobody later.
                erase([row])

    async def _send(
        self, session: AsyncSession, row: PublishedRow, receiver: Party, partners: Sequence[Partner]
    ) -> None:
        viewers = viewers_of(partners, {receiver})
        await PublishedRepository(session).add_recipients(row, {one.partner_id for one in viewers})
        await self._services.outbox.add(session, [push_of(partner, row, receiver) for partner in viewers])


def push_of(partner: Partner, row: PublishedRow, receiver: Party) -> Push:
    """Return the post of a CDR to a partner, for a party behind it."""
    assert partner.version is not None
    party = Party(row.country_code, row.party_id)
    return Push(
        partner.partner_id,
        MODULE,
        f"{MODULE}/{party.country_code}/{party.party_id}/{row.object_id}",
        "",
        cdr_model(row.bodies[partner.version], partner.version),
        partner.routing(party, receiver),
        method="POST",
        # A credit comes before what takes the place of what it credits.
        order_key=f"{MODULE}/{row.source}",
    )


def _named(cost: ReservationCost) -> Subject:
    return Subject(MODULE, f"reservation/{cost.station_id}/{cost.reservation_id}")
