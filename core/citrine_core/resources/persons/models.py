"""The table of erasures."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ErasureRow"]


class ErasureRow(Model):
    """The erasure of the data of a person. As long as it is not finished, it has the ids that are to be replaced."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index(None, "tenant_id", "create_time", "erasure_id"),
        PartialIndex("ix_erasures_due", "next_time", where=text("next_time IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    erasure_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.ErasureState"""
    waits_for: Mapped[str] = mapped_column(String(255), default="")
    ids: Mapped[str] = mapped_column(Text)
    """The ids of the person, each with its kind and type, in the order of the pseudonyms: a format, then JSON (see
    `pack_ids`). Empty once it is finished. Older releases stored JSON alone, and read nothing else."""
    pseudonyms: Mapped[str] = mapped_column(Text)
    """JSON array."""
    lookups: Mapped[str] = mapped_column(Text)
    """JSON: lookups of the tokens. Empty once it is finished."""
    table_name: Mapped[str] = mapped_column(String(63), default="")
    """The table that is under way. Empty: none yet."""
    after_key: Mapped[str] = mapped_column(Text, default="")
    """JSON: key of the last row of it that was read. Empty: none yet."""
    tables_done: Mapped[int] = mapped_column(Integer, default=0)
    tables_total: Mapped[int] = mapped_column(Integer, default=0)
    changed_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    requested_by: Mapped[str] = mapped_column(String(255))
    create_time: Mapped[datetime]
    next_time: Mapped[datetime | None]
    """When it goes on. None: it is finished."""
    finish_time: Mapped[datetime | None]
