"""Reservations that remotely started transactions used without naming them, by token and EVSE."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.db import UnitOfWork

__all__ = ["StartedFromAfar", "find_reservations_used"]


class StartedFromAfar(NamedTuple):
    """A transaction that began by a remote start, and that has no reservationId."""

    station_id: str
    transaction_id: str
    evse_id: int | None
    id_token_lookup: str


async def find_reservations_used(
    work: UnitOfWork, tenant_id: str, starts: Collection[StartedFromAfar]
) -> dict[tuple[str, str], int]:
    """Return the ids of the reservations that transactions used, by station and transaction.

    A reservation of their token for their EVSE precedes one for any EVSE. Without `starts` it runs no query.
    """
    if not starts:
        return {}
    active = await ReservationRepository(work.session).find_active(tenant_id, {one.station_id for one in starts})
    used: dict[tuple[str, str], int] = {}
    for start in starts:
        fitting: Sequence[tuple[bool, int]] = [
            (row.evse_id is not None, row.reservation_id)
            for row in active
            if row.station_id == start.station_id
            and row.id_token_lookup == start.id_token_lookup
            and row.evse_id in (None, start.evse_id)
        ]
        if fitting:
            used[start.station_id, start.transaction_id] = max(fitting)[1]
    return used
