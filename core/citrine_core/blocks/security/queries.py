"""Queries of functional block A for other packages: which certificates of stations are refused, and who used them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.security_pb2 import CertificateOrderState
from citrine_core.blocks.security.orders.changes import ENDED, end, note_use
from citrine_core.blocks.security.orders.models import IssuedCertificate
from citrine_core.blocks.security.orders.repository import (
    FOR_VEHICLES,
    CertificateOrderRepository,
    IssuedCertificateRepository,
)
from citrine_core.db import UnitOfWork
from citrine_core.db.one_of import one_of

__all__ = ["find_refused_certificates", "record_certificate_use", "revoke_issued_certificate"]

_TABLE = IssuedCertificate.__table__.c


async def find_refused_certificates(session: AsyncSession, fingerprints: Collection[str], now: datetime) -> set[str]:
    """Return those of the certificates that no station may connect by: they are revoked, or for vehicles alone."""
    rows = await (await session.connection()).execute(
        select(_TABLE.fingerprint).where(
            one_of(_TABLE.fingerprint, fingerprints),
            or_(_TABLE.revoke_time <= now, _TABLE.certificate_type.in_(FOR_VEHICLES)),
        )
    )
    return {row[0] for row in rows}


async def record_certificate_use(
    work: UnitOfWork, tenant_id: str, station_id: str, fingerprint: str, now: datetime
) -> None:
    """Record that a station was admitted by a certificate; does nothing unless it is the first time.

    Those that it replaces are revoked, and its order has succeeded, whatever the station answered.
    """
    certificates = IssuedCertificateRepository(work.session)
    used = await certificates.peek(tenant_id, station_id, fingerprint)
    if used is None or used.use_time is not None:
        return
    for order in await CertificateOrderRepository(work.session).of_station(tenant_id, station_id):
        if order.fingerprint == fingerprint and order.state not in ENDED:
            end(work, order, CertificateOrderState.CERTIFICATE_ORDER_STATE_INSTALLED, "", now)
    rows = await certificates.of_station(tenant_id, station_id)
    for row in rows:
        if row.fingerprint == fingerprint:
            note_use(row, rows, now)


async def revoke_issued_certificate(
    session: AsyncSession, tenant_id: str, station_id: str, fingerprint: str, now: datetime
) -> bool:
    """Revoke a certificate that was issued to a station; return False if it was given none of this fingerprint.

    One that is revoked stays revoked since then.
    """
    row = await IssuedCertificateRepository(session).find(tenant_id, station_id, fingerprint)
    if row is None:
        return False
    row.revoke_time = now if row.revoke_time is None else min(row.revoke_time, now)
    row.renew_due_time = None
    return True
