"""The table of checks of transactions."""

from datetime import datetime

from sqlalchemy import Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["TransactionCheck"]


class TransactionCheck(Model):
    """The check of one transaction: its schedule, and the station's last answer.

    A separate table, because most transactions never need a check, and their events must not pay for it.
    """

    __tablename__ = "transaction_checks"
    __table_args__ = (
        PartialIndex(
            "ix_transaction_checks_due",
            "due_time",
            where=text("due_time IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    reason: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.TransactionCheck.Reason"""
    asks: Mapped[int] = mapped_column(Integer, default=0)
    """Number of questions for the present reason."""
    ask_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    """When to ask next, if the station is connected. None: never."""
    answer_time: Mapped[datetime | None]
    ongoing: Mapped[bool | None]
    """ongoingIndicator of the last answer."""
    messages_in_queue: Mapped[bool | None]
    """messagesInQueue of the last answer."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    """Why the last question was not answered."""
