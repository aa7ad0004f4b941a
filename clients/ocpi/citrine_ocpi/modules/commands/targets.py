"""What a command is about: the station and what it names of it, as far as the partner may know."""

import secrets
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import grpc

from citrine.api.v1.locations_pb2 import EVSE_CAPABILITY_START_SESSION_CONNECTOR_REQUIRED as CONNECTOR_REQUIRED
from citrine.api.v1.locations_pb2 import ListLocationEvsesRequest, LocationEvse
from citrine.api.v1.reservation_pb2 import RESERVATION_STATE_ACTIVE, GetReservationRequest
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.modules.commands.accepted import reservation_lookup
from citrine_ocpi.modules.locations.shown import shown_location
from citrine_ocpi.modules.owners import Owners
from citrine_ocpi.modules.reservations import ReservationRepository, ReservationRow
from citrine_ocpi.modules.sessions import find_session
from citrine_ocpi.modules.tokens.mapping import AnyToken, core_type
from citrine_ocpi.modules.tokens.store import TokenStore
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.errors import InvalidParameters, UnknownLocation
from citrine_sdk import pages

__all__ = ["Refusal", "Targets", "UnknownSession"]

AVAILABLE = "AVAILABLE"

LARGEST_NUMBER = 2**31 - 1


class Refusal(Exception):
    """A command does not go to a station. Its text goes to the partner."""


class UnknownSession(Refusal):
    """The session is not known, or not the partner's."""


class Targets:
    """Finds what commands are about.

    Args:
        services: What it uses.
        store: Where tokens are stored that come with commands.
    """

    def __init__(self, services: Services, store: TokenStore) -> None:
        self._services = services
        self._store = store
        self._owners = Owners(services.citrine)

    async def of(self, call: Call, command: OcpiModel) -> dict[str, Any]:
        """Return what a command is about, to be stored.

        Raises:
            InvalidParameters: When its token is not the partner's.
            UnknownLocation: When the partner knows no such location, EVSE or connector.
            Refusal: When no station can do it.
            grpc.aio.AioRpcError: When the core can't be asked.
        """
        match command:
            case v2_2_1.StartSession() | v2_3_0.StartSession():
                return await self._start(call, command)
            case v2_2_1.StopSession():
                return await self._session(call, str(command.session_id))
            case v2_2_1.UnlockConnector():
                evse = await self._evse(call, str(command.location_id), command.evse_uid)
                number = _connector(evse, str(command.connector_id))
                await self._check_nobody_else_charges(call, evse)
                return {"station_id": evse.station_id, "evse_id": evse.evse_id, "connector_id": number}
            case v2_2_1.ReserveNow() | v2_3_0.ReserveNow():
                return await self._reservation(call, command)
            case v2_2_1.CancelReservation():
                row = await self._known(call, str(command.reservation_id))
                if row is None:
                    raise Refusal("there is no such reservation")
                return {"station_id": row.station_id, "reservation_id": row.reservation_id}
        raise InvalidParameters("there is no such command")

    async def _start(self, call: Call, command: v2_2_1.StartSession | v2_3_0.StartSession) -> dict[str, Any]:
        if command.connector_id is not None and command.evse_uid is None:
            raise InvalidParameters("connector_id without evse_uid")
        evse = await self._evse(call, str(command.location_id), command.evse_uid)
        if command.connector_id is not None:
            # OCPP has a word for the EVSE alone: which of its connectors it is shows where the driver plugs in.
            _connector(evse, str(command.connector_id))
        elif CONNECTOR_REQUIRED in evse.capabilities:
            raise InvalidParameters("the EVSE needs a connector_id")
        return {
            "station_id": evse.station_id,
            "evse_id": evse.evse_id if command.evse_uid is not None else 0,
            "reference": str(command.authorization_reference or ""),
            **await self._token(call, command.token),
        }

    async def _evse(self, call: Call, location_id: str, evse_uid: str | None) -> LocationEvse:
        """Return an EVSE of a location. None named: one of the only station that stands there."""
        found = await self._evses(call, location_id)
        if evse_uid is not None:
            named = [one for one in found if one.uid.lower() == evse_uid.lower()]
            if not named:
                raise UnknownLocation("there is no such EVSE")
            return named[0]
        if len({one.station_id for one in found}) != 1:
            raise Refusal("the location has several stations: name an EVSE" if found else "there is no station yet")
        return found[0]

    async def _evses(self, call: Call, location_id: str) -> Sequence[LocationEvse]:
        """Return the EVSEs of a location that the partner sees."""
        async with self._services.database.reading() as session:
            location = await shown_location(session, call, location_id)
        found: list[LocationEvse] = []
        seen = {one["uid"] for one in location.get("evses", ())}
        request = ListLocationEvsesRequest(location_id=location["id"])
        async for page in pages(self._services.citrine.locations.ListLocationEvses, request):
            found += [one for one in page.evses if one.station_id and one.evse_id and one.uid in seen]
        return found

    async def _check_nobody_else_charges(self, call: Call, evse: LocationEvse) -> None:
        """Refuse what would end the charging of somebody else: some stations stop where they unlock.

        Raises:
            Refusal: When a transaction goes on there whose token is of nobody who asks.
        """
        parties = parties_of(call.partner, call.routing)
        request = ListTransactionsRequest(station_id=evse.station_id, evse_id=evse.evse_id, active_only=True)
        async for page in pages(self._services.citrine.transactions.ListTransactions, request):
            for one in page.transactions:
                owner = await self._owners.of(one.id_token) if one.HasField("id_token") else None
                if one.HasField("id_token") and (owner is None or owner.party not in parties):
                    raise Refusal("somebody else charges there")

    async def _available(self, call: Call, location_id: str) -> str:
        """Return the uid of an EVSE of a location that is available."""
        async with self._services.database.reading() as session:
            location = await shown_location(session, call, location_id)
        uid = next((str(one["uid"]) for one in location.get("evses", []) if one["status"] == AVAILABLE), "")
        if not uid:
            raise Refusal("no EVSE of the location is available")
        return uid

    async def _reservation(self, call: Call, command: v2_2_1.ReserveNow | v2_3_0.ReserveNow) -> dict[str, Any]:
        if command.expiry_date <= self._services.clock():
            raise Refusal("the reservation would be over already")
        known = await self._known(call, str(command.reservation_id))
        location_id, uid = str(command.location_id), command.evse_uid
        # One that stands may be changed without its EVSE, which is not available.
        standing = None if known is None or uid is not None else await self._reserved(call, location_id, known)
        evse = standing or await self._evse(call, location_id, uid or await self._available(call, location_id))
        if known is not None and known.station_id != evse.station_id:
            raise Refusal("the reservation is at another station: cancel it first")
        return {
            "station_id": evse.station_id,
            "evse_id": evse.evse_id,
            "reservation_id": secrets.randbelow(LARGEST_NUMBER) + 1 if known is None else known.reservation_id,
            "expiry": command.expiry_date.astimezone(UTC).isoformat(),
            "reference": str(command.authorization_reference or ""),
            # What it goes back to where the station refuses the change.
            "before": None if known is None else known.requested.stored(),
            **await self._token(call, command.token),
        }

    async def _reserved(self, call: Call, location_id: str, known: ReservationRow) -> LocationEvse | None:
        """Return the EVSE of a reservation that stands. None: there is none, or it is not at the location."""
        request = GetReservationRequest(station_id=known.station_id, reservation_id=known.reservation_id)
        try:
            reservation = await self._services.citrine.reservation.GetReservation(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        if reservation.state != RESERVATION_STATE_ACTIVE:
            return None
        place = (known.station_id, reservation.request.evse_id)
        found = await self._evses(call, location_id)
        return next((one for one in found if (one.station_id, one.evse_id) == place), None)

    async def _known(self, call: Call, name: str) -> ReservationRow | None:
        """Return the reservation that a partner, or a party behind a hub, calls so."""
        async with self._services.database.reading() as session:
            return await ReservationRepository(session).find(call.partner.partner_id, reservation_lookup(call, name))

    async def _session(self, call: Call, session_id: str) -> dict[str, Any]:
        found = await find_session(self._services.database, session_id, parties_of(call.partner, call.routing))
        if found is None:
            raise UnknownSession("there is no such session")
        if not found.transaction_id or found.is_over:
            raise Refusal("the session is not active")
        return {"station_id": found.station_id, "transaction_id": found.transaction_id}

    async def _token(self, call: Call, token: AnyToken) -> dict[str, str]:
        """Return a token of who asks, which the core knows from now on."""
        stored = await self._store.put(parties_of(call.partner, call.routing), [token])
        if stored.refused:
            raise InvalidParameters(f"token: {'; '.join(stored.refused.values())}")
        return {"id_token": str(token.uid), "id_token_type": core_type(str(token.uid), str(token.type))}


def _connector(evse: LocationEvse, name: str) -> int:
    """Return the number of a connector by its id."""
    numbers = [one.connector_id for one in evse.connectors if str(one.connector_id) == name]
    if not numbers:
        raise UnknownLocation("there is no such connector")
    return numbers[0]
