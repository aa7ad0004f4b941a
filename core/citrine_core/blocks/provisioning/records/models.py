"""Tables of resets, and of the network profiles of stations."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["NetworkProfile", "Reset"]


class Reset(Model):
    """A reset that a station was asked for and answered."""

    __tablename__ = "resets"
    __table_args__ = (
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "answer_time", "id"),
    )

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    evse_id: Mapped[int] = mapped_column(Integer)
    """0: the whole station."""
    type: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.ResetEnum"""
    status: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.ResetStatusEnum. None: it was not answered."""
    problem: Mapped[str] = mapped_column(String(255))
    """Why it was refused or not answered, for people."""
    command_id: Mapped[str] = mapped_column(String(36))
    answer_time: Mapped[datetime]
    """When it was answered, or when nobody waited for the answer any more."""
    boot_time: Mapped[datetime | None]
    """When the station booted, after an answer that said it would."""


class NetworkProfile(Model):
    """What a station holds in one slot of its network connection profiles, as far as we told it."""

    __tablename__ = "network_profiles"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    profile: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.NetworkConnectionProfile that it accepted last, passwords masked. None: none."""
    set_time: Mapped[datetime | None]
    """When it accepted that one."""
    asked_profile: Mapped[bytes] = mapped_column(LargeBinary)
    """The profile that it was given last, passwords masked."""
    status: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.SetNetworkProfileStatusEnum of that one."""
    problem: Mapped[str] = mapped_column(String(255))
    """Why it did not take that one, for people."""
    answer_time: Mapped[datetime]
