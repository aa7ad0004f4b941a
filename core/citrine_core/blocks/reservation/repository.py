"""Queries of functional block H."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine_core.blocks.availability.queries import all_available, all_out_of_order
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.db import Listed, Page, UnitOfWork
from citrine_core.db.one_of import one_of
from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.resources.stations.queries import has_restarted, lock_station
from citrine_core.resources.tokens import lookups_of

__all__ = ["ReservationKey", "ReservationRepository", "forget_reservations"]

ReservationKey = tuple[str, int]
"""Station and id of a reservation there."""

_REQUESTED = ReservationState.RESERVATION_STATE_REQUESTED
_ACTIVE = ReservationState.RESERVATION_STATE_ACTIVE
_OPEN = (_REQUESTED, _ACTIVE)

MOST_RESENDS = 2
"""How often a station is asked again that says Available: some never say Reserved."""

_LARGEST_ID = 2**31 - 1


class ReservationRepository:
    """Reservations of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_station(self, tenant_id: str, station_id: str) -> bool:
        """Let nobody else ask a station for a reservation until the commit; return False where there is no such one."""
        return await lock_station(self._session, tenant_id, station_id)

    async def next_id(self, tenant_id: str, station_id: str) -> int:
        """Return an id that the station was never sent, as far as we know. Its lock must be held."""
        of_station = and_(Reservation.tenant_id == tenant_id, Reservation.station_id == station_id)
        largest = (await self._session.scalars(select(func.max(Reservation.reservation_id)).where(of_station))).one()
        if largest is None or largest < _LARGEST_ID:
            return (largest or 0) + 1
        # Somebody chose the largest there is: the first one behind which there is room.
        follower = Reservation.__table__.alias()
        taken = exists().where(
            follower.c.tenant_id == tenant_id,
            follower.c.station_id == station_id,
            follower.c.reservation_id == Reservation.reservation_id + 1,
        )
        free = select(func.min(Reservation.reservation_id)).where(
            of_station, Reservation.reservation_id < _LARGEST_ID, ~taken
        )
        return ((await self._session.scalars(free)).one() or 0) + 1

    async def find_open(self, tenant_id: str, station_id: str) -> Sequence[Reservation]:
        """Return the reservations of a station that are requested or active."""
        rows = await self._session.scalars(
            select(Reservation)
            .where(
                Reservation.tenant_id == tenant_id,
                Reservation.station_id == station_id,
                Reservation.state.in_(_OPEN),
            )
            .order_by(Reservation.id)
        )
        return rows.all()

    async def find_for_update(
        self, tenant_id: str, keys: Collection[ReservationKey]
    ) -> dict[ReservationKey, list[Reservation]]:
        """Return all reservations of some ids, the latest first, and keep others from changing them meanwhile."""
        found: dict[ReservationKey, list[Reservation]] = {key: [] for key in keys}
        if not keys:
            return found
        rows = await self._session.scalars(
            select(Reservation)
            .where(
                Reservation.tenant_id == tenant_id,
                one_of_keys((Reservation.station_id, Reservation.reservation_id), keys),
            )
            # In one order everywhere, so that two that lock can't wait for each other.
            .order_by(Reservation.id.desc())
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        for row in rows:
            found[row.station_id, row.reservation_id].append(row)
        return found

    def add(self, row: Reservation) -> None:
        """Store a new reservation with the unit of work."""
        self._session.add(row)

    async def flush(self) -> None:
        """Write what was changed so far, before what is changed next."""
        await self._session.flush()

    async def find(
        self, tenant_id: str, station_id: str, reservation_id: int, *, latest: bool = False
    ) -> Reservation | None:
        """Return the reservation of an id that is active, else the latest; with latest: the latest."""
        query = select(Reservation).where(
            Reservation.tenant_id == tenant_id,
            Reservation.station_id == station_id,
            Reservation.reservation_id == reservation_id,
        )
        if not latest:
            query = query.order_by(case((Reservation.state == _ACTIVE, 0), else_=1))
        return (await self._session.scalars(query.order_by(Reservation.id.desc()).limit(1))).one_or_none()

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        open_only: bool = False,
        id_token: str = "",
    ) -> Listed[Reservation]:
        """Return reservations, the latest asked for first."""
        query = select(Reservation).where(Reservation.tenant_id == tenant_id)
        if station_id:
            query = query.where(Reservation.station_id == station_id)
        if state:
            query = query.where(Reservation.state == state)
        if open_only:
            query = query.where(Reservation.state.in_(_OPEN))
        if id_token:
            query = query.where(Reservation.id_token_lookup.in_(lookups_of(id_token)))
        return await page.read(self._session, query, Reservation.id, descending=True)

    async def find_active(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[Reservation]:
        """Return the active reservations of some stations."""
        rows = await self._session.scalars(
            select(Reservation).where(
                Reservation.tenant_id == tenant_id,
                one_of(self._session, Reservation.station_id, station_ids),
                Reservation.state == _ACTIVE,
            )
        )
        return rows.all()

    async def take_active_at(self, tenant_id: str, station_id: str, evse_id: int) -> Sequence[Reservation]:
        """Return the active reservations of an EVSE, and keep others from changing them meanwhile."""
        of_evse = (
            Reservation.tenant_id == tenant_id,
            Reservation.station_id == station_id,
            Reservation.evse_id == evse_id,
        )
        rows = await self._session.scalars(
            select(Reservation)
            .where(*of_evse, Reservation.state == _ACTIVE)
            .order_by(Reservation.id.desc())
            .with_for_update()
        )
        return rows.all()

    async def take_expired(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations whose time passed; those that another core is at are left to it."""
        return await self._take(Reservation.state == _ACTIVE, Reservation.expire_time <= now, limit=limit)

    async def take_unanswered(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return reservations that were asked for so long ago that the end of their command should be known."""
        return await self._take(Reservation.state == _REQUESTED, Reservation.deadline_time <= now, limit=limit)

    async def take_out_of_order(self, since: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations of which every EVSE that could serve them is faulted or unavailable.

        Args:
            since: When they must have been reported so at the latest: the station has had time to speak for itself.
            limit: At most this many.
        """
        row = Reservation
        # What the station said before it accepted the reservation is of no account.
        broken = all_out_of_order(row.tenant_id, row.station_id, row.evse_id, after=row.state_time, until=since)
        return await self._take(row.state == _ACTIVE, broken, limit=limit)

    async def take_lost_at_boot(self, limit: int) -> Sequence[Reservation]:
        """Return active reservations that were made before the last boot of their station, which is accepted since."""
        restarted = has_restarted(Reservation.tenant_id, Reservation.station_id, since=Reservation.state_time)
        return await self._take(Reservation.state == _ACTIVE, restarted, limit=limit)

    async def take_lost_at_evse(self, since: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations of an EVSE that has said since that all its connectors are available.

        Args:
            since: When it must have said so at the latest: the station has had time to speak for itself.
            limit: At most this many.
        """
        row = Reservation
        # What the station said before it accepted the reservation is of no account.
        free = all_available(row.tenant_id, row.station_id, row.evse_id, after=row.state_time, until=since)
        return await self._take(row.state == _ACTIVE, row.resends < MOST_RESENDS, free, limit=limit)

    async def doubtful(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return reservations that a station may hold without our knowing, and is to be told to cancel by now."""
        rows = await self._session.scalars(
            select(Reservation).where(Reservation.clean_up_time <= now).order_by(Reservation.clean_up_time).limit(limit)
        )
        return rows.all()

    async def set_clean_up(self, row_id: int, before: datetime, after: datetime | None) -> bool:
        """Say when a clean-up is to be tried again, or with None that it is done.

        Returns False where it is not at the time that the caller knows, because another core was quicker.
        """
        result = await self._session.execute(
            update(Reservation)
            .where(Reservation.id == row_id, Reservation.clean_up_time == before)
            .values(clean_up_time=after)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)
        return bool(result.rowcount)

    async def has_unbilled(self, now: datetime) -> bool:
        """Tell whether any reservation is to be billed now."""
        return bool(await self._session.scalar(select(exists().where(Reservation.bill_time <= now))))

    async def take_unbilled(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return reservations that are to be billed now, or whose end is another now; nobody else takes them then."""
        return await self._take(Reservation.bill_time <= now, limit=limit)

    async def set_bill_time(self, rows: Collection[Reservation], time: datetime | None) -> None:
        """Say when reservations are to be billed next. None: they are billed."""
        await self._session.execute(
            update(Reservation)
            .where(Reservation.id.in_([row.id for row in rows]))
            .values(bill_time=time)
            .execution_options(synchronize_session=False)
        )

    async def _take(self, *conditions: Any, limit: int) -> Sequence[Reservation]:
        rows = await self._session.scalars(
            select(Reservation)
            .where(*conditions)
            .order_by(Reservation.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=Reservation)
        )
        return rows.all()


async def forget_reservations(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the reservations of a station."""
    await work.session.execute(
        delete(Reservation).where(Reservation.tenant_id == tenant_id, Reservation.station_id == station_id)
    )
