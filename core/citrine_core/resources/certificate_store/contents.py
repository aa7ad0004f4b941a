"""Rows of the store from certificates in PEM, and the roots of contracts as one text."""

from datetime import datetime, timedelta

from citrine.api.v1.certificate_store_pb2 import CertificateUse
from citrine_core.db import UnitOfWork
from citrine_core.errors import InvalidArgument
from citrine_core.resources.certificate_store.models import StoredCertificate
from citrine_core.resources.certificate_store.repository import CertificateStoreRepository, mask_of

__all__ = ["read_contract_roots", "replace_contract_roots", "to_row"]

_ROOTS = "settings.contract_roots"
"""Field of the settings that shows the roots as one text."""

LONGEST_SERIAL_NUMBER = 40
"""Most hexadecimal digits."""

_MO_ROOT = CertificateUse.CERTIFICATE_USE_MO_ROOT


def to_row(tenant_id: str, field: str, pem: str, now: datetime, notice: timedelta) -> StoredCertificate:
    """Return the row of a certificate, without its uses.

    Args:
        tenant_id: Tenant of the certificate.
        field: Where the PEM stands in the request.
        pem: The certificate.
        now: The current time.
        notice: How long before its end an event says so.

    Raises:
        InvalidArgument: When it is not exactly one certificate of an authority, or has expired.
    """
    # Imported only where certificates are used: the import takes time and memory.
    from citrine_core.resources.certificate_store.parsing import facts_of, is_authority, parse_pem

    certificate = parse_pem(field, pem)
    if not is_authority(certificate):
        raise InvalidArgument(field, "must be a certificate of an authority, whose basic constraints say so")
    facts = facts_of(certificate)
    if len(facts.serial_number) > LONGEST_SERIAL_NUMBER:
        raise InvalidArgument(field, "must have a serial number of at most 20 octets (RFC 5280)")
    if facts.valid_until <= now:
        raise InvalidArgument(field, f"must be valid, and it expired at {facts.valid_until.isoformat()}")
    return StoredCertificate(
        tenant_id=tenant_id,
        fingerprint=facts.fingerprint,
        uses=0,
        pem=facts.pem,
        description="",
        subject=facts.subject,
        issuer=facts.issuer,
        serial_number=facts.serial_number,
        valid_from=facts.valid_from,
        valid_until=facts.valid_until,
        notice_due_time=facts.valid_until - notice,
        create_time=now,
        version=1,
    )


async def read_contract_roots(work: UnitOfWork, tenant_id: str) -> str:
    """Return the roots of mobility operators of a tenant in PEM, one after the other."""
    rows = await CertificateStoreRepository(work.session).used_for(tenant_id, _MO_ROOT)
    return "".join(row.pem for row in rows)


async def replace_contract_roots(work: UnitOfWork, tenant_id: str, text: str, now: datetime, notice: timedelta) -> None:
    """Make the roots of mobility operators of a tenant those of a text: others are used for that no more.

    Raises:
        InvalidArgument: When a certificate of the text can't be stored.
    """
    repository, use = CertificateStoreRepository(work.session), mask_of([_MO_ROOT])
    given = _read(text)
    for row in await repository.used_for(tenant_id, _MO_ROOT, for_update=True):
        if row.fingerprint not in given:
            row.uses -= use
            row.version += 1
            if not row.uses:
                await repository.remove(row)
    for fingerprint, pem in given.items():
        stored = await repository.find(tenant_id, fingerprint)
        if stored is None:
            row = to_row(tenant_id, _ROOTS, pem, now, notice)
            row.uses = use
            await repository.add(row)
        elif not stored.uses & use:
            stored.uses |= use
            stored.version += 1


def _read(text: str) -> dict[str, str]:
    """Return the certificates of a text in PEM, by fingerprint."""
    if not text:
        return {}
    from citrine_core.resources.certificate_store.parsing import facts_of, read_certificates

    try:
        found = read_certificates(text)
    except ValueError as error:
        raise InvalidArgument(_ROOTS, "must be certificates in PEM") from error
    if not found:
        raise InvalidArgument(_ROOTS, "must be certificates in PEM")
    return {facts.fingerprint: facts.pem for facts in map(facts_of, found)}
