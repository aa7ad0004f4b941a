"""Tables of the example plug-in."""

from datetime import datetime

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import BigId, Model

__all__ = ["ExampleReading"]


class ExampleReading(Model):
    """One reading of a thermometer that OCPP knows nothing of."""

    __tablename__ = "example_readings"

    id: Mapped[BigId]
    tenant_id: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(48))
    celsius: Mapped[float] = mapped_column(Double)
    create_time: Mapped[datetime]
