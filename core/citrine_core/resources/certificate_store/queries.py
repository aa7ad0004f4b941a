"""Queries of the certificate store for other packages."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.clock import utc_now
from citrine_core.resources.certificate_store.models import StoredCertificate
from citrine_core.resources.certificate_store.repository import is_used_for

__all__ = ["count_certificates", "find_certificate", "find_certificates", "find_trusted"]

_TABLE = StoredCertificate.__table__.c


async def find_certificate(session: AsyncSession, tenant_id: str, fingerprint: str) -> StoredCertificate | None:
    """Return a certificate for reading only; None if there is none of this fingerprint."""
    return await session.get(StoredCertificate, (tenant_id, fingerprint))


async def find_certificates(
    session: AsyncSession, tenant_id: str, uses: Collection[int], now: datetime
) -> Sequence[StoredCertificate]:
    """Return the certificates of a tenant with one of some uses that have not expired, for reading only."""
    rows = await session.scalars(
        select(StoredCertificate)
        .where(StoredCertificate.tenant_id == tenant_id, is_used_for(uses), StoredCertificate.valid_until > now)
        .order_by(StoredCertificate.fingerprint)
    )
    return rows.all()


async def find_trusted(session: AsyncSession, uses: Collection[int]) -> dict[str, list[tuple[int, str]]]:
    """Return uses and PEM of the certificates of all tenants with one of some uses, by tenant."""
    rows = await session.execute(
        select(_TABLE.tenant_id, _TABLE.uses, _TABLE.pem).where(is_used_for(uses)).order_by(_TABLE.fingerprint)
    )
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for tenant_id, mask, pem in rows:
        found[tenant_id].append((mask, pem))
    return found


async def count_certificates(session: AsyncSession) -> dict[str, int]:
    """Return the number of certificates of all tenants that are valid, expire soon, or have expired."""
    state = case(
        (_TABLE.valid_until <= utc_now(), "expired"), (_TABLE.notice_due_time.is_(None), "expiring"), else_="valid"
    ).label("state")
    rows = await (await session.connection()).execute(select(state, func.count()).group_by(state))
    return {"valid": 0, "expiring": 0, "expired": 0} | {row[0]: row[1] for row in rows}
