"""Tables of refusals and of tolerance rules."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["RefusalRow", "ToleranceRuleRow"]


class RefusalRow(Model):
    """Similar messages of a station that were refused, dropped, mended, tolerated or delayed, counted."""

    __tablename__ = "refusals"
    __table_args__ = (
        Index(None, "tenant_id", "last_time"),
        Index(None, "last_time"),
        Index("ix_refusals_station", "tenant_id", "station_id", "last_time"),
        Index("ix_refusals_action", "tenant_id", "action", "last_time"),
        Index("ix_refusals_outcome", "tenant_id", "outcome", "last_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    outcome: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.api.v1.RefusalOutcome"""
    action: Mapped[str] = mapped_column(String(70), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(20), primary_key=True)
    code: Mapped[str] = mapped_column(String(50), primary_key=True)
    path: Mapped[str] = mapped_column(String(200), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(50), primary_key=True)
    """Tolerance rule that accepted it. Empty: none."""
    description: Mapped[str] = mapped_column(String(255))
    """The problem of the latest message."""
    count: Mapped[int] = mapped_column(BigInteger)
    first_time: Mapped[datetime]
    last_time: Mapped[datetime]
    last_frame: Mapped[str] = mapped_column(Text)
    """The latest message as text, with secrets masked, and cut."""
    remedies: Mapped[str] = mapped_column(String(50), default="", server_default=text("''"))
    """Numbers of the citrine.api.v1.ToleranceKind that the latest would need, with blanks between."""


class ToleranceRuleRow(Model):
    """A violation of the schema that an operator tolerates from stations of a vendor, model or firmware."""

    __tablename__ = "tolerance_rules"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(50), primary_key=True)
    vendor_name: Mapped[str] = mapped_column(String(50))
    """Compared without case. Empty: any."""
    model: Mapped[str] = mapped_column(String(20))
    """Compared without case. Empty: any."""
    firmware_version: Mapped[str] = mapped_column(String(50), default="", server_default=text("''"))
    """Compared without case; a "*" at its end stands for any rest. Empty: any."""
    actions: Mapped[str] = mapped_column(Text)
    """OCPP actions, with blanks between."""
    kinds: Mapped[str] = mapped_column(String(50))
    """Numbers of citrine.api.v1.ToleranceKind, with blanks between."""
    description: Mapped[str] = mapped_column(String(255))
    uses: Mapped[int] = mapped_column(BigInteger, default=0)
    last_use_time: Mapped[datetime | None]
    update_time: Mapped[datetime]
