"""Columns that all tables of requests have."""

from datetime import datetime

from sqlalchemy import SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId

__all__ = ["LONGEST_DETAIL", "StationRequest"]

LONGEST_DETAIL = 1000
"""Characters of a detail."""


class StationRequest:
    """One request: what a station was asked to hold, and what became of it."""

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    state: Mapped[int] = mapped_column(SmallInteger)
    """Enum of the block in citrine.api.v1."""
    state_time: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    """Enum of citrine.ocpp.v2 that the station answered. None: it has not."""
    detail: Mapped[str] = mapped_column(String(LONGEST_DETAIL), default="")
    """Why it is in its state, for people."""
    deadline_time: Mapped[datetime | None]
    """When the end of its command is known in any case. None: it was not asked for by us."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
