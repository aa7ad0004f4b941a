"""Reservations that transactions used without saying so: begun from afar, with the token, where an EVSE is kept."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.db import UnitOfWork

__all__ = ["StartedFromAfar", "find_reservations_used"]


class StartedFromAfar(NamedTuple):
    """A transaction that an operator began, and that bears no id of a reservation."""

    station_id: str
    transaction_id: str
    evse_id: int | None
    id_token_lookup: str


async def find_reservations_used(
    work: UnitOfWork, tenant_id: str, starts: Collection[StartedFromAfar]
) -> dict[tuple[str, str], int]:
    """Return the ids of the reservations that transactions used, by station and transaction.

    That of their EVSE and token counts, else one of any EVSE. Costs nothing where there is no such transaction.
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
