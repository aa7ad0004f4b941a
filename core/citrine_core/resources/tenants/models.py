"""Tables of the tenants."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Tenant"]


class Tenant(Model):
    """One business whose stations Citrine runs. "default" is there from the start."""

    __tablename__ = "tenants"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255), default="")
    create_time: Mapped[datetime]
