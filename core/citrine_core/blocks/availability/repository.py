"""Queries of functional block G."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.ocpp.v2.availability_pb2 import (
    CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED,
    CHANGE_AVAILABILITY_STATUS_ENUM_SCHEDULED,
    CONNECTOR_STATUS_ENUM_FAULTED,
    CONNECTOR_STATUS_ENUM_UNAVAILABLE,
    OPERATIONAL_STATUS_ENUM_INOPERATIVE,
)
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine_core.blocks.availability.models import ConnectorState, ConnectorStatusChange, WantedAvailability
from citrine_core.db import Listed, Page, UnitOfWork, one_of
from citrine_core.db.bulk import BulkInsert, BulkUpsert
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.queries import BOOTS

__all__ = ["AvailabilityRepository", "ConnectorKey", "ConnectorRepository", "forget_connectors"]

ConnectorKey = tuple[str, int, int]
"""Station, EVSE and connector."""

_STATE_KEY = ("tenant_id", "station_id", "evse_id", "connector_id")
_CHANGE_KEY = ("tenant_id", "station_id", "status_time", "evse_id", "connector_id", "status")

_PUT_STATES = BulkUpsert(ConnectorState.metadata.tables["connectors"], key=_STATE_KEY)
_ADD_CHANGES = BulkInsert(ConnectorStatusChange.metadata.tables["connector_statuses"], ignore=True, key=_CHANGE_KEY)
_PUT_WANTED = BulkUpsert(WantedAvailability.metadata.tables["availabilities"], key=_STATE_KEY)


class ConnectorRepository:
    """Connectors, their status and its history."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def connectors_of(self, tenant_id: str, station_id: str) -> Sequence[ConnectorState]:
        """Return the connectors that a station reported, by EVSE and number.

        What it reported on itself or on an EVSE as a whole is not among them.
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

    async def find_for_update(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[ConnectorKey, Mapping[str, Any]]:
        """Return what is stored of all connectors of some stations, and keep others from changing it until the commit.

        Without the lock, two cores that are told of a connector, one by a status and one by an event or while its
        station moves from one to the other, could each take its report for the newest.
        """
        table = ConnectorState.__table__
        rows = await (await self._session.connection()).execute(
            select(table)
            .where(table.c.tenant_id == tenant_id, one_of(table.c.station_id, station_ids))
            # In one order everywhere, so that two that lock can't wait for each other.
            .order_by(table.c.station_id, table.c.evse_id, table.c.connector_id)
            .with_for_update()
        )
        return {(row["station_id"], row["evse_id"], row["connector_id"]): dict(row) for row in rows.mappings()}

    async def put_states(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store connectors as they are now."""
        await _PUT_STATES.execute_mappings(self._session, rows)

    async def add_changes(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add to the history what is not in it."""
        await _ADD_CHANGES.execute_mappings(self._session, rows)

    async def list(self, tenant_id: str, page: Page, *, station_id: str) -> Listed[ConnectorState]:
        """Return connectors by station, EVSE and number; of all stations where none is named."""
        query = select(ConnectorState).where(ConnectorState.tenant_id == tenant_id)
        if station_id:
            query = query.where(ConnectorState.station_id == station_id)
        key = (ConnectorState.station_id, ConnectorState.evse_id, ConnectorState.connector_id)
        return await page.read(self._session, query, *key)

    async def list_changes(self, tenant_id: str, page: Page, station_id: str) -> Listed[ConnectorStatusChange]:
        """Return the history of a station's connectors, the latest by the station's clock first."""
        change = ConnectorStatusChange
        query = select(change).where(change.tenant_id == tenant_id, change.station_id == station_id)
        if (after := page.key(change.id)) is not None:
            # Its tokens say the id alone, of whose change the time is looked up.
            last = await self._session.get(change, after[0])
            page = page.behind(None if last is None else (last.status_time, last.id))
        query = page.within(query, change.status_time, change.id, descending=True)
        return page.close((await self._session.scalars(query)).all(), lambda row: (row.id,))


class AvailabilityRepository:
    """What operators asked of stations, EVSEs and connectors."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, availability: Mapping[str, Any]) -> None:
        """Store what was asked last."""
        await _PUT_WANTED.execute_mappings(self._session, [availability])

    async def forgotten(self, limit: int) -> Sequence[WantedAvailability]:
        """Return what is to be out of service and what stations, since they booted, report to serve.

        Of stations of all tenants that are connected and accepted, the longest out of service first.
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
        """Note that a station is asked once more; return False where another core was quicker."""
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

    async def list(self, tenant_id: str, page: Page, *, station_id: str) -> Listed[WantedAvailability]:
        """Return what was asked, by station, EVSE and connector; of all stations where none is named."""
        query = select(WantedAvailability).where(WantedAvailability.tenant_id == tenant_id)
        if station_id:
            query = query.where(WantedAvailability.station_id == station_id)
        key = (WantedAvailability.station_id, WantedAvailability.evse_id, WantedAvailability.connector_id)
        return await page.read(self._session, query, *key)

    async def of_stations(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[WantedAvailability]:
        """Return all that was asked of some stations."""
        rows = await self._session.scalars(
            select(WantedAvailability).where(
                WantedAvailability.tenant_id == tenant_id,
                one_of(WantedAvailability.station_id, station_ids),
            )
        )
        return rows.all()

    async def connectors_of(self, tenant_id: str, station_ids: Collection[str]) -> Sequence[ConnectorState]:
        """Return all that some stations reported, on EVSEs and on themselves as a whole too."""
        rows = await self._session.scalars(
            select(ConnectorState).where(
                ConnectorState.tenant_id == tenant_id, one_of(ConnectorState.station_id, station_ids)
            )
        )
        return rows.all()


def _same_station(columns: Any, availability: Any) -> ColumnElement[bool]:
    return and_(columns.tenant_id == availability.tenant_id, columns.station_id == availability.station_id)


async def forget_connectors(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
    """Remove the connectors of a station, their history, and what was asked of them."""
    for table in (ConnectorState, ConnectorStatusChange, WantedAvailability):
        await work.session.execute(delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id))
