"""Queries of the certificates of stations, and of their orders."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.blocks.security.orders.models import CertificateOrder, IssuedCertificate
from citrine_core.db import ANY_TIME, Due, Listed, Page, Span, ids_made_in, one_of
from citrine_core.errors import NotFound
from citrine_core.resources.connections.queries import is_connected
from citrine_core.resources.stations.queries import may_be_sent_to
from citrine_core.resources.stations.selection import stations_selected

__all__ = ["FOR_VEHICLES", "CertificateOrderRepository", "IssuedCertificateRepository"]

FOR_VEHICLES = (
    CertificateSigningUseEnum.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE,
    CertificateSigningUseEnum.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE,
)
"""Types of certificates that no station connects by."""

_ORDERED = pb.CERTIFICATE_ORDER_STATE_ORDERED
_OUTGOING = (pb.CERTIFICATE_ORDER_STATE_SIGNED, pb.CERTIFICATE_ORDER_STATE_SENT)


def _reachable(table: Any) -> ColumnElement[bool]:
    """Return the condition that the station of a row is connected, and may be sent something."""
    return and_(is_connected(table.tenant_id, table.station_id), may_be_sent_to(table.tenant_id, table.station_id))


class CertificateOrderRepository:
    """Reads and writes orders within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, order_id: str) -> CertificateOrder:
        """Return an order for reading only.

        Raises:
            NotFound: When there is none of this id.
        """
        found = await self._session.get(CertificateOrder, order_id)
        if found is None or found.tenant_id != tenant_id:
            raise NotFound("certificate order", order_id)
        return found

    async def find_for_update(self, order_id: str) -> CertificateOrder | None:
        """Return an order, locked until the commit; None if it is gone."""
        return await self._session.get(CertificateOrder, order_id, with_for_update=True, populate_existing=True)

    async def list(
        self,
        tenant_id: str,
        page: Page,
        *,
        station_id: str,
        state: int,
        created: Span = ANY_TIME,
        stations: StationSelector | None = None,
    ) -> Listed[CertificateOrder]:
        """Return orders, the latest first. A filter that is empty or 0 matches all."""
        query = select(CertificateOrder).where(CertificateOrder.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, CertificateOrder.station_id, stations))
        if station_id:
            query = query.where(CertificateOrder.station_id == station_id)
        if state:
            query = query.where(CertificateOrder.state == state)
        query = query.where(*ids_made_in(CertificateOrder.order_id, created))
        return await page.read(self._session, query, CertificateOrder.order_id, descending=True)

    async def of_station(self, tenant_id: str, station_id: str) -> Sequence[CertificateOrder]:
        """Return all orders of a station, the latest first, locked until the commit."""
        rows = await self._session.scalars(
            select(CertificateOrder)
            .where(CertificateOrder.tenant_id == tenant_id, CertificateOrder.station_id == station_id)
            .order_by(CertificateOrder.order_id.desc())
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return rows.all()

    async def latest(self, tenant_id: str, station_id: str, since: datetime) -> CertificateOrder | None:
        """Return the latest order of a station for a certificate to connect by, for reading only.

        None: it made none since a time.
        """
        row = CertificateOrder
        query = select(row).where(row.tenant_id == tenant_id, row.station_id == station_id, row.create_time >= since)
        query = query.where(row.certificate_type.not_in(FOR_VEHICLES)).order_by(row.order_id.desc()).limit(1)
        return (await self._session.scalars(query)).first()

    async def add(self, order: CertificateOrder) -> None:
        """Store a new order."""
        self._session.add(order)
        await self._session.flush()

    async def remove(self, order: CertificateOrder) -> None:
        """Remove an order."""
        await self._session.delete(order)

    @staticmethod
    @cache
    def order_due() -> Due:
        """Return the query of the time at which an authority is next to be asked."""
        return select(func.min(CertificateOrder.next_time)).where(CertificateOrder.state == _ORDERED)

    @staticmethod
    @cache
    def send_due() -> Due:
        """Return the query of the time at which a certificate is next to be sent to a station that is connected."""
        return select(func.min(CertificateOrder.next_time)).where(
            CertificateOrder.state.in_(_OUTGOING), _reachable(CertificateOrder)
        )

    async def claim_ordered(self, now: datetime, limit: int) -> Sequence[CertificateOrder]:
        """Return orders that their authority is to be asked for now, locked; those locked by others are left out."""
        return await self._claim(now, limit, CertificateOrder.state == _ORDERED)

    async def find_outgoing(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of orders whose certificate is to be sent now, the earliest due first."""
        row = CertificateOrder
        query = select(row.order_id).where(row.next_time <= now, row.state.in_(_OUTGOING), _reachable(row))
        return (await self._session.scalars(query.order_by(row.next_time).limit(limit))).all()

    async def claim_outgoing(self, now: datetime, order_ids: Collection[str]) -> Sequence[CertificateOrder]:
        """Return those of the orders that are still to be sent, locked; those locked by others are left out."""
        row = CertificateOrder
        wanted = one_of(row.order_id, order_ids)
        return await self._claim(now, len(order_ids), wanted, row.state.in_(_OUTGOING), _reachable(row))

    async def postpone(self, order_id: str, now: datetime, until: datetime) -> None:
        """Have an order be due later, if it is due."""
        row = CertificateOrder
        await self._session.execute(
            update(row).where(row.order_id == order_id, row.next_time <= now).values(next_time=until),
            execution_options={"synchronize_session": False},
        )

    async def _claim(self, now: datetime, limit: int, *conditions: ColumnElement[bool]) -> Sequence[CertificateOrder]:
        rows = await self._session.scalars(
            select(CertificateOrder)
            .where(CertificateOrder.next_time <= now, *conditions)
            .order_by(CertificateOrder.next_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return rows.all()

    async def forget(self, tenant_id: str, station_id: str) -> None:
        """Remove orders and certificates of a station, except for revoked ones, which stay refused."""
        for table in (CertificateOrder, IssuedCertificate):
            query = delete(table).where(table.tenant_id == tenant_id, table.station_id == station_id)
            if table is IssuedCertificate:
                query = query.where(IssuedCertificate.revoke_time.is_(None))
            await self._session.execute(query)


class IssuedCertificateRepository:
    """Reads and writes the record of certificates of stations within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, station_id: str, fingerprint: str) -> IssuedCertificate:
        """Return a certificate of a station.

        Raises:
            NotFound: When it was given none of this fingerprint.
        """
        found = await self._session.get(IssuedCertificate, (tenant_id, station_id, fingerprint))
        if found is None:
            raise NotFound("certificate", fingerprint)
        return found

    async def list(
        self, tenant_id: str, page: Page, *, station_id: str, stations: StationSelector | None = None
    ) -> Listed[IssuedCertificate]:
        """Return certificates, the latest first; an empty station is all."""
        query = select(IssuedCertificate).where(IssuedCertificate.tenant_id == tenant_id)
        if stations is not None:
            query = query.where(*stations_selected(tenant_id, IssuedCertificate.station_id, stations))
        if station_id:
            query = query.where(IssuedCertificate.station_id == station_id)
        table = IssuedCertificate
        return await page.read(self._session, query, table.valid_from, table.fingerprint, descending=True)

    async def find(self, tenant_id: str, station_id: str, fingerprint: str) -> IssuedCertificate | None:
        """Return a certificate of a station, locked until the commit; None if it was given none of this fingerprint."""
        key = (tenant_id, station_id, fingerprint)
        return await self._session.get(IssuedCertificate, key, with_for_update=True)

    async def peek(self, tenant_id: str, station_id: str, fingerprint: str) -> IssuedCertificate | None:
        """Return a certificate of a station for reading only; None if it was given none of this fingerprint."""
        return await self._session.get(IssuedCertificate, (tenant_id, station_id, fingerprint))

    async def has_usable(self, tenant_id: str, station_id: str, now: datetime) -> bool:
        """Return whether a station accepted a certificate that it may connect by now."""
        row = IssuedCertificate
        query = select(row.fingerprint).where(
            row.tenant_id == tenant_id,
            row.station_id == station_id,
            row.certificate_type.not_in(FOR_VEHICLES),
            row.install_time.is_not(None),
            row.valid_until > now,
            or_(row.revoke_time.is_(None), row.revoke_time > now),
        )
        return await self._session.scalar(query.limit(1)) is not None

    async def of_station(self, tenant_id: str, station_id: str) -> Sequence[IssuedCertificate]:
        """Return all certificates of a station, locked until the commit."""
        rows = await self._session.scalars(
            select(IssuedCertificate)
            .where(IssuedCertificate.tenant_id == tenant_id, IssuedCertificate.station_id == station_id)
            .order_by(IssuedCertificate.fingerprint)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return rows.all()

    async def add(self, certificate: IssuedCertificate) -> None:
        """Store a new certificate."""
        self._session.add(certificate)
        await self._session.flush()

    async def remove(self, certificate: IssuedCertificate) -> None:
        """Remove the record of a certificate."""
        await self._session.delete(certificate)

    @staticmethod
    @cache
    def renewal_due() -> Due:
        """Return the query of the time at which a connected station is next to be asked to renew a certificate."""
        return select(func.min(IssuedCertificate.renew_due_time)).where(
            IssuedCertificate.install_time.is_not(None), _reachable(IssuedCertificate)
        )

    async def claim_renewals(self, now: datetime, limit: int) -> Sequence[IssuedCertificate]:
        """Return certificates that are to be renewed now, locked; those locked by others are left out."""
        rows = await self._session.scalars(
            select(IssuedCertificate)
            .where(
                IssuedCertificate.renew_due_time <= now,
                IssuedCertificate.install_time.is_not(None),
                _reachable(IssuedCertificate),
            )
            .order_by(IssuedCertificate.renew_due_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return rows.all()
