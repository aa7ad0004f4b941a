"""The table of limits of transactions."""

from datetime import datetime

from sqlalchemy import Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.usage_limits import UsageLimitColumns

__all__ = ["TransactionLimit"]


class TransactionLimit(UsageLimitColumns, Model):
    """The limit of one transaction, and its state.

    A separate table, because most transactions have no limit, and their events must not pay for it.
    """

    __tablename__ = "transaction_limits"
    __table_args__ = (
        PartialIndex(
            "ix_transaction_limits_due",
            "due_time",
            where=text("due_time IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    prepaid: Mapped[bool] = mapped_column(default=False)
    """Whether the credit of its token is a limit, too."""
    watches_token: Mapped[bool] = mapped_column(default=False)
    """Whether it must stop when its token loses the authorization."""
    state: Mapped[int] = mapped_column(SmallInteger)
    """citrine.api.v1.LimitState"""
    reason: Mapped[int] = mapped_column(SmallInteger, default=0)
    """citrine.api.v1.LimitReason"""
    reach_time: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often its station was asked to stop."""
    due_time: Mapped[datetime | None]
    """When to check it next. None: never."""
    problem: Mapped[str] = mapped_column(String(255), default="")
    set_by: Mapped[str] = mapped_column(String(255), default="")
    update_time: Mapped[datetime]
