"""The table of requests to start transactions."""

from datetime import datetime

from sqlalchemy import Index, Integer, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model
from citrine_core.resources.usage_limits import UsageLimitColumns

__all__ = ["RemoteStart"]


class RemoteStart(UsageLimitColumns, Model):
    """One RequestStartTransaction and its state; of several with the same id, the latest."""

    __tablename__ = "remote_starts"
    __table_args__ = (
        Index(None, "tenant_id", "create_time"),
        Index(None, "tenant_id", "state", "create_time"),
        Index("ix_remote_starts_station", "tenant_id", "station_id", "create_time"),
        Index("ix_remote_starts_changed", "tenant_id", "update_time", "station_id", "remote_start_id"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    remote_start_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.RemoteStartState"""
    id_token: Mapped[str] = mapped_column(String(255))
    id_token_type: Mapped[str] = mapped_column(String(20))
    group_id_token: Mapped[str | None] = mapped_column(String(255))
    group_id_token_type: Mapped[str | None] = mapped_column(String(20))
    evse_id: Mapped[int | None] = mapped_column(Integer)
    charging_profile_id: Mapped[int | None] = mapped_column(Integer)
    transaction_id: Mapped[str] = mapped_column(String(36), default="")
    """Transaction that began by it. Empty: none is known."""
    command_id: Mapped[str] = mapped_column(String(36), default="")
    """Empty until the command ended."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    reference: Mapped[str | None] = mapped_column(String(64))
    """What the caller calls it. None: nothing."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
