"""Tables of the certificates of stations, and of their orders."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["CertificateOrder", "IssuedCertificate"]


class CertificateOrder(Model):
    """One request of a station for a certificate, and its state."""

    __tablename__ = "certificate_orders"
    __table_args__ = (
        UniqueConstraint("tenant_id", "station_id", "csr_digest", "certificate_type", name="uq_certificate_orders_csr"),
        Index(None, "tenant_id", "order_id"),
        Index("ix_certificate_orders_station", "tenant_id", "station_id", "order_id"),
        Index("ix_certificate_orders_state", "tenant_id", "state", "order_id"),
        PartialIndex("ix_certificate_orders_due", "next_time", where=text("next_time IS NOT NULL")),
    )

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    certificate_type: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.CertificateSigningUseEnum. 0: a combined certificate."""
    csr: Mapped[str] = mapped_column(Text)
    """PKCS #10 in PEM."""
    csr_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its DER form, hexadecimal."""
    common_name: Mapped[str] = mapped_column(String(64))
    organization: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[int | None] = mapped_column(Integer)
    """requestId of the station's last message with this request."""
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.CertificateOrderState"""
    reason: Mapped[str] = mapped_column(String(255), default="")
    chain: Mapped[str] = mapped_column(Text, default="")
    """The certificate and those above it in PEM. Empty until it is signed."""
    sent_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the certificateChain that was sent, by which the answer is assigned."""
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the certificate, hexadecimal. Empty until it is signed."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Failed attempts in this state."""
    next_time: Mapped[datetime | None]
    """When it is tried next; while it is tried, when its core counts as gone. None: it has ended."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]


class IssuedCertificate(Model):
    """A certificate that was signed for a station."""

    __tablename__ = "issued_certificates"
    __table_args__ = (
        Index(None, "tenant_id", "valid_from", "fingerprint"),
        Index("ix_issued_certificates_station", "tenant_id", "station_id", "valid_from", "fingerprint"),
        Index(None, "fingerprint"),
        PartialIndex("ix_issued_certificates_renew", "renew_due_time", where=text("renew_due_time IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the DER form, hexadecimal in lower case."""
    certificate_type: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.CertificateSigningUseEnum. 0: a combined certificate."""
    common_name: Mapped[str] = mapped_column(String(64))
    serial_number: Mapped[str] = mapped_column(String(64))
    """Hexadecimal."""
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    order_id: Mapped[str] = mapped_column(String(36))
    install_time: Mapped[datetime | None]
    """When the station accepted it, or first used it."""
    use_time: Mapped[datetime | None]
    """When the station was first admitted by it."""
    revoke_time: Mapped[datetime | None]
    """Revoked from then on. None: it is not."""
    renew_due_time: Mapped[datetime | None]
    """When to ask the station to renew it, if it is installed by then. None: it was renewed or revoked."""
    renew_attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often the station was asked to."""
