"""Queries of functional block H."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, not_, select, update
from sqlalchemy.engine import CursorResult

from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.availability.queries import all_available, all_out_of_order
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, UnitOfWork, earliest
from citrine_core.db.changes import changed_within
from citrine_core.db.one_of import one_of
from citrine_core.errors import NotFound
from citrine_core.resources.station_requests import StationRequestRepository
from citrine_core.resources.stations.queries import has_restarted
from citrine_core.resources.stations.selection import stations_selected
from citrine_core.resources.tokens import lookups_of
from citrine_core.resources.tokens.queries import lookups_of_group

__all__ = ["ReservationKey", "ReservationRepository"]

ReservationKey = tuple[str, int]
"""Station and reservation id."""

_REQUESTED = ReservationState.RESERVATION_STATE_REQUESTED
_ACTIVE = ReservationState.RESERVATION_STATE_ACTIVE
_OPEN = (_REQUESTED, _ACTIVE)

MOST_RESENDS = 2
"""Most resends to a station that reports Available: some stations never report Reserved."""


class ReservationRepository(StationRequestRepository[Reservation]):
    """Reads and writes reservations of all tenants within one unit of work."""

    table = Reservation
    number = "reservation_id"
    requested, active = _REQUESTED, _ACTIVE
    name, asking = "reservation", "being asked for reservation"

    @classmethod
    async def forget(cls, work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Remove the reservations of a station, but for those that ended and are to be billed."""
        table = cls.table
        is_over = table.bill_time.is_not(None) & table.state.not_in((_REQUESTED, _ACTIVE))
        of_station = (table.tenant_id == tenant_id, table.station_id == station_id)
        await work.session.execute(delete(table).where(*of_station, not_(is_over)))

    async def get_by_id(self, tenant_id: str, id_: int) -> Reservation:
        """Return a reservation by its id in the core.

        Raises:
            NotFound: When the tenant has none of this id.
        """
        query = select(Reservation).where(Reservation.tenant_id == tenant_id, Reservation.id == id_)
        row = (await self._session.scalars(query)).one_or_none()
        if row is None:
            raise NotFound("reservation", id_)
        return row

    async def find_for_update(
        self, tenant_id: str, keys: Collection[ReservationKey]
    ) -> dict[ReservationKey, list[Reservation]]:
        """Return all reservations with some keys, the latest first, locked until the commit."""
        found: dict[ReservationKey, list[Reservation]] = {key: [] for key in keys}
        if not keys:
            return found
        of_keys = one_of((Reservation.station_id, Reservation.reservation_id), keys)
        for row in await self._lock(Reservation.tenant_id == tenant_id, of_keys):
            found[row.station_id, row.reservation_id].append(row)
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        state: int = 0,
        open_only: bool = False,
        id_token: str = "",
        evse_id: int | None = None,
        group_id: str = "",
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
        changed: Span | None = None,
    ) -> Listed[Reservation]:
        """Return reservations, the latest requested first; by the time of their last change where that is a filter."""
        query = select(Reservation).where(Reservation.tenant_id == tenant_id, *created.of(Reservation.create_time))
        if station_id:
            query = query.where(Reservation.station_id == station_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Reservation.station_id, stations))
        if state:
            query = query.where(Reservation.state == state)
        if open_only:
            query = query.where(Reservation.state.in_(_OPEN))
        if id_token:
            query = query.where(Reservation.id_token_lookup.in_(lookups_of(id_token)))
        if group_id:
            query = query.where(Reservation.id_token_lookup.in_(lookups_of_group(tenant_id, group_id)))
        if evse_id is not None:
            query = query.where(Reservation.evse_id == evse_id if evse_id else Reservation.evse_id.is_(None))
        if changed is not None:
            query = query.where(*await changed_within(self._session, Reservation.update_time, *changed))
            return await page.read(self._session, query, Reservation.update_time, Reservation.id)
        if created.is_bounded:
            return await page.read(self._session, query, Reservation.create_time, Reservation.id, descending=True)
        if open_only or stations is not None:
            # SQLite would scan all reservations by an index in this order, to sort the few that are meant no more.
            rows = (await self._session.scalars(page.within(query, Reservation.id + 0, descending=True))).all()
            return page.close(rows, lambda row: (row.id,))
        return await page.read(self._session, query, Reservation.id, descending=True)

    async def find_active(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[Reservation]:
        """Return the active reservations of some stations."""
        rows = await self._session.scalars(
            select(Reservation).where(
                Reservation.tenant_id == tenant_id,
                one_of(Reservation.station_id, station_ids),
                Reservation.state == _ACTIVE,
            )
        )
        return rows.all()

    async def lock_active_at(self, tenant_id: str, station_id: str, evse_id: int) -> Sequence[Reservation]:
        """Return the active reservations of an EVSE, locked until the commit."""
        row = Reservation
        of_evse = (row.tenant_id == tenant_id, row.station_id == station_id, row.evse_id == evse_id)
        return await self._lock(*of_evse, row.state == _ACTIVE)

    async def claim_expired(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations that expired, without those that another core has locked."""
        return await self._claim(Reservation.state == _ACTIVE, Reservation.expire_time <= now, limit=limit)

    async def claim_out_of_order(self, since: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations whose EVSE, or for any EVSE all of them, is faulted or unavailable.

        Args:
            since: Latest time of these reports, so that the station had time to end the reservation itself.
            limit: Most reservations to return.
        """
        row = Reservation
        # Reports from before the acceptance of the reservation are irrelevant.
        broken = all_out_of_order(row.tenant_id, row.station_id, row.evse_id, after=row.state_time, until=since)
        return await self._claim(row.state == _ACTIVE, broken, limit=limit)

    async def claim_forgotten_at_boot(self, limit: int) -> Sequence[Reservation]:
        """Return active reservations from before the last boot of their station, which was accepted."""
        restarted = has_restarted(Reservation.tenant_id, Reservation.station_id, since=Reservation.state_time)
        return await self._claim(Reservation.state == _ACTIVE, restarted, limit=limit)

    async def claim_forgotten_at_evse(self, since: datetime, limit: int) -> Sequence[Reservation]:
        """Return active reservations of EVSEs whose connectors were all reported as available since.

        Args:
            since: Latest time of these reports, so that the station had time to end the reservation itself.
            limit: Most reservations to return.
        """
        row = Reservation
        # Reports from before the acceptance of the reservation are irrelevant.
        free = all_available(row.tenant_id, row.station_id, row.evse_id, after=row.state_time, until=since)
        return await self._claim(row.state == _ACTIVE, row.resends < MOST_RESENDS, free, limit=limit)

    async def doubtful(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return reservations that a station may have accepted without an answer, and whose cancellation is due."""
        rows = await self._session.scalars(
            select(Reservation).where(Reservation.clean_up_time <= now).order_by(Reservation.clean_up_time).limit(limit)
        )
        return rows.all()

    async def set_clean_up(self, row_id: int, before: datetime, after: datetime | None) -> bool:
        """Set when a cancellation is due again; None: it is done.

        Returns False if the stored time is not `before`, because another core claimed the cancellation.
        """
        result = await self._session.execute(
            update(Reservation)
            .where(Reservation.id == row_id, Reservation.clean_up_time == before)
            .values(clean_up_time=after)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)
        return bool(result.rowcount)

    @staticmethod
    def unbilled_since() -> Due:
        """Return the query of the time at which a reservation is next to be billed."""
        return select(func.min(Reservation.bill_time)).where(Reservation.bill_time.is_not(None))

    @classmethod
    def due(cls) -> Due:
        """Return the query of a time since which a reservation may have ended, or is to be cancelled at its station."""
        doubtful = select(func.min(Reservation.clean_up_time)).where(Reservation.clean_up_time.is_not(None))
        return earliest(cls.live_since(), doubtful)

    async def has_unbilled(self, now: datetime) -> bool:
        """Return whether any reservation is due to be billed."""
        return bool(await self._session.scalar(select(exists().where(Reservation.bill_time <= now))))

    async def has_unbilled_of(self, tenant_id: str) -> bool:
        """Return whether any reservation of a tenant is to be billed, now or later."""
        unbilled = (Reservation.tenant_id == tenant_id, Reservation.bill_time.is_not(None))
        return bool(await self._session.scalar(select(exists().where(*unbilled))))

    async def claim_unbilled(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return reservations that are due to be billed, or billed again after their end changed; claim them."""
        return await self._claim(Reservation.bill_time <= now, limit=limit)

    async def set_bill_time(self, rows: Collection[Reservation], time: datetime | None) -> None:
        """Set when reservations are due to be billed. None: they are billed."""
        await self._session.execute(
            update(Reservation)
            .where(Reservation.id.in_([row.id for row in rows]))
            .values(bill_time=time)
            .execution_options(synchronize_session=False)
        )
