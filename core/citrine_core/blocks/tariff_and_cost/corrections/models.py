"""The table of corrections."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model, PartialIndex

__all__ = ["CostCorrection"]


class CostCorrection(Model):
    """What a transaction costs instead of its final cost, or of the correction before. A row never changes."""

    __tablename__ = "cost_corrections"
    __table_args__ = (
        UniqueConstraint("tenant_id", "station_id", "transaction_id", "number", name="uq_cost_corrections_number"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "author", "id"),
        Index("ix_cost_corrections_transaction_id", "tenant_id", "transaction_id", "id"),
        Index(None, "tenant_id", "reason", "id"),
        Index(None, "tenant_id", "create_time", "id"),
        # Of costs that were not known before.
        PartialIndex(
            "ix_cost_corrections_of_unknown",
            *("tenant_id", "station_id", "transaction_id"),
            where=text("replaced_after_tax IS NULL"),
        ),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    transaction_id: Mapped[str] = mapped_column(String(36))
    number: Mapped[int] = mapped_column(Integer)
    """From 1. It replaces the one before it, the first one the final cost."""
    reason: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.CostCorrection.Reason"""
    detail: Mapped[str] = mapped_column(String(500))
    author: Mapped[str] = mapped_column(String(255))
    """Name of the key of who had it made. Empty: the core by itself."""
    tariff_id: Mapped[str] = mapped_column(String(36))
    tariff_version: Mapped[int] = mapped_column(Integer)
    before_tax: Mapped[str] = mapped_column(String(40))
    after_tax: Mapped[str] = mapped_column(String(40))
    replaced_before_tax: Mapped[str | None] = mapped_column(String(40))
    """With replaced_after_tax: what it cost before. None: that was not known."""
    replaced_after_tax: Mapped[str | None] = mapped_column(String(40))
    breakdown: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.Cost."""
    create_time: Mapped[datetime]
