"""The table of operators' actions on settlements."""

from datetime import datetime

from sqlalchemy import Index, Integer, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["SettlementAction"]


class SettlementAction(Model):
    """One action of an operator: who, what and why. Rows never change."""

    __tablename__ = "settlement_actions"
    __table_args__ = (
        Index("ix_settlement_actions_transaction", "tenant_id", "station_id", "transaction_id"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "author", "id"),
        Index("ix_settlement_actions_transaction_id", "tenant_id", "transaction_id", "id"),
        Index(None, "tenant_id", "kind", "id"),
        Index(None, "tenant_id", "create_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    transaction_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.SettlementAction.Kind"""
    author: Mapped[str] = mapped_column(String(255))
    """Name of the key."""
    reason: Mapped[str] = mapped_column(String(500))
    correction: Mapped[int] = mapped_column(Integer)
    """Number of the correction that it caused. 0: none."""
    create_time: Mapped[datetime]
