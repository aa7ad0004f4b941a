"""Tables of functional block M."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["InstalledCertificate"]


class InstalledCertificate(Model):
    """One certificate that a station has, as its answers say.

    The hash data is in lower case here; `content` has it as the station reported it.
    """

    __tablename__ = "installed_certificates"
    __table_args__ = (
        UniqueConstraint(
            "tenant_id",
            "station_id",
            "certificate_type",
            "hash_algorithm",
            "issuer_name_hash",
            "issuer_key_hash",
            "serial_number",
            # PostgreSQL takes names of at most 63 bytes.
            name="uq_installed_certificates_hash_data",
        ),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "fingerprint"),
        Index("ix_installed_certificates_type", "tenant_id", "certificate_type", "id"),
        Index("ix_installed_certificates_serial_number", "tenant_id", "serial_number", "id"),
        Index("ix_installed_certificates_expire_time", "tenant_id", "expire_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    certificate_type: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.GetCertificateIdUseEnum"""
    hash_algorithm: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.HashAlgorithmEnum"""
    issuer_name_hash: Mapped[str] = mapped_column(String(128))
    issuer_key_hash: Mapped[str] = mapped_column(String(128))
    """Empty: the issuer is not known, and the station has not reported the certificate yet."""
    serial_number: Mapped[str] = mapped_column(String(40))
    """Hexadecimal, without leading zeros."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.CertificateHashDataChain."""
    certificate: Mapped[str] = mapped_column(Text, default="")
    """In PEM, if the core sent it. Empty: only its hash data is known."""
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the certificate in DER, hexadecimal."""
    subject: Mapped[str] = mapped_column(Text, default="")
    expire_time: Mapped[datetime | None]
    install_time: Mapped[datetime | None]
    """When the station accepted it from the core last. None: never."""
    command_id: Mapped[str] = mapped_column(String(36), default="")
    """Command by which it was installed. Empty: none of the core."""
    requested_by: Mapped[str] = mapped_column(Text, default="")
    report_time: Mapped[datetime | None]
    """When the station reported it last. None: never."""
    create_time: Mapped[datetime]
