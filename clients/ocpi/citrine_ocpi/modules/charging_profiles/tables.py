"""The table of sessions of which partners are told what their station plans."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table

__all__ = ["ProfiledSessionRow"]


class ProfiledSessionRow(Table):
    """A session for which a partner set a charging profile at least once, until it is over."""

    __tablename__ = "profiled_sessions"
    __table_args__ = (
        Index("ix_profiled_sessions_due_time", "due_time", sqlite_where=text("due_time IS NOT NULL"),
              postgresql_where=text("due_time IS NOT NULL")),
        Index(None, "station_id"),
    )  # fmt: skip

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(255))
    transaction_id: Mapped[str] = mapped_column(String(255))
    evse_id: Mapped[int]
    routing: Mapped[dict[str, Any]]
    """Headers of what the partner is told."""
    revision: Mapped[int]
    """Counts how often the plan may have changed."""
    attempts: Mapped[int]
    """How often the station was asked in vain since."""
    due_time: Mapped[datetime | None]
    """When the station is to be asked; while it is, when another process may. None: nothing changed."""
    sent_limit: Mapped[str] = mapped_column(String(32))
    """The one limit of the plan that the partner was told last, as "16.0 A". Empty: none, or it has several."""
    create_time: Mapped[datetime]
