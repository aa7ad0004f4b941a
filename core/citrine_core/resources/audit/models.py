"""Tables of the audit."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["AuditCheckpoint", "AuditRecord"]


class AuditRecord(Model):
    """One call, or several alike that were denied.

    Triggers of the database refuse every change but the erasure of a person, and the removal of records that are
    younger than 30 days.
    """

    __tablename__ = "audit_records"
    __table_args__ = (
        UniqueConstraint("chain_id", "number"),
        Index(None, "tenant_id", "record_id"),
        Index(None, "tenant_id", "create_time", "record_id"),
        Index(None, "tenant_id", "caller_id", "record_id"),
        Index(None, "tenant_id", "method", "record_id"),
        Index("ix_audit_records_object", "tenant_id", "object", "record_id"),
        Index(None, "create_time"),
    )

    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """A UUID of version 7: later records have greater ids."""
    tenant_id: Mapped[str] = mapped_column(String(36))
    """Tenant that the call acted on. Empty: none was identified."""
    create_time: Mapped[datetime]
    caller_id: Mapped[str] = mapped_column(String(255))
    caller_name: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(150))
    object: Mapped[str] = mapped_column(String(255))
    request: Mapped[str] = mapped_column(Text)
    """JSON, secrets masked, cut if it is long."""
    outcome: Mapped[str] = mapped_column(String(30))
    """Name of a gRPC status."""
    count: Mapped[int] = mapped_column(Integer)
    chain_id: Mapped[str] = mapped_column(String(36))
    number: Mapped[int] = mapped_column(BigInteger)
    """Position in the chain, from 1 on."""
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    """Of the record as it was stored, also where a person was erased from it."""
    erased: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether ids of a person in `object` and `request` were replaced by pseudonyms."""


class AuditCheckpoint(Model):
    """The last record of a chain that was removed because of its age: the chain goes on behind it."""

    __tablename__ = "audit_checkpoints"

    chain_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
