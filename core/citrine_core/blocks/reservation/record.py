"""The core's record of reservations: every change of a state goes through here, and is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.events.v1.events_pb2 import Event, ReservationChanged
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.states import Says, follows, meant
from citrine_core.db import UnitOfWork
from citrine_core.resources.station_requests import LONGEST_DETAIL

__all__ = ["ReservationUse", "change", "enter", "replace_active", "replace_at_evse", "use_reservations"]

_PREFIX = "RESERVATION_STATE_"

_BEGINNINGS = (ReservationState.RESERVATION_STATE_REQUESTED, ReservationState.RESERVATION_STATE_ACTIVE)


class ReservationUse(NamedTuple):
    """A transaction that bears the id of a reservation."""

    station_id: str
    reservation_id: int
    transaction_id: str
    time: datetime
    """Of the event that said so, by the clock of the station."""


def enter(work: UnitOfWork, row: Reservation) -> None:
    """Store a new reservation and tell of it."""
    row.detail = row.detail[:LONGEST_DETAIL]
    ReservationRepository(work.session).add(row)
    work.emit(_changed(row))


def change(
    work: UnitOfWork, row: Reservation, state: int, says: Says, *, time: datetime, now: datetime, detail: str = ""
) -> bool:
    """Bring a reservation into another state and tell of it; return False where it may not come into that state.

    Args:
        work: In which the reservation was read, and locked.
        row: The reservation.
        state: Its new state.
        says: Who says so.
        time: Since when.
        now: The time now.
        detail: Why, for people.
    """
    if not follows(row, state, says):
        return False
    row.state, row.state_time, row.update_time = state, time, now
    row.is_told = says is not Says.BELIEF and state not in _BEGINNINGS
    if row.accept_time is not None and state not in _BEGINNINGS:
        row.bill_time = now
    row.detail = detail[:LONGEST_DETAIL]
    work.emit(_changed(row))
    return True


async def replace_active(
    work: UnitOfWork, rows: Sequence[Reservation], by: Reservation | None, *, time: datetime, now: datetime
) -> None:
    """Let a reservation take the place of the active ones of its id, which is H01.FR.02.

    Args:
        work: In which the reservations were read, and locked.
        rows: All of the id.
        by: The new one, or None where it is not stored yet.
        time: When the station accepted the new one.
        now: The time now.
    """
    for row in rows:
        if row is not by and row.state == ReservationState.RESERVATION_STATE_ACTIVE:
            change(work, row, ReservationState.RESERVATION_STATE_REPLACED, Says.STATION, time=time, now=now)
    # Before the new one becomes active: there is one active reservation of an id at any time.
    await ReservationRepository(work.session).flush()


async def use_reservations(work: UnitOfWork, tenant_id: str, uses: Sequence[ReservationUse], now: datetime) -> None:
    """Settle the reservations that transactions used (H01.FR.15). Costs nothing where there is none.

    Args:
        work: In which the transactions are stored.
        tenant_id: Of the stations.
        uses: What events of transactions say, in any order; one that comes again changes nothing.
        now: The time now.
    """
    if not uses:
        return
    keys = {(use.station_id, use.reservation_id) for use in uses}
    found = await ReservationRepository(work.session).find_for_update(tenant_id, keys)
    for use in uses:
        rows = found[use.station_id, use.reservation_id]
        row = meant(rows)
        # A later event of a transaction that used an earlier reservation of the same id is not about this one.
        if row is None or any(one.transaction_id == use.transaction_id for one in rows):
            continue
        if follows(row, ReservationState.RESERVATION_STATE_USED, Says.TRANSACTION):
            row.transaction_id = use.transaction_id
            row.clean_up_time = None
            used = ReservationState.RESERVATION_STATE_USED
            change(work, row, used, Says.TRANSACTION, time=use.time, now=now)


async def replace_at_evse(work: UnitOfWork, by: Reservation, *, time: datetime, now: datetime) -> None:
    """End other reservations of an EVSE for which a station accepted a new one: it holds one of an EVSE at most.

    Args:
        work: Of the answer.
        by: The one that was accepted.
        time: When.
        now: The time now.
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
        state=ReservationState.Name(ReservationState.ValueType(row.state)).removeprefix(_PREFIX),
        evse_id=row.evse_id,
        id_token=request.id_token.id_token,
        transaction_id=row.transaction_id,
        detail=row.detail,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, reservation_changed=changed)
