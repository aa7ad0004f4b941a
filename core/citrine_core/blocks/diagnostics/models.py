"""Tables of functional block N."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["StationEvent"]


class StationEvent(Model):
    """One eventData of a NotifyEvent."""

    __tablename__ = "station_events"
    __table_args__ = (Index(None, "tenant_id", "id"), Index(None, "tenant_id", "station_id", "id"))

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    component: Mapped[str] = mapped_column(String(50))
    variable: Mapped[str] = mapped_column(String(50))
    event_time: Mapped[datetime]
    """By the clock of the station."""
    event: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.EventData."""
    create_time: Mapped[datetime]
