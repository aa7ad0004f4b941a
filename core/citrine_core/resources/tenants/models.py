"""Tables of the tenants."""

from datetime import datetime

from sqlalchemy import Integer, String, Text, text, true
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["RemovedTenant", "Tenant"]


class Tenant(Model):
    """One business whose stations Citrine runs. "default" exists from the start."""

    __tablename__ = "tenants"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255), default="")
    unknown_stations: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """citrine.api.v1.UnknownStations"""
    max_held_stations: Mapped[int] = mapped_column(Integer, default=100, server_default="100")
    """Most unknown stations that are held at a time."""
    asks_inventory: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether stations that are new, or boot with other hardware or firmware, get a request for their inventory."""
    quotas: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """How much it may have of something, by names of citrine.api.v1.QuotaKind in lower case, JSON. Empty: no quota."""
    create_time: Mapped[datetime]


class RemovedTenant(Model):
    """A tenant that was removed: its id is never used again."""

    __tablename__ = "removed_tenants"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255))
    create_time: Mapped[datetime | None]
    """When the tenant was created. None: an earlier version removed it."""
    remove_time: Mapped[datetime]
    purge_time: Mapped[datetime | None]
    """When its last row was removed, but for those that are retained. None: there may be some."""
