"""Queries of the certificate store."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.tenants_pb2 import QuotaKind
from citrine_core.db import Due, Listed, Page
from citrine_core.db.violations import breaks_foreign_key
from citrine_core.errors import AlreadyExists, NotFound
from citrine_core.resources.certificate_store.models import StoredCertificate
from citrine_core.resources.tenants.quotas import Counted

__all__ = ["CERTIFICATES", "CertificateStoreRepository", "is_used_for", "mask_of"]

CERTIFICATES = Counted(QuotaKind.QUOTA_KIND_CERTIFICATES, StoredCertificate.metadata.tables["stored_certificates"])


def mask_of(uses: Collection[int]) -> int:
    """Return uses as they are stored."""
    return sum({1 << use for use in uses})


def is_used_for(uses: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that a certificate has one of some uses."""
    return StoredCertificate.uses.bitwise_and(mask_of(uses)) != 0


class CertificateStoreRepository:
    """Reads and writes certificates of authorities within one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, tenant_id: str, fingerprint: str, *, for_update: bool = False) -> StoredCertificate:
        """Return a certificate.

        Raises:
            NotFound: When there is none of this fingerprint.
        """
        found = await self._session.get(StoredCertificate, (tenant_id, fingerprint), with_for_update=for_update or None)
        if found is None:
            raise NotFound("certificate", fingerprint)
        return found

    async def list(self, tenant_id: str, page: Page, *, use: int) -> Listed[StoredCertificate]:
        """Return certificates, those first that expire first; 0 is any use."""
        query = select(StoredCertificate).where(StoredCertificate.tenant_id == tenant_id)
        if use:
            query = query.where(is_used_for([use]))
        return await page.read(self._session, query, StoredCertificate.valid_until, StoredCertificate.fingerprint)

    async def used_for(self, tenant_id: str, use: int, *, for_update: bool = False) -> Sequence[StoredCertificate]:
        """Return all certificates of a tenant with a use."""
        query = (
            select(StoredCertificate)
            .where(StoredCertificate.tenant_id == tenant_id, is_used_for([use]))
            .order_by(StoredCertificate.fingerprint)
        )
        rows = await self._session.scalars(query.with_for_update() if for_update else query)
        return rows.all()

    async def find(self, tenant_id: str, fingerprint: str) -> StoredCertificate | None:
        """Return a certificate, locked until the commit; None if there is none of this fingerprint."""
        return await self._session.get(StoredCertificate, (tenant_id, fingerprint), with_for_update=True)

    async def add(self, certificate: StoredCertificate) -> None:
        """Store a new certificate.

        Raises:
            AlreadyExists: When it is stored already.
            NotFound: When the tenant is gone.
            QuotaExceeded: When the tenant may have no more.
        """
        await CERTIFICATES.check(self._session, certificate.tenant_id)
        self._session.add(certificate)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if breaks_foreign_key(error):
                raise NotFound("tenant", certificate.tenant_id) from error
            raise AlreadyExists("certificate", certificate.fingerprint) from error

    async def remove(self, certificate: StoredCertificate) -> None:
        """Remove a certificate."""
        await self._session.delete(certificate)

    @staticmethod
    @cache
    def notice_due() -> Due:
        """Return the query of the time at which the next certificate expires soon enough for an event."""
        return select(func.min(StoredCertificate.notice_due_time))

    async def claim_notices(self, now: datetime, limit: int) -> Sequence[StoredCertificate]:
        """Return certificates that expire soon, locked; those that another core has locked are left out."""
        rows = await self._session.scalars(
            select(StoredCertificate)
            .where(StoredCertificate.notice_due_time <= now)
            .order_by(StoredCertificate.notice_due_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return rows.all()
