"""Follows transactions and reservations of partners' tokens: their sessions are stored, and what changed is sent."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import reservation_pb2 as reservations
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.reservation_costs_pb2 import GetReservationCostRequest, ReservationCost
from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest, TransactionCost
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest, Transaction
from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.deliveries import Push
from citrine_ocpi.feed import Effect, NotShown, Subject
from citrine_ocpi.models import OcpiModel, written_time
from citrine_ocpi.modules.charging import Owner, named_id, when
from citrine_ocpi.modules.owners import Owners, as_known
from citrine_ocpi.modules.places import Place, Places
from citrine_ocpi.modules.sessions.mapping import reservation_session, session_model, transaction_session
from citrine_ocpi.modules.sessions.periods import periods_of
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.partner import Partner
from citrine_ocpi.published import Published, PublishedRepository, PublishedRow, viewers_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport import Party, Version
from citrine_ocpi.transport.paging import parse_time

__all__ = ["MODULE", "SessionsListener", "push_of", "session_id_of", "transaction_source"]

MODULE = "sessions"

AUTHORIZED = timedelta(minutes=15)
"""How long before or after its begin the token of a session was asked about, at most."""

FoundT = TypeVar("FoundT")


def transaction_source(station_id: str, transaction_id: str) -> str:
    """Return what the session of a transaction is made of."""
    return f"transaction/{station_id}/{transaction_id}"


async def session_id_of(repository: PublishedRepository, station_id: str, transaction_id: str) -> str:
    """Return the id of the session of a transaction, which may have begun as a reservation."""
    rows = await repository.find_by_source(MODULE, transaction_source(station_id, transaction_id))
    return rows[0].object_id if rows else named_id("session", station_id, transaction_id)


@dataclass(frozen=True)
class _Charging:
    """All that a session is made of."""

    transaction: Transaction
    cost: TransactionCost | None
    owner: Owner
    place: Place
    reservation_source: str
    partners: Sequence[Partner]


class SessionsListener:
    """Has partners see the sessions of their own tokens as they are now.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = (
        "transaction_started",
        "transaction_updated",
        "transaction_ended",
        "transaction_closed",
        "transaction_settled",
        "transaction_cost_changed",
        "reservation_changed",
        "token_changed",
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._citrine = services.citrine
        self._places = Places(services.citrine, services.partners)
        self._owners = Owners(services.citrine)
        self._isolation = services.isolation

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events: each transaction is read once, as it is now."""
        effects: list[Effect] = []
        transactions: dict[tuple[str, str], None] = {}
        for event in events:
            match event.WhichOneof("body"):
                case "token_changed":
                    self._owners.forget(event.token_changed.id_token)
                case "reservation_changed":
                    changed = event.reservation_changed
                    subject = f"reservation/{event.station_id}/{changed.reservation_id}"
                    reserved = self._reservation(event.station_id, changed.reservation_id)
                    effects += await self._isolation.effects(Subject(MODULE, subject), reserved)
                    if changed.transaction_id:
                        transactions[event.station_id, changed.transaction_id] = None
                case "transaction_cost_changed":
                    transaction_id = event.transaction_cost_changed.transaction_id
                    if await self._is_known(event.station_id, transaction_id):
                        transactions[event.station_id, transaction_id] = None
                case str(kind):
                    summary = getattr(event, kind).transaction
                    # Most transactions are of the operator's own tokens.
                    if summary.HasField("id_token") and await self._owners.of(summary.id_token) is not None:
                        transactions[event.station_id, summary.transaction_id] = None
        for station_id, transaction_id in transactions:
            request = GetTransactionRequest(station_id=station_id, transaction_id=transaction_id)
            transaction = await _found(partial(self._citrine.transactions.GetTransaction, request))
            if transaction is not None:
                source = transaction_source(station_id, transaction_id)
                effects += await self._isolation.effects(Subject(MODULE, source), self._transaction(transaction))
        return effects

    async def _is_known(self, station_id: str, transaction_id: str) -> bool:
        async with self._services.database.reading() as session:
            source = transaction_source(station_id, transaction_id)
            return bool(await PublishedRepository(session).find_by_source(MODULE, source))

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from the transactions that go on, and from those that were settled since."""
        effects: list[Effect] = []
        requests = [ListTransactionsRequest(unsettled_only=True)]
        if since is not None:
            start = Timestamp()
            start.FromDatetime(since)
            requests.append(ListTransactionsRequest(settle_time=TimeRange(start=start)))
        for request in requests:
            async for page in self._citrine.pages(self._citrine.transactions.ListTransactions, request):
                for transaction in page.transactions:
                    source = transaction_source(transaction.station_id, transaction.transaction_id)
                    effects += await self._isolation.effects(Subject(MODULE, source), self._transaction(transaction))
        open_only = reservations.ListReservationsRequest(open_only=True)
        async for listed in self._citrine.pages(self._citrine.reservation.ListReservations, open_only):
            for one in listed.reservations:
                subject = f"reservation/{one.station_id}/{one.request.id}"
                reserved = self._reservation(one.station_id, one.request.id)
                effects += await self._isolation.effects(Subject(MODULE, subject), reserved)
        return effects

    async def _transaction(self, transaction: Transaction) -> list[Effect]:
        owner = await self._owners.of(transaction.id_token) if transaction.HasField("id_token") else None
        if owner is None:
            return []
        place = await self._places.of(transaction.station_id, transaction.evse_id)
        partners = await self._services.partners.list_active()
        if place is None:
            raise NotShown(
                "the station stands at no location of ours",
                [one.partner_id for one in viewers_of(partners, {owner.party})],
            )
        names = {"station_id": transaction.station_id, "transaction_id": transaction.transaction_id}
        asked = GetTransactionCostRequest(**names)
        cost = await _found(partial(self._citrine.tariff_and_cost.GetTransactionCost, asked))
        reservation_source = ""
        if transaction.HasField("reservation_id"):
            wanted = reservations.GetReservationRequest(
                station_id=transaction.station_id, reservation_id=transaction.reservation_id
            )
            used = await _found(partial(self._citrine.reservation.GetReservation, wanted))
            if used is not None and used.transaction_id == transaction.transaction_id:
                reservation_source = f"reservation/{used.record_id}"
        charging = _Charging(transaction, cost, owner, place, reservation_source, partners)
        return [partial(self._store_transaction, charging=charging)]

    async def _store_transaction(self, session: AsyncSession, *, charging: _Charging) -> None:
        repository = PublishedRepository(session)
        transaction = charging.transaction
        source = transaction_source(transaction.station_id, transaction.transaction_id)
        rows = await repository.find_by_source(MODULE, source)
        if not rows and charging.reservation_source:
            # It begins as the session of its reservation.
            rows = await repository.find_by_source(MODULE, charging.reservation_source)
        row = rows[0] if rows else None
        session_id = row.object_id if row else named_id("session", transaction.station_id, transaction.transaction_id)
        state: dict[str, Any] = {} if row is None else row.state
        cost = charging.cost
        now = self._services.clock()
        periods = periods_of(
            state.get("periods", []),
            parse_time(state["reached"]) if state.get("reached") else None,
            cost.cost.periods if cost is not None else (),
            cost.tariff.tariff_id if cost is not None else "",
            is_over=transaction.HasField("end_time") or transaction.HasField("close_time"),
            now=when(cost.reckoned_time) if cost is not None and cost.HasField("reckoned_time") else now,
        )
        owner = await as_known(session, charging.owner, transaction.id_token)
        reference = state.get("reference") or await self._reference(session, charging, owner)
        made = {
            version: transaction_session(
                session_id,
                transaction,
                cost,
                owner,
                charging.place,
                reference,
                periods.bodies,
                written_time(now),
                version,
            )
            for version in Version
        }
        remembered = {
            "reference": reference,
            "station_id": transaction.station_id,
            "transaction_id": transaction.transaction_id,
            "periods": made[Version.V2_3_0].wire().get("charging_periods", []),
            "reached": written_time(periods.reached) if periods.reached else "",
        }
        published = Published(
            MODULE, session_id, source, charging.place.party, {}, {charging.owner.party}, now, remembered
        )
        await self._store(session, row, published, made, charging.partners)

    async def _reference(self, session: AsyncSession, charging: _Charging, owner: Owner) -> str:
        """Return what the owner of a token called its authorization. Empty: it was not asked, or did not say."""
        transaction = charging.transaction
        if not transaction.HasField("start_time"):
            return ""
        uid, began = owner.uid or transaction.id_token.id_token, when(transaction.start_time)
        owners = [one.partner_id for one in charging.partners if one.owns(owner.party)]
        repository = TokenRepository(session)
        return await repository.find_reference(owners, uid, transaction.station_id, began, AUTHORIZED)

    async def _reservation(self, station_id: str, reservation_id: int) -> list[Effect]:
        wanted = reservations.GetReservationRequest(station_id=station_id, reservation_id=reservation_id)
        reservation = await _found(partial(self._citrine.reservation.GetReservation, wanted))
        if reservation is None or reservation.state == reservations.RESERVATION_STATE_USED:
            return []
        owner = await self._owners.of(reservation.request.id_token)
        place = await self._places.of(station_id, reservation.request.evse_id) if owner is not None else None
        if owner is None or place is None:
            return []
        asked = GetReservationCostRequest(station_id=station_id, reservation_id=reservation_id)
        cost = await _found(partial(self._citrine.reservation_costs.GetReservationCost, asked))
        if cost is not None and cost.start_time != reservation.accept_time:
            # Of an earlier reservation of the same id.
            cost = None
        partners = await self._services.partners.list_active()
        return [
            partial(
                self._store_reservation,
                reservation=reservation,
                cost=cost,
                owner=owner,
                place=place,
                partners=partners,
            )
        ]

    async def _store_reservation(
        self,
        session: AsyncSession,
        *,
        reservation: reservations.Reservation,
        cost: ReservationCost | None,
        owner: Owner,
        place: Place,
        partners: Sequence[Partner],
    ) -> None:
        source = f"reservation/{reservation.record_id}"
        rows = await PublishedRepository(session).find_by_source(MODULE, source)
        if not rows and reservation.state != reservations.RESERVATION_STATE_ACTIVE:
            # It never was one.
            return
        session_id = reservation_session_id(reservation.record_id)
        now = self._services.clock()
        owner = await as_known(session, owner, reservation.request.id_token)
        made = {
            version: reservation_session(session_id, reservation, cost, owner, place, written_time(now), version)
            for version in Version
        }
        published = Published(MODULE, session_id, source, place.party, {}, {owner.party}, now)
        await self._store(session, rows[0] if rows else None, published, made, partners)

    async def _store(
        self,
        session: AsyncSession,
        row: PublishedRow | None,
        published: Published,
        made: dict[Version, OcpiModel],
        partners: Sequence[Partner],
    ) -> None:
        """Store a session if something of it is another, and send that."""
        before: dict[str, Any] = {} if row is None else row.bodies
        bodies = {str(version): model.wire() for version, model in made.items()}
        if row is not None and all(_same(before.get(version), body) for version, body in bodies.items()):
            row.source = published.source
            return
        repository = PublishedRepository(session)
        recipients = await repository.recipients(row) if row is not None else set()
        stored = await repository.store(
            Published(
                published.module,
                published.object_id,
                published.source,
                published.party,
                bodies,
                published.audience,
                published.last_updated,
                published.state,
            )
        )
        viewers = viewers_of(partners, published.audience)
        pushes = []
        for partner in viewers:
            assert partner.version is not None
            known = before.get(partner.version) if partner.partner_id in recipients else None
            (receiver,) = published.audience
            changes = changed_fields(known, bodies[partner.version]) if known is not None else {}
            model = session_model(bodies[partner.version], partner.version)
            pushes.append(_push(partner, published.party, receiver, stored.object_id, model, changes))
        seeing = {one.partner_id for one in viewers}
        await repository.add_recipients(stored, seeing - recipients)
        await repository.remove_recipients(stored, recipients - seeing)
        await self._services.outbox.add(session, pushes)


def reservation_session_id(reservation_id: int) -> str:
    """Return the id of the session of a reservation.

    Args:
        reservation_id: Of the core, which is of one reservation for ever.
    """
    return named_id("reservation", str(reservation_id))


def changed_fields(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a PATCH says, periods as those that are appended. Empty: the whole has to be put."""
    if before.keys() - after.keys():
        return {}
    known, periods = before.get("charging_periods", []), after.get("charging_periods", [])
    if periods[: len(known)] != known:
        return {}
    changes = {name: value for name, value in after.items() if before.get(name) != value}
    if "charging_periods" in changes:
        changes["charging_periods"] = periods[len(known) :]
    return changes


def _same(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    return before is not None and {**before, "last_updated": ""} == {**after, "last_updated": ""}


def push_of(partner: Partner, row: PublishedRow, receiver: Party) -> Push:
    """Return the put of a whole session to a partner, for a party behind it."""
    assert partner.version is not None
    model = session_model(row.bodies[partner.version], partner.version)
    return _push(partner, Party(row.country_code, row.party_id), receiver, row.object_id, model, {})


def _push(
    partner: Partner, party: Party, receiver: Party, session_id: str, model: OcpiModel, changes: dict[str, Any]
) -> Push:
    path = f"{party.country_code}/{party.party_id}/{session_id}"
    return Push(
        partner.partner_id,
        MODULE,
        f"{MODULE}/{path}",
        path,
        model,
        partner.routing(party, receiver),
        changes=changes,
    )


async def _found(call: Callable[[], Awaitable[FoundT]]) -> FoundT | None:
    """Return what the core has. None: it has no such thing."""
    try:
        return await call()
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
