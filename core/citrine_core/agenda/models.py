"""The table of leases."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["LeaseRow"]


class LeaseRow(Model):
    """A lease: which core does something that one core at a time needs to do."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    core_id: Mapped[str] = mapped_column(String(36))
    renew_time: Mapped[datetime]
    """When its holder last said that it lives."""
    expire_time: Mapped[datetime]
    """When another core may take it."""
