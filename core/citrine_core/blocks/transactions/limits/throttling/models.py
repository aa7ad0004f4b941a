"""The table of throttled transactions."""

from datetime import datetime

from sqlalchemy import Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["TransactionThrottle"]


class TransactionThrottle(Model):
    """The throttle of a transaction that reached its limit, and that its station did not stop."""

    __tablename__ = "transaction_throttles"
    __table_args__ = (
        PartialIndex(
            "ix_transaction_throttles_due",
            "due_time",
            where=text("due_time IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ThrottleState"""
    profile_id: Mapped[int | None] = mapped_column(Integer)
    """Id of the profile that was sent last."""
    attempts: Mapped[int] = mapped_column(Integer)
    """Number of attempts to set or clear it since the station last matched the throttle."""
    due_time: Mapped[datetime | None]
    """When its next step is due. None: never."""
    send_time: Mapped[datetime | None]
    """When the profile was last sent. A station that booted since may have lost it."""
    problem: Mapped[str] = mapped_column(String(255))
    update_time: Mapped[datetime]
    """Since when it is in its state."""
