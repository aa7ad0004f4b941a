"""Queries of functional block G."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.availability_pb2 import (
    CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED,
    CHANGE_AVAILABILITY_STATUS_ENUM_SCHEDULED,
    CONNECTOR_STATUS_ENUM_AVAILABLE,
    CONNECTOR_STATUS_ENUM_FAULTED,
    CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    OPERATIONAL_STATUS_ENUM_INOPERATIVE,
)
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange, WantedAvailability
from citrine_core.db import ANY_TIME, Listed, Page, Span, UnitOfWork, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpsert
from citrine_core.errors import NotFound
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.queries import BOOTS
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["AvailabilityRepository", "ConnectorKey", "ConnectorRepository", "forget_connectors"]

ConnectorKey = tuple[str, int, int]
"""Station, EVSE and connector."""

_STATE_KEY = ("tenant_id", "station_id", "evse_id", "connector_id")
_CHANGE_KEY = ("tenant_id", "station_id", "status_time", "evse_id", "connector_id", "status")

_NOT_AVAILABLE = text("connectors.status <> 1")
"""The condition of an index, in which it has no parameter."""

_PUT_STATES = BulkUpsert(ConnectorState.metadata.tables["connectors"], key=_STATE_KEY)
_ADD_CHANGES = BulkInsert(ConnectorStatusChange.metadata.tables["connector_statuses"], ignore=True, key=_CHANGE_KEY)
_PUT_WANTED = BulkUpsert(WantedAvailability.metadata.tables["availabilities"], key=_STATE_KEY)


class ConnectorRepository:
    """Reads and writes connectors, and the history of their statuses, within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def connectors_of(self, tenant_id: str, station_id: str) -> Sequence[ConnectorState]:
        """Return the connectors that a station reported, by EVSE and number.

        Its reports on itself or on a whole EVSE are left out.
        """
        rows = await self._session.scalars(
            select(ConnectorState)
            .where(
                ConnectorState.tenant_id == tenant_id,
                ConnectorState.station_id == station_id,
                ConnectorState.evse_id > 0,
                ConnectorState.connector_id > 0,
            )
            .order_by(ConnectorState.evse_id, ConnectorState.connector_id)
        )
        return rows.all()

    async def get(self, tenant_id: str, station_id: str, evse_id: int, connector_id: int) -> ConnectorState:
        """Return a connector.

        Raises:
            NotFound: When its station never reported it.
        """
        found = await self._session.get(ConnectorState, (tenant_id, station_id, evse_id, connector_id))
        if found is None:
            raise NotFound("connector", f"{evse_id}/{connector_id} of {station_id}")
        return found

    async def find_for_update(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[ConnectorKey, Mapping[str, Any]]:
        """Return all connectors of some stations, locked until the commit.

        Without the lock, two concurrent transactions with reports on one connector could each consider its report the
        newest: a StatusNotification and an event, or reports by two sessions of a station that reconnected.
        """
        table = ConnectorState.__table__
        rows = await (await self._session.connection()).execute(
            select(table)
            .where(table.c.tenant_id == tenant_id, one_of(table.c.station_id, station_ids))
            # All transactions lock in the same order, so that two can't deadlock.
            .order_by(table.c.station_id, table.c.evse_id, table.c.connector_id)
            .with_for_update()
        )
        return {(row["station_id"], row["evse_id"], row["connector_id"]): dict(row) for row in rows.mappings()}

    async def put_states(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store the present state of connectors."""
        await _PUT_STATES.execute_mappings(self._session, rows)

    async def add_changes(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add changes to the history; stored ones are ignored."""
        await _ADD_CHANGES.execute_mappings(self._session, rows)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        evse_id: int | None = None,
        status: int = 0,
        stations: StationSelector | None = None,
    ) -> Listed[ConnectorState]:
        """Return connectors by station, EVSE and number.

        Args:
            tenant_id: Tenant of the stations.
            page: Page to return.
            station_id: Only of this station. Empty: of all.
            evse_id: Only of EVSEs with this number. None: of all.
            status: Only those with this citrine.ocpp.v2.ConnectorStatusEnum. 0: any.
            stations: Only of these stations. None: of all.
        """
        query = select(ConnectorState).where(ConnectorState.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, ConnectorState.station_id, stations))
        if station_id:
            query = query.where(ConnectorState.station_id == station_id)
        if evse_id is not None:
            query = query.where(ConnectorState.evse_id == evse_id)
        if status:
            query = query.where(ConnectorState.status == status)
            if status != CONNECTOR_STATUS_ENUM_AVAILABLE:
                query = query.where(_NOT_AVAILABLE)
        key = (ConnectorState.station_id, ConnectorState.evse_id, ConnectorState.connector_id)
        return await page.read(self._session, query, *key)

    async def list_changes(
        self,
        tenant_id: str,
        page: Page,
        station_id: str,
        *,
        evse_id: int | None = None,
        connector_id: int | None = None,
        status: int = 0,
        times: Span = ANY_TIME,
    ) -> Listed[ConnectorStatusChange]:
        """Return the history of a station's connectors, the latest by the station's clock first.

        Args:
            tenant_id: Tenant of the station.
            page: Page to return.
            station_id: The station.
            evse_id: Only of this EVSE. None: of all.
            connector_id: Only of connectors with this number. None: of all.
            status: Only changes to this citrine.ocpp.v2.ConnectorStatusEnum. 0: to any.
            times: Only changes in this time, by the clock of the station.
        """
        change = ConnectorStatusChange
        query = select(change).where(
            change.tenant_id == tenant_id, change.station_id == station_id, *times.of(change.status_time)
        )
        if evse_id is not None:
            query = query.where(change.evse_id == evse_id)
        if connector_id is not None:
            query = query.where(change.connector_id == connector_id)
        if status:
            query = query.where(change.status == status)
        # Several changes may have one time by the clock of the station; the latest is the one that arrived last.
        key = (change.status_time, change.create_time, change.evse_id, change.connector_id, change.status)
        return await page.read(self._session, query, *key, descending=True)


class AvailabilityRepository:
    """Reads and writes wanted availabilities within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, availability: Mapping[str, Any]) -> None:
        """Store the wanted availability that was requested last."""
        await _PUT_WANTED.execute_mappings(self._session, [availability])

    async def forgotten(self, limit: int) -> Sequence[WantedAvailability]:
        """Return Inoperative availabilities with a connector that its station reports operative since it booted.

        They are of connected and accepted stations of all tenants, the one that was answered first comes first.
        """
        availability, state = WantedAvailability, ConnectorState
        serving = exists().where(
            state.tenant_id == availability.tenant_id,
            state.station_id == availability.station_id,
            or_(availability.evse_id == 0, state.evse_id == availability.evse_id),
            or_(availability.connector_id == 0, state.connector_id == availability.connector_id),
            state.connector_id > 0,
            state.status.not_in((CONNECTOR_STATUS_ENUM_UNAVAILABLE, CONNECTOR_STATUS_ENUM_FAULTED)),
            state.report_time() >= BOOTS.c.boot_time,
        )
        rows = await self._session.scalars(
            select(availability)
            .join(BOOTS, _same_station(BOOTS.c, availability))
            .where(
                availability.wanted == OPERATIONAL_STATUS_ENUM_INOPERATIVE,
                availability.answer.in_(
                    (CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED, CHANGE_AVAILABILITY_STATUS_ENUM_SCHEDULED)
                ),
                availability.answer_time < BOOTS.c.boot_time,
                BOOTS.c.registration == REGISTRATION_STATUS_ENUM_ACCEPTED,
                is_connected(availability.tenant_id, availability.station_id),
                serving,
            )
            .order_by(availability.answer_time)
            .limit(limit)
        )
        return rows.all()

    async def claim(self, availability: WantedAvailability, problem: str, now: datetime) -> bool:
        """Claim an availability whose command will be sent again; return False if another core claimed it."""
        result = await self._session.execute(
            update(WantedAvailability)
            .where(
                WantedAvailability.tenant_id == availability.tenant_id,
                WantedAvailability.station_id == availability.station_id,
                WantedAvailability.evse_id == availability.evse_id,
                WantedAvailability.connector_id == availability.connector_id,
                WantedAvailability.answer_time == availability.answer_time,
            )
            .values(answer=None, problem=problem, answer_time=now)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount == 1

    async def get(self, tenant_id: str, station_id: str, evse_id: int, connector_id: int) -> WantedAvailability:
        """Return a wanted availability.

        Raises:
            NotFound: When none was requested.
        """
        found = await self._session.get(WantedAvailability, (tenant_id, station_id, evse_id, connector_id))
        if found is None:
            raise NotFound("availability", f"{evse_id}/{connector_id} of {station_id}")
        return found

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        evse_id: int | None = None,
        stations: StationSelector | None = None,
    ) -> Listed[WantedAvailability]:
        """Return wanted availabilities of a station (empty: all stations) by station, EVSE and connector."""
        query = select(WantedAvailability).where(WantedAvailability.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, WantedAvailability.station_id, stations))
        if station_id:
            query = query.where(WantedAvailability.station_id == station_id)
        if evse_id is not None:
            query = query.where(WantedAvailability.evse_id == evse_id)
        key = (WantedAvailability.station_id, WantedAvailability.evse_id, WantedAvailability.connector_id)
        return await page.read(self._session, query, *key)

    async def of_stations(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[WantedAvailability]:
        """Return all wanted availabilities of some stations."""
        rows = await self._session.scalars(
            select(WantedAvailability).where(
                WantedAvailability.tenant_id == tenant_id,
                one_of(WantedAvailability.station_id, station_ids),
            )
        )
        return rows.all()

    async def connectors_of(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[ConnectorState]:
        """Return the connectors of some stations, with their reports on themselves and on whole EVSEs."""
        rows = await self._session.scalars(
            select(ConnectorState).where(
                ConnectorState.tenant_id == tenant_id, one_of(ConnectorState.station_id, station_ids)
            )
        )
        return rows.all()


def _same_station(columns: Any, availability: Any) -> ColumnElement[bool]:
    return and_(columns.tenant_id == availability.tenant_id, columns.station_id == availability.station_id)


async def forget_connectors(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the connectors of a station, their history, and its wanted availabilities."""
    for table in (ConnectorState, ConnectorStatusChange, WantedAvailability):
        await work.session.execute(delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id))
