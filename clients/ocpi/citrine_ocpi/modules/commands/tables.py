"""The table of commands of partners."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.db.base import BigId

__all__ = ["CommandRow", "Target"]

Target = Mapping[str, Any]
"""Station, and what a command names of it, as it is stored."""


class CommandRow(Table):
    """A command that was accepted: what the station says to it goes to the partner."""

    __tablename__ = "partner_commands"

    command_id: Mapped[BigId]
    partner_id: Mapped[str] = mapped_column(String(36))
    digest: Mapped[str] = mapped_column(String(64))
    """Of the command and all that it says: who repeats it says the same."""
    request_id: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    """X-Request-ID of the request that it came by."""
    idempotency_key: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    """By which the core knows that it comes again: of this command alone, whatever becomes of this database."""
    command: Mapped[str] = mapped_column(String(32))
    """CommandType of OCPI, or what a charging profile is to become."""
    response_url: Mapped[str] = mapped_column(String(255))
    target: Mapped[dict[str, Any]]
    """Station, and what the command names of it."""
    routing: Mapped[dict[str, Any]]
    """Headers of the result."""
    correlation_id: Mapped[str] = mapped_column(String(64))
    create_time: Mapped[datetime]
    due_time: Mapped[datetime | None]
    """When it is to be sent to the core; while it is, when another process may. None: its result is known."""

    __table_args__ = (
        UniqueConstraint("partner_id", "digest", name="uq_partner_commands_partner_id_digest"),
        Index("ix_partner_commands_due_time", "due_time", sqlite_where=text("due_time IS NOT NULL"),
              postgresql_where=text("due_time IS NOT NULL")),
        Index("ix_partner_commands_create_time", "create_time"),
    )  # fmt: skip
