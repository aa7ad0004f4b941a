"""The outbox: events, written in the transaction of their cause."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["OutboxEvent", "OutboxState"]


class OutboxEvent(Model):
    """One event. `citrine_core.db.databases.order` defines up to which id readers may read.

    On PostgreSQL the table is partitioned by day, and so are the ids: those of a day begin above all ids of the day
    before. So readers, who know from which id on they read, touch no partition of another day.
    """

    __tablename__ = "outbox"
    # Without AUTOINCREMENT, SQLite reuses an id once its row and all later ones are deleted, and a subscriber that
    # resumes from such an id would miss events.
    __table_args__ = (Index(None, "tenant_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    kind: Mapped[str] = mapped_column(String(50))
    """Name of the body in citrine.events.v1.Event."""
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    """The serialised citrine.events.v1.Event, without token."""
    create_time: Mapped[datetime]


class OutboxState(Model):
    """How far the outbox was pruned. One row, or none if it never was."""

    __tablename__ = "outbox_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Always 1."""
    pruned_through: Mapped[int] = mapped_column(BigInteger)
    """Highest id that was ever removed."""
