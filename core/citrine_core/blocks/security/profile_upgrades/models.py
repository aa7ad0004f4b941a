"""The table of upgrades to a higher security profile."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["SecurityProfileUpgradeRow"]


class SecurityProfileUpgradeRow(Model):
    """The way of one station to a higher security profile."""

    __tablename__ = "security_profile_upgrades"
    __table_args__ = (
        Index("ix_security_profile_upgrades_station", "tenant_id", "station_id", "upgrade_id"),
        Index("ix_security_profile_upgrades_state", "tenant_id", "state", "upgrade_id"),
        PartialIndex("ix_security_profile_upgrades_due", "next_time", where=text("next_time IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    upgrade_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """A UUID of version 7: later ones are greater."""
    station_id: Mapped[str] = mapped_column(String(48))
    security_profile: Mapped[int] = mapped_column(Integer)
    slot: Mapped[int] = mapped_column(Integer)
    state: Mapped[int] = mapped_column(Integer)
    """citrine.api.v1.SecurityProfileUpgradeState"""
    reason: Mapped[str] = mapped_column(String(255), default="")
    previous_priority: Mapped[str] = mapped_column(String(255), default="")
    """NetworkConfigurationPriority before."""
    connection_data: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.NetworkConnectionProfile. None: it was begun before this was stored, and sent."""
    resets_immediately: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_prioritized: Mapped[bool] = mapped_column(default=False)
    """Whether the station may have another NetworkConfigurationPriority by now, which a failure takes back."""
    requested_by: Mapped[str] = mapped_column(String(255))
    create_time: Mapped[datetime]
    reset_time: Mapped[datetime | None]
    """When the station was about to be asked to restart."""
    next_time: Mapped[datetime | None]
    """When to look at it next; while it is sent, when its core counts as gone. None: it has ended."""
    deadline_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]
