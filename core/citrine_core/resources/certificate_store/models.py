"""Tables of the certificate store."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["StoredCertificate"]


class StoredCertificate(Model):
    """A certificate of an authority that a tenant knows."""

    __tablename__ = "stored_certificates"
    __table_args__ = (
        Index(None, "tenant_id", "valid_until", "fingerprint"),
        PartialIndex("ix_stored_certificates_notice_due", "notice_due_time", where=text("notice_due_time IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), ForeignKey("tenants.tenant_id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the DER form, hexadecimal in lower case."""
    uses: Mapped[int] = mapped_column(Integer)
    """Sum of 1 << citrine.api.v1.CertificateUse."""
    pem: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(255), default="")
    subject: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    serial_number: Mapped[str] = mapped_column(String(64))
    """Hexadecimal."""
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    notice_due_time: Mapped[datetime | None]
    """When to send the event that it expires. None: it was sent."""
    create_time: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Increases with each change; the etag."""
