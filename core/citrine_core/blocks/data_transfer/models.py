"""Tables of functional block P."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["CustomMessage", "DataTransfer"]


class DataTransfer(Model):
    """One DataTransfer of a station, with the answer."""

    __tablename__ = "data_transfers"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "vendor_id", "id"),
        Index(None, "tenant_id", "message_id", "id"),
        Index(None, "tenant_id", "create_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    vendor_id: Mapped[str] = mapped_column(String(255))
    message_id: Mapped[str | None] = mapped_column(String(50))
    """messageId of the payload, which names the vendor's message. None: it has none."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.DataTransferRequest."""
    response: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.DataTransferResponse."""
    create_time: Mapped[datetime]


class CustomMessage(Model):
    """A message of a station with customData whose own block does not store it as a whole."""

    __tablename__ = "custom_messages"
    __table_args__ = (
        UniqueConstraint("tenant_id", "station_id", "action", "content_key"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "receive_time"),
        Index(None, "tenant_id", "action", "id"),
        Index(None, "tenant_id", "receive_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    action: Mapped[str] = mapped_column(String(50))
    content_key: Mapped[str] = mapped_column(String(32))
    """Hash of the content, by which a message that is resent is recognised."""
    payload: Mapped[str] = mapped_column(Text)
    """JSON in OCPP spelling, secrets masked."""
    receive_time: Mapped[datetime]
    """When the edge last read it."""
    create_time: Mapped[datetime]
