"""Queries of functional block M."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine_core.blocks.certificates.models import InstalledCertificate
from citrine_core.db import Listed, Page, UnitOfWork
from citrine_core.resources.stations.queries import lock_station
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["InstalledCertificateRepository"]


class InstalledCertificateRepository:
    """Reads and writes the record of installed certificates within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, tenant_id: str, station_id: str) -> Sequence[InstalledCertificate]:
        """Return the certificates of a station."""
        query = select(InstalledCertificate).where(
            InstalledCertificate.tenant_id == tenant_id, InstalledCertificate.station_id == station_id
        )
        return (await self._session.scalars(query.order_by(InstalledCertificate.id))).all()

    async def find_for_update(self, tenant_id: str, station_id: str) -> list[InstalledCertificate]:
        """Return the certificates of a station, and lock its record until the commit."""
        await lock_station(self._session, tenant_id, station_id)
        return list(await self.find(tenant_id, station_id))

    def add(self, row: InstalledCertificate) -> None:
        """Store a certificate. Does nothing if it is stored."""
        self._session.add(row)

    async def remove(self, rows: Sequence[InstalledCertificate]) -> None:
        """Remove certificates."""
        for row in rows:
            await self._session.delete(row)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str = "",
        certificate_type: int = 0,
        fingerprint: str = "",
        serial_number: str = "",
        expires_before: datetime | None = None,
        stations: StationSelector | None = None,
    ) -> Listed[InstalledCertificate]:
        """Return certificates, the latest recorded first."""
        row = InstalledCertificate
        query = select(row).where(row.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, row.station_id, stations))
        if station_id:
            query = query.where(row.station_id == station_id)
        if certificate_type:
            query = query.where(row.certificate_type == certificate_type)
        if fingerprint:
            query = query.where(row.fingerprint == fingerprint)
        if serial_number:
            query = query.where(row.serial_number == serial_number)
        if expires_before is not None:
            query = query.where(row.expire_time < expires_before)
        return await page.read(self._session, query, row.id, descending=True)

    @staticmethod
    async def forget(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        """Remove the record of a station that is removed."""
        await work.session.execute(
            delete(InstalledCertificate).where(
                InstalledCertificate.tenant_id == tenant_id, InstalledCertificate.station_id == station_id
            )
        )
