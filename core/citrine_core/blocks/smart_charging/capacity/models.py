"""Table of the plans."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["CapacityPlan"]


class CapacityPlan(Model):
    """Who is given how much of what a station may draw. There is one as long as something limits the station."""

    __tablename__ = "charging_plans"
    __table_args__ = (
        # For what is due.
        Index(None, "due_time"),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingPlanState"""
    plan: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.ChargingPlan, as of the last look."""
    sent: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON: what was sent, by EVSE. See `Sent`."""
    verify: Mapped[bool] = mapped_column(default=False)
    """True: the station booted since, and is to be sent its profiles again."""
    cause: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ChargingPlanCause of the next look."""
    cause_text: Mapped[str] = mapped_column(String(200), default="")
    due_time: Mapped[datetime]
    """When a core looks at it next. It is put off by who takes it, so that no two do."""
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
