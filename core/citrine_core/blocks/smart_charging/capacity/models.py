"""Table of the plans."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["CapacityPlan"]


class CapacityPlan(Model):
    """The charging plan of a station. It exists as long as a capacity or an external limit applies to the station."""

    __tablename__ = "charging_plans"
    __table_args__ = (
        # For plans that are due.
        Index(None, "due_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingPlanState"""
    plan: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.ChargingPlan, from the last pass."""
    sent: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON object of `Sent` by EVSE."""
    verify: Mapped[bool] = mapped_column(default=False)
    """True: the station has booted since, and its profiles must be resent."""
    cause: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingPlanCause of the next pass."""
    cause_text: Mapped[str] = mapped_column(String(200), default="")
    due_time: Mapped[datetime]
    """When a core may process it next. A core that claims it sets the end of its lease."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
