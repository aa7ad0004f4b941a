"""The record of reservations: every change of a state is made and published here."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.events.v1.events_pb2 import Event, ReservationChanged
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.states import Says, follows, meant
from citrine_core.db import UnitOfWork
from citrine_core.resources.station_requests import LONGEST_DETAIL

__all__ = ["ReservationUse", "change", "enter", "replace_active", "replace_at_evse", "use_reservations"]


_BEGINNINGS = (ReservationState.RESERVATION_STATE_REQUESTED, ReservationState.RESERVATION_STATE_ACTIVE)


class ReservationUse(NamedTuple):
    """A transaction that names a reservation."""

    station_id: str
    reservation_id: int
    transaction_id: str
    time: datetime
    """Time of the event that names it, by the clock of the station."""


def enter(work: UnitOfWork, row: Reservation) -> None:
    """Store a new reservation, and publish it."""
    row.detail = row.detail[:LONGEST_DETAIL]
    ReservationRepository(work.session).add(row)
    work.stamp(row)
    work.emit(_changed(row))


def change(
    work: UnitOfWork, row: Reservation, state: int, says: Says, *, time: datetime, now: datetime, detail: str = ""
) -> bool:
    """Change the state of a reservation, and publish the change; return False if the state may not follow.

    Args:
        work: The unit of work in which the reservation was locked.
        row: The reservation.
        state: Its new state.
        says: The source of the change.
        time: When the new state began.
        now: The current time.
        detail: The reason, for people.
    """
    if not follows(row, state, says):
        return False
    row.state, row.state_time = state, time
    row.is_told = says is not Says.BELIEF and state not in _BEGINNINGS
    if row.accept_time is not None and state not in _BEGINNINGS:
        row.bill_time = now
    row.detail = detail[:LONGEST_DETAIL]
    work.stamp(row)
    work.emit(_changed(row))
    return True


async def replace_active(
    work: UnitOfWork, rows: Sequence[Reservation], by: Reservation | None, *, time: datetime, now: datetime
) -> None:
    """Record that a reservation replaces the active ones with its id (H01.FR.02).

    Args:
        work: The unit of work in which the reservations were locked.
        rows: All reservations with the id.
        by: The new reservation; None if it is not stored yet.
        time: When the station accepted the new one.
        now: The current time.
    """
    for row in rows:
        if row is not by and row.state == ReservationState.RESERVATION_STATE_ACTIVE:
            change(work, row, ReservationState.RESERVATION_STATE_REPLACED, Says.STATION, time=time, now=now)
    # Flushed before the new one becomes active, because the database allows one active reservation of an id.
    await ReservationRepository(work.session).flush()


async def use_reservations(work: UnitOfWork, tenant_id: str, uses: Sequence[ReservationUse], now: datetime) -> None:
    """Record that transactions used reservations (H01.FR.15). Without `uses` it runs no query.

    Args:
        work: The unit of work in which the transactions are stored.
        tenant_id: Tenant of the stations.
        uses: Uses from events of transactions, in any order; a repeated one changes nothing.
        now: The current time.
    """
    if not uses:
        return
    keys = {(use.station_id, use.reservation_id) for use in uses}
    found = await ReservationRepository(work.session).find_for_update(tenant_id, keys)
    for use in uses:
        rows = found[use.station_id, use.reservation_id]
        row = meant(rows)
        # A transaction that used an earlier reservation with the same id names that one, not the present one.
        if row is None or any(one.transaction_id == use.transaction_id for one in rows):
            continue
        if follows(row, ReservationState.RESERVATION_STATE_USED, Says.TRANSACTION):
            row.transaction_id = use.transaction_id
            row.clean_up_time = None
            used = ReservationState.RESERVATION_STATE_USED
            change(work, row, used, Says.TRANSACTION, time=use.time, now=now)


async def replace_at_evse(work: UnitOfWork, by: Reservation, *, time: datetime, now: datetime) -> None:
    """End the other reservations of an EVSE after a station accepted a new one: an EVSE has at most one.

    Args:
        work: The unit of work of the answer.
        by: The reservation that was accepted.
        time: When it was accepted.
        now: The current time.
    """
    if by.evse_id is None:
        return
    for row in await ReservationRepository(work.session).lock_active_at(by.tenant_id, by.station_id, by.evse_id):
        if row.reservation_id != by.reservation_id:
            detail = f"the station accepted reservation {by.reservation_id} of its EVSE"
            removed = ReservationState.RESERVATION_STATE_REMOVED
            change(work, row, removed, Says.BELIEF, time=time, now=now, detail=detail)


def _changed(row: Reservation) -> Event:
    request = ReserveNowRequest.FromString(row.request)
    changed = ReservationChanged(
        reservation_id=row.reservation_id,
        state=ReservationState.ValueType(row.state),
        evse_id=row.evse_id,
        id_token=IdToken(id_token=request.id_token.id_token, type=request.id_token.type),
        transaction_id=row.transaction_id,
        detail=row.detail,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, reservation_changed=changed)
