"""Queries of resets and network profiles."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.provisioning_pb2 import RESET_STATUS_ENUM_ACCEPTED, RESET_STATUS_ENUM_SCHEDULED
from citrine_core.blocks.provisioning.records.models import NetworkProfile, Reset
from citrine_core.db import ANY_TIME, Listed, Page, Span, one_of
from citrine_core.db.bulk import BulkUpsert
from citrine_core.db.numbered import get_numbered
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["NetworkProfileRepository", "ResetRepository", "awaits_reset"]

_PUT_PROFILE = BulkUpsert(NetworkProfile.metadata.tables["network_profiles"], key=("tenant_id", "station_id", "slot"))


def _waits(tenant_id: Any) -> list[ColumnElement[bool]]:
    return [
        Reset.tenant_id == tenant_id,
        Reset.evse_id == 0,
        Reset.boot_time.is_(None),
        Reset.status.in_((RESET_STATUS_ENUM_ACCEPTED, RESET_STATUS_ENUM_SCHEDULED)),
    ]


def awaits_reset(tenant_id: Any, station_id: Any) -> ColumnElement[bool]:
    """Return the condition that the station of two columns said that it would restart, and has not booted since."""
    return exists().where(Reset.station_id == station_id, *_waits(tenant_id))


class ResetRepository:
    """Resets of stations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Reset) -> None:
        """Store a reset."""
        self._session.add(row)

    async def record_boots(self, tenant_id: str, station_ids: Collection[str], now: datetime) -> Sequence[Reset]:
        """Store that stations booted, as resets that they agreed to said they would; return these resets."""
        if not station_ids:
            return []
        rows = await self._session.scalars(
            update(Reset)
            .where(one_of(Reset.station_id, station_ids), *_waits(tenant_id))
            .values(boot_time=now)
            .returning(Reset),
            execution_options={"synchronize_session": False},
        )
        return rows.all()

    async def get(self, tenant_id: str, number: str) -> Reset:
        """Return one of them.

        Raises:
            NotFound: When there is none of this number.
        """
        return await get_numbered(self._session, Reset, "reset", tenant_id, number)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        answered: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[Reset]:
        """Return resets, the latest first; by the time of their answers if that is bounded."""
        query = select(Reset).where(Reset.tenant_id == tenant_id, *answered.of(Reset.answer_time))
        if station_id:
            query = query.where(Reset.station_id == station_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, Reset.station_id, stations))
        key = (Reset.answer_time, Reset.id) if answered.is_bounded else (Reset.id,)
        return await page.read(self._session, query, *key, descending=True)

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the resets of a station."""
        await self._session.execute(delete(Reset).where(Reset.tenant_id == tenant_id, Reset.station_id == station_id))


class NetworkProfileRepository:
    """What stations hold in the slots of their network connection profiles."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, row: Mapping[str, Any]) -> None:
        """Store what became of a profile. Without the columns of the accepted one, that stays as it is."""
        await _PUT_PROFILE.execute_mappings(self._session, [row])

    async def list(self, tenant_id: str, station_id: str) -> Sequence[NetworkProfile]:
        """Return the slots of a station, by number."""
        rows = await self._session.scalars(
            select(NetworkProfile)
            .where(NetworkProfile.tenant_id == tenant_id, NetworkProfile.station_id == station_id)
            .order_by(NetworkProfile.slot)
        )
        return rows.all()

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove the slots of a station."""
        await self._session.execute(
            delete(NetworkProfile).where(NetworkProfile.tenant_id == tenant_id, NetworkProfile.station_id == station_id)
        )
