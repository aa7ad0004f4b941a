"""Common columns of all tables of requests."""

from datetime import datetime

from sqlalchemy import SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId

__all__ = ["LONGEST_DETAIL", "StationRequest"]

LONGEST_DETAIL = 1000
"""Longest detail, in characters."""


class StationRequest:
    """One request to store an object in a station, with its state."""

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    state: Mapped[int] = mapped_column(SmallInteger)
    """Enum of the block in citrine.api.v1."""
    state_time: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    """Enum of citrine.ocpp.v2 in the station's answer. None: no answer yet."""
    detail: Mapped[str] = mapped_column(String(LONGEST_DETAIL), default="")
    """Why it is in its state, for people."""
    deadline_time: Mapped[datetime | None]
    """Latest time at which the end of its command is known. None: it was not requested by us."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
