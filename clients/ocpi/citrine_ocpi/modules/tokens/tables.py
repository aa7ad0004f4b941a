"""The tables of tokens of partners: what the core has no place for, how far lists were read, who was asked."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table
from citrine_ocpi.db.base import BigId

__all__ = ["AuthorizationRow", "TokenPullRow", "TokenRow"]


class TokenRow(Table):
    """A token as its owner said it last. The core has what decides on it."""

    __tablename__ = "tokens"

    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Its uid in small letters."""
    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    """TokenType of OCPI."""
    last_updated: Mapped[datetime]
    body: Mapped[dict[str, Any]]


class TokenPullRow(Table):
    """How far the list of tokens of a partner was read."""

    __tablename__ = "token_pulls"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    register_time: Mapped[datetime]
    """When the partner registered: who does so anew has its whole list read again."""
    parties: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """Behind the partner when it was read, with commas: with another one the whole list is read again."""
    until_time: Mapped[datetime | None]
    """What changed before was read. None: nothing was, yet."""
    due_time: Mapped[datetime]
    """When it is read next; while it is read, when another process may."""
    problem: Mapped[str] = mapped_column(String(500))
    """Why it could not be read last time. Empty: it was."""


class AuthorizationRow(Table):
    """What a provider said of a token when it was asked, or by a command, for the session that begins by it."""

    __tablename__ = "authorizations"

    authorization_id: Mapped[BigId]
    partner_id: Mapped[str] = mapped_column(String(36))
    lookup: Mapped[str] = mapped_column(String(36))
    station_id: Mapped[str] = mapped_column(String(255))
    reference: Mapped[str] = mapped_column(String(36))
    create_time: Mapped[datetime]
    until_time: Mapped[datetime | None]
    """Until when it is asked no more, since it said so by a command. None: it said so when it was asked."""
    reservation_id: Mapped[int | None]
    """Of OCPP: what it said holds as long as that reservation does. None: it is for none."""

    __table_args__ = (
        Index("ix_authorizations_lookup_station_id_create_time", "lookup", "station_id", "create_time"),
        Index("ix_authorizations_create_time", "create_time"),
    )
