"""Follows transactions and reservations of partners' tokens, whose sessions are stored and sent."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reservation_pb2 as reservations
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.reservation_costs_pb2 import GetReservationCostRequest
from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest, Transaction
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.feed import Effect, NotShown, Subject
from citrine_ocpi.modules.charging import Owner, named_id
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.places import Places
from citrine_ocpi.modules.sessions.payers import payer_of
from citrine_ocpi.modules.sessions.storing import MODULE, Charging, Reserved, SessionStore, transaction_source
from citrine_ocpi.published import PublishedRepository, viewers_of
from citrine_ocpi.services import Services

__all__ = ["SessionsListener", "session_id_of"]

FoundT = TypeVar("FoundT")

_Name = tuple[str, str]
"""A station and a transaction of it."""

_Read = Callable[[], Awaitable[Charging | None]]


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
        transactions: dict[_Name, None] = {}
        changed_costs: dict[_Name, None] = {}
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
                    changed_costs[event.station_id, event.transaction_cost_changed.transaction_id] = None
                case str(kind):
                    summary = getattr(event, kind).transaction
                    named = (event.station_id, summary.transaction_id)
                    if summary.HasField("id_token") and await self._payer(*named, summary.id_token) is not None:
                        transactions[event.station_id, summary.transaction_id] = None
        for name in await self._known(changed_costs):
            transactions[name] = None
        found = [(transaction_source(*name), partial(self._read, *name)) for name in transactions]
        return [*effects, *await self._effects(found)]

    async def _payer(self, station_id: str, transaction_id: str, token: IdToken) -> Owner | None:
        source = transaction_source(station_id, transaction_id)
        return await payer_of(self._services.database, self._owners, MODULE, source, token)

    async def _known(self, names: Collection[_Name]) -> Sequence[_Name]:
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
                found = [
                    (transaction_source(one.station_id, one.transaction_id), partial(self._charging, one))
                    for one in page.transactions
                ]
                effects += await self._effects(found)
        open_only = reservations.ListReservationsRequest(open_only=True)
        async for listed in self._citrine.pages(self._citrine.reservation.ListReservations, open_only):
            for one in listed.reservations:
                subject = f"reservation/{one.station_id}/{one.request.id}"
                reserved = self._reservation(one.station_id, one.request.id)
                effects += await self._isolation.effects(Subject(MODULE, subject), reserved)
        return effects

    async def _effects(self, transactions: Iterable[tuple[str, _Read]]) -> Sequence[Effect]:
        """Return what follows from transactions, each with what its session is made of."""
        found = [(Subject(MODULE, source), reading) for source, reading in transactions]
        if not found:
            return []
        store = SessionStore(self._services, await self._services.partners.list_active())
        return await self._isolation.together(found, store.transactions)

    async def _read(self, station_id: str, transaction_id: str) -> Charging | None:
        request = GetTransactionRequest(station_id=station_id, transaction_id=transaction_id)
        transaction = await _found(partial(self._citrine.transactions.GetTransaction, request))
        return None if transaction is None else await self._charging(transaction)

    async def _charging(self, transaction: Transaction) -> Charging | None:
        """Return what the session of a transaction is made of. None: it is no partner's.

        Raises:
            NotShown: When it is at no location of ours.
        """
        named = (transaction.station_id, transaction.transaction_id)
        owner = await self._payer(*named, transaction.id_token) if transaction.HasField("id_token") else None
        if owner is None:
            return None
        place = await self._places.of(transaction.station_id, transaction.evse_id)
        if place is None:
            partners = viewers_of(await self._services.partners.list_active(), {owner.party})
            raise NotShown("the station stands at no location of ours", [one.partner_id for one in partners])
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
        return Charging(transaction, cost, owner, place, reservation_source)

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
        store = SessionStore(self._services, await self._services.partners.list_active())
        return [partial(store.reservation, reserved=Reserved(reservation, cost, owner, place))]


async def _found(call: Callable[[], Awaitable[FoundT]]) -> FoundT | None:
    """Return what the core has. None: it has no such thing."""
    try:
        return await call()
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
