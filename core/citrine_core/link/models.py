"""Tables of the link: what probes whether the database can commit."""

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["Probe"]


class Probe(Model):
    """A row of one write probe. None is left by it, save the one of earlier releases."""

    __tablename__ = "probe"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Random."""
    probe_time: Mapped[datetime]
