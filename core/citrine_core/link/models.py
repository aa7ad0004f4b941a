"""Tables of the link: the row that probes whether the database can commit."""

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Probe"]


class Probe(Model):
    """One row, written again and again after an outage until a commit succeeds."""

    __tablename__ = "probe"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Always 1."""
    probe_time: Mapped[datetime]
