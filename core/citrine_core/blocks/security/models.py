"""Tables of functional block A."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["SecurityEvent"]


class SecurityEvent(Model):
    """One security event that a station reported."""

    __tablename__ = "security_events"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "type", "id"),
        Index(None, "tenant_id", "event_time", "id"),
        Index("ix_security_events_station", "tenant_id", "station_id", "event_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    type: Mapped[str] = mapped_column(String(50))
    event_time: Mapped[datetime]
    """By the clock of the station."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.SecurityEventNotificationRequest."""
    create_time: Mapped[datetime]
