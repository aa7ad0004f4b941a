"""Follows transactions and reservations of partners' tokens, whose sessions are stored and sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reservation_pb2 as reservations
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.reservation_costs_pb2 import ReservationCost
from citrine.api.v1.tariff_and_cost_pb2 import TransactionCost
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, Transaction
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.feed import Effect, NotShown, Subject, is_passing
from citrine_ocpi.modules.charging import Owner, named_id
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.places import Places
from citrine_ocpi.modules.reservations import cost_of, reservations_of
from citrine_ocpi.modules.sessions.payers import payers_of
from citrine_ocpi.modules.sessions.reading import Name, TransactionReader, found_or_none
from citrine_ocpi.modules.sessions.storing import MODULE, Charging, Reserved, SessionStore, transaction_source
from citrine_ocpi.published import PublishedRepository, viewers_of
from citrine_ocpi.services import Services

__all__ = ["SessionsListener", "session_id_of"]


async def session_id_of(repository: PublishedRepository, station_id: str, transaction_id: str) -> str:
    """Return the id of the session of a transaction, which may have begun as a reservation."""
    rows = await repository.find_by_source(MODULE, transaction_source(station_id, transaction_id))
    return rows[0].object_id if rows else named_id("session", station_id, transaction_id)


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
        "reservation_cost_changed",
        "token_changed",
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._citrine = services.citrine
        self._places = Places(services.citrine, services.partners)
        self._owners = Owners(services.citrine)
        self._reader = TransactionReader(services.citrine)
        self._isolation = services.isolation

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from events: each transaction is read once, as it is now."""
        effects: list[Effect] = []
        named: dict[Name, None] = {}
        changed_costs: dict[Name, None] = {}
        tokens: dict[Name, IdToken] = {}
        for event in events:
            match event.WhichOneof("body"):
                case "token_changed":
                    self._owners.forget(event.token_changed.id_token)
                case "reservation_changed":
                    changed = event.reservation_changed
                    subject = f"reservation/{event.station_id}/{changed.reservation_id}"
                    reserved = self._reserved(event.station_id, changed.reservation_id, changed.id_token)
                    effects += await self._isolation.effects(Subject(MODULE, subject), reserved)
                    if changed.transaction_id:
                        named[event.station_id, changed.transaction_id] = None
                case "reservation_cost_changed":
                    billed = event.reservation_cost_changed
                    subject = f"reservation/{event.station_id}/{billed.reservation_id}"
                    reserved = self._reserved(event.station_id, billed.reservation_id, billed.id_token)
                    effects += await self._isolation.effects(Subject(MODULE, subject), reserved)
                case "transaction_cost_changed":
                    changed_costs[event.station_id, event.transaction_cost_changed.transaction_id] = None
                case str(kind):
                    summary = getattr(event, kind).transaction
                    if summary.HasField("id_token"):
                        tokens[event.station_id, summary.transaction_id] = summary.id_token
        payers = await self._payers(tokens)
        named |= dict.fromkeys([*payers, *await self._known(changed_costs)])
        transactions = (await self._reader.transactions(named)).values()
        return [*effects, *await self._effects([*transactions], payers, tokens)]

    async def _payers(self, tokens: Mapping[Name, IdToken]) -> Mapping[Name, Owner]:
        """Return the payers of transactions, by their tokens."""
        sources = {transaction_source(*name): name for name in tokens}
        by_source = {source: tokens[name] for source, name in sources.items()}
        found = await payers_of(self._services.database, self._owners, MODULE, by_source)
        return {sources[source]: owner for source, owner in found.items()}

    async def _known(self, names: Collection[Name]) -> Sequence[Name]:
        """Return the transactions of which there are sessions."""
        if not names:
            return []
        async with self._services.database.reading() as session:
            sources = {transaction_source(*name) for name in names}
            known = await PublishedRepository(session).find_by_sources(MODULE, sources)
        return [name for name in names if transaction_source(*name) in known]

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
                effects += await self._effects(page.transactions)
        listings = [reservations.ListReservationsRequest(open_only=True)]
        if since is not None:
            # Those that ended meanwhile.
            listings.append(reservations.ListReservationsRequest(update_time=requests[1].settle_time))
        for listing in listings:
            async for listed in self._citrine.pages(self._citrine.reservation.ListReservations, listing):
                for one in listed.reservations:
                    subject = f"reservation/{one.station_id}/{one.request.id}"
                    effects += await self._isolation.effects(Subject(MODULE, subject), self._reservation(one))
        return effects

    async def _effects(
        self,
        transactions: Sequence[Transaction],
        payers: Mapping[Name, Owner] = MappingProxyType({}),
        tokens: Mapping[Name, IdToken] = MappingProxyType({}),
    ) -> Sequence[Effect]:
        """Return what follows from transactions.

        Args:
            transactions: As they are now.
            payers: Those that are known.
            tokens: By which they are.
        """
        if not transactions:
            return []
        try:
            asked = {
                _name(one): one.id_token
                for one in transactions
                if one.HasField("id_token") and tokens.get(_name(one)) != one.id_token
            }
            owners = {**payers, **await self._payers(asked)}
            own = [one for one in transactions if one.HasField("id_token") and _name(one) in owners]
            costs = await self._reader.costs([_name(one) for one in own])
        except Exception as error:
            if is_passing(error):
                raise
            if len(transactions) == 1:
                return [self._isolation.left_out(_subject(transactions[0]), error)]
            # One of them: the others count.
            return [effect for one in transactions for effect in await self._effects([one])]
        found = [
            (_subject(one), partial(self._charging, one, owners[_name(one)], costs.get(_name(one)))) for one in own
        ]
        if not found:
            return []
        store = SessionStore(self._services, await self._services.partners.list_active())
        return await self._isolation.together(found, store.transactions)

    async def _charging(self, transaction: Transaction, owner: Owner, cost: TransactionCost | None) -> Charging:
        """Return what the session of a transaction is made of.

        Raises:
            NotShown: When it is at no location of ours.
        """
        place = await self._places.of(transaction.station_id, transaction.evse_id)
        if place is None:
            partners = viewers_of(await self._services.partners.list_active(), {owner.party})
            raise NotShown("the station stands at no location of ours", [one.partner_id for one in partners])
        reservation = None
        if transaction.HasField("reservation_id"):
            wanted = reservations.GetReservationRequest(
                station_id=transaction.station_id, reservation_id=transaction.reservation_id
            )
            used = await found_or_none(partial(self._citrine.reservation.GetReservation, wanted))
            if used is not None and used.transaction_id == transaction.transaction_id:
                reservation = used
        return Charging(transaction, cost, owner, place, reservation)

    async def _reserved(self, station_id: str, reservation_id: int, token: IdToken) -> list[Effect]:
        """Return what follows from the reservations of a number: it may be of another one by now."""
        if await self._owners.of(token) is None:
            return []
        found = await reservations_of(self._citrine, station_id, reservation_id, token)
        return [effect for one in reversed(found) for effect in await self._reservation(one)]

    async def _reservation(self, reservation: reservations.Reservation) -> list[Effect]:
        if reservation.state == reservations.RESERVATION_STATE_USED:
            return []
        owner = await self._owners.of(reservation.request.id_token)
        place = None
        if owner is not None:
            place = await self._places.of(reservation.station_id, reservation.request.evse_id)
        if owner is None or place is None:
            return []
        cost = await self._cost_of(reservation)
        store = SessionStore(self._services, await self._services.partners.list_active())
        return [partial(store.reservation, reserved=Reserved(reservation, cost, owner, place))]

    async def _cost_of(self, reservation: reservations.Reservation) -> ReservationCost | None:
        """Return what a reservation costs, and not another one of its number. None: nothing, or it goes on."""
        if not reservation.HasField("accept_time"):
            return None
        cost = await cost_of(self._citrine, reservation.station_id, reservation.request.id, reservation.accept_time)
        return None if cost is None or cost.withdrawn else cost


def _name(transaction: Transaction) -> Name:
    return transaction.station_id, transaction.transaction_id


def _subject(transaction: Transaction) -> Subject:
    return Subject(MODULE, transaction_source(*_name(transaction)))
