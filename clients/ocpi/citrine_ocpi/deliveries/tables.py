"""Tables of what waits for partners, and of how well they, and the parties behind them, are reached."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import BigId, Table

__all__ = ["CircuitRow", "DeliveryRow", "UnreachedRow"]


class DeliveryRow(Table):
    """One object for one partner: the newest that it has not got yet."""

    __tablename__ = "deliveries"
    __table_args__ = (
        # What waits for an object is one row; dead letters are as many as there are.
        Index(
            "uq_deliveries_object",
            "partner_id",
            "object_key",
            unique=True,
            sqlite_where=text("dead_time IS NULL"),
            postgresql_where=text("dead_time IS NULL"),
        ),
        Index(
            "ix_deliveries_due",
            "partner_id",
            "due_time",
            sqlite_where=text("dead_time IS NULL"),
            postgresql_where=text("dead_time IS NULL"),
        ),
        Index("ix_deliveries_order", "partner_id", "order_key", "delivery_id"),
    )

    delivery_id: Mapped[BigId]
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"))
    module: Mapped[str] = mapped_column(String(32))
    object_key: Mapped[str] = mapped_column(String(200))
    """The object: a newer version of it replaces what waits."""
    order_key: Mapped[str] = mapped_column(String(200))
    """What has the same is sent one after the other, in the order of `delivery_id`."""
    method: Mapped[str] = mapped_column(String(6))
    """PUT (of the whole, or PATCH where `changes` say what differs), POST or DELETE."""
    path: Mapped[str] = mapped_column(String(400))
    """Below the partner's endpoint of the module, or a URL that the partner gave."""
    body: Mapped[str] = mapped_column(Text)
    """The whole object. Empty: none."""
    changes: Mapped[str] = mapped_column(Text)
    """What of it the partner has not got. Empty: it gets the whole."""
    routing: Mapped[dict[str, Any]]
    """Headers that say who it is from and for."""
    receiver_country: Mapped[str] = mapped_column(String(2), default="", server_default=text("''"))
    """Country of the party that it is for. Empty: it is for no party in particular."""
    receiver_party: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    correlation_id: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    """Counts how often it was replaced."""
    attempts: Mapped[int]
    create_time: Mapped[datetime]
    """When the oldest change happened that the partner has not got."""
    due_time: Mapped[datetime]
    lease_time: Mapped[datetime | None]
    """Until when one process is sending it."""
    expire_time: Mapped[datetime | None]
    """After which it is of no use to the partner. None: it always is."""
    dead_time: Mapped[datetime | None]
    """When it was given up. None: it was not."""
    problem: Mapped[str] = mapped_column(Text)
    """Why the last attempt failed."""


class UnreachedRow(Table):
    """A party behind a hub that the hub did not reach when something was sent for it last."""

    __tablename__ = "unreached_receivers"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    """The hub."""
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    failures: Mapped[int]
    """In a row."""
    open_time: Mapped[datetime]
    """Until when nothing is sent to it; then one delivery finds out whether it is reached."""


class CircuitRow(Table):
    """How well a partner is reached."""

    __tablename__ = "circuits"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    failures: Mapped[int]
    """In a row."""
    open_time: Mapped[datetime | None]
    """Until when nothing is sent to it."""
    problem: Mapped[str] = mapped_column(Text)
