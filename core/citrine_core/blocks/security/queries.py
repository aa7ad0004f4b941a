"""Queries of functional block A for other packages: which certificates of stations are refused, and who used them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.security_pb2 import CertificateOrderState
from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.blocks.security.orders.changes import ENDED, end, note_use
from citrine_core.blocks.security.orders.models import IssuedCertificate
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.db import UnitOfWork
from citrine_core.db.one_of import one_of

__all__ = ["find_refused_certificates", "record_certificate_use"]

_TABLE = IssuedCertificate.__table__.c

_FOR_VEHICLES = (
    CertificateSigningUseEnum.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE,
    CertificateSigningUseEnum.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE,
)


async def find_refused_certificates(session: AsyncSession, fingerprints: Collection[str], now: datetime) -> set[str]:
    """Return those of the certificates that no station may connect by: they are revoked, or for vehicles alone."""
    rows = await (await session.connection()).execute(
        select(_TABLE.fingerprint).where(
            one_of(_TABLE.fingerprint, fingerprints),
            or_(_TABLE.revoke_time <= now, _TABLE.certificate_type.in_(_FOR_VEHICLES)),
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
