"""Tables of what partners see, who may see it, and who got it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import BigId, Table

__all__ = ["EVERYBODY", "AudienceRow", "PositionRow", "PublishedRow", "ReceiptRow"]

EVERYBODY = ""
"""Country and party of an audience that is all partners."""


class PublishedRow(Table):
    """An object of a module, as partners read it."""

    __tablename__ = "published_objects"
    __table_args__ = (
        UniqueConstraint("module", "object_id"),
        Index(None, "module", "last_updated", "published_id"),
        Index(None, "module", "source"),
        Index(None, "token_lookup"),
    )

    published_id: Mapped[BigId]
    module: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(39))
    source: Mapped[str] = mapped_column(String(300))
    """What it was made of, e.g. "transaction/CS-1/T-1"."""
    country_code: Mapped[str] = mapped_column(String(2))
    party_id: Mapped[str] = mapped_column(String(3))
    """Of ours, that owns it."""
    token_lookup: Mapped[str | None] = mapped_column(String(36))
    """The uid of the token that it is of, in small letters. None: it is of none, or of one that was erased."""
    bodies: Mapped[dict[str, Any]]
    """JSON by version of OCPI."""
    state: Mapped[dict[str, Any]]
    """What its module remembers of it."""
    last_updated: Mapped[datetime]


class AudienceRow(Table):
    """A party whose platform may see an object."""

    __tablename__ = "published_audiences"
    __table_args__ = (Index(None, "country_code", "party_id", "published_id"),)

    published_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("published_objects.published_id", ondelete="CASCADE"), primary_key=True
    )
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)


class PositionRow(Table):
    """How far a list of the core was read, of which each item counts once."""

    __tablename__ = "published_positions"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class ReceiptRow(Table):
    """A partner who was sent an object."""

    __tablename__ = "published_receipts"

    published_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("published_objects.published_id", ondelete="CASCADE"), primary_key=True
    )
    partner_id: Mapped[str] = mapped_column(
        ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True, index=True
    )
    url: Mapped[str] = mapped_column(String(255), default="")
    """Where the partner has it, as it said. Empty: it did not say."""
    evses: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Uids of the EVSEs of a location that it was sent. None: all, or it is no location."""
