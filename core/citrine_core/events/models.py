"""The outbox: events, written in the transaction of their cause."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["OutboxEvent"]


class OutboxEvent(Model):
    """One event. Ids grow in the order of commits."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "tenant_id", "id"), Index(None, "create_time"))

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    kind: Mapped[str] = mapped_column(String(50))
    """Name of the body in citrine.events.v1.Event."""
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    """The serialised citrine.events.v1.Event, without token."""
    create_time: Mapped[datetime]
