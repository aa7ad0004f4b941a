"""What commands leave behind: who is not asked again, and what a partner is told of a reservation that is gone."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import reservation_pb2 as api
from citrine.api.v1.common_pb2 import TimeRange
from citrine.events.v1.events_pb2 import Event
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.deliveries import Push
from citrine_ocpi.feed import Effect
from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.modules.commands.accepted import reservation_lookup
from citrine_ocpi.modules.commands.repository import RETENTION
from citrine_ocpi.modules.commands.tables import CommandRow
from citrine_ocpi.modules.reservations import ReservationRepository, ReservationRequest, reservations_of
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call
from citrine_ocpi.transport.routing import Routing

__all__ = ["ReservationsListener", "ended", "remember"]

COMMANDED = timedelta(minutes=15)
"""After a command for a token, in which its owner is not asked about it at the station."""

DELIVERED = timedelta(minutes=10)
"""How long a partner is told of a reservation that is gone, at least: else as long as it would have been there."""

_APPS = frozenset({"APP_USER", "AD_HOC_USER"})
"""Types of tokens that drivers present at no station, about which no owner is ever asked after a command."""

_REQUESTED, _ACTIVE = api.RESERVATION_STATE_REQUESTED, api.RESERVATION_STATE_ACTIVE

_STANDING = frozenset({_REQUESTED, _ACTIVE, api.RESERVATION_STATE_REPLACED})
"""States of reservations that are not over, or as another one."""

_CANCELLED = frozenset(
    {
        api.RESERVATION_STATE_CANCELLED,
        api.RESERVATION_STATE_REMOVED,
        api.RESERVATION_STATE_FAILED,
    }
)
"""Ends of a reservation that the driver still counts on. Those of its time, or by its driver, the partner knows."""

_DONE = frozenset({v2_2_1.CommandResultType.ACCEPTED, v2_2_1.CommandResultType.UNKNOWN_RESERVATION})
"""After which there is no reservation to be cancelled any more."""

_logger = logging.getLogger(__name__)


async def remember(session: AsyncSession, call: Call, command: OcpiModel, row: Mapping[str, Any]) -> None:
    """Store what a command is of consequence for, beside what its station does.

    Args:
        session: Of the transaction that stores the command.
        call: By which it came.
        command: As it was said.
        row: As it is stored.
    """
    partner_id = call.partner.partner_id
    target, now = row["target"], row["create_time"]
    until = now + COMMANDED
    match command:
        case v2_2_1.CancelReservation():
            lookup = reservation_lookup(call, str(command.reservation_id))
            known = await ReservationRepository(session).find(partner_id, lookup)
            if known is not None:
                known.is_given_up = True
            return
        case v2_2_1.ReserveNow() | v2_3_0.ReserveNow():
            until = max(until, command.expiry_date)
            requested = ReservationRequest(
                response_url=row["response_url"],
                routing=row["routing"],
                correlation_id=row["correlation_id"],
                reference=target["reference"],
                expire_time=command.expiry_date,
            )
            lookup, number = reservation_lookup(call, str(command.reservation_id)), target["reservation_id"]
            await ReservationRepository(session).put(partner_id, lookup, target["station_id"], number, requested)
        case v2_2_1.StartSession() | v2_3_0.StartSession():
            pass
        case _:
            return
    if str(command.token.type) in _APPS:
        until = max(until, now + RETENTION)
    await TokenRepository(session).add_command(
        partner_id, target["id_token"], target["station_id"], now, until, target.get("reservation_id")
    )


async def ended(session: AsyncSession, row: CommandRow, result: OcpiModel) -> None:
    """Store what follows for a reservation from the result of a command."""
    assert isinstance(result, v2_2_1.CommandResult)
    target = row.target
    if row.command not in ("RESERVE_NOW", "CANCEL_RESERVATION"):
        return
    repository = ReservationRepository(session)
    number = (target["station_id"], target["reservation_id"])
    known = (await repository.find_by_numbers([number])).get(number)
    if row.command == "CANCEL_RESERVATION":
        if known is not None and result.result not in _DONE:
            known.is_given_up = False
    elif result.result == v2_2_1.CommandResultType.ACCEPTED:
        if known is not None:
            known.is_given_up = False
    else:
        await TokenRepository(session).end_reservation(target["id_token"], *number, COMMANDED, since=row.create_time)
        if known is not None and known.response_url == row.response_url and target.get("before"):
            # The one of before stands.
            repository.write(known, ReservationRequest.read(target["before"]))


class ReservationsListener:
    """Tells partners of reservations that their drivers count on, and that the operator or the station cancelled.

    Args:
        services: Of the adapter.
    """

    kinds: Collection[str] = ("reservation_changed",)

    def __init__(self, services: Services) -> None:
        self._services = services
        self._citrine = services.citrine

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        """Return what follows from reservations that are over."""
        changed = {
            (event.station_id, event.reservation_changed.reservation_id): event.reservation_changed.id_token
            for event in events
            if event.HasField("reservation_changed") and event.reservation_changed.state not in _STANDING
        }
        return await self._ends(changed)

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        """Return what follows from the reservations that ended since."""
        effects: list[Effect] = []
        if since is None:
            return effects
        start = Timestamp()
        start.FromDatetime(since)
        request = api.ListReservationsRequest(update_time=TimeRange(start=start))
        async for page in self._citrine.pages(self._citrine.reservation.ListReservations, request):
            over = [one for one in page.reservations if one.state not in _STANDING]
            effects += await self._ends({(one.station_id, one.request.id): one.request.id_token for one in over})
        return effects

    async def _ends(self, changed: Mapping[tuple[str, int], IdToken]) -> Sequence[Effect]:
        """Return what follows from reservations of partners that are over, by their stations and numbers."""
        async with self._services.database.reading() as session:
            known = await ReservationRepository(session).find_by_numbers(changed)
        effects: list[Effect] = []
        for number in sorted(known):
            found = await reservations_of(self._citrine, *number, changed[number])
            is_standing = any(one.state in (_REQUESTED, _ACTIVE) for one in found)
            last = next((one for one in found if one.HasField("accept_time")), None)
            if not is_standing and last is not None:
                effects.append(partial(self._end, reservation=last))
        return effects

    async def _end(self, session: AsyncSession, *, reservation: api.Reservation) -> None:
        number = (reservation.station_id, reservation.request.id)
        uid = reservation.request.id_token.id_token
        await TokenRepository(session).end_reservation(uid, *number, COMMANDED)
        row = (await ReservationRepository(session).find_by_numbers([number])).get(number)
        if reservation.state not in _CANCELLED or row is None or row.is_given_up or not row.response_url:
            return
        row.is_given_up = True
        _logger.info("a partner's reservation was cancelled", extra={"partner": row.partner_id})
        push = Push(
            partner_id=row.partner_id,
            module="commands",
            object_key=f"cancelled/{reservation.record_id}",
            path=row.response_url,
            body=v2_2_1.CommandResult.model_validate({"result": "CANCELED_RESERVATION"}),
            routing=Routing.of({name.lower(): value for name, value in (row.routing or {}).items()}),
            method="POST",
            correlation_id=row.correlation_id,
            expire_time=max(row.expire_time, self._services.clock() + DELIVERED),
        )
        await self._services.outbox.add(session, [push])
