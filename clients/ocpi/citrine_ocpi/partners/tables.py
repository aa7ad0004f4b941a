"""Tables of partners, their parties, endpoints and tokens, and of our own parties."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import BigId, Table

__all__ = ["EndpointRow", "IssuedTokenRow", "OwnPartyRow", "PartnerPartyRow", "PartnerRow", "WaitingPartyRow"]

LONGEST_URL = 255


class OwnPartyRow(Table):
    """A party of ours. The one that was made first is that of all that names none."""

    __tablename__ = "own_parties"

    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    website: Mapped[str] = mapped_column(String(LONGEST_URL), default="")
    logo: Mapped[str] = mapped_column(String(LONGEST_URL), default="")
    create_time: Mapped[datetime]


class PartnerRow(Table):
    """A connection."""

    __tablename__ = "partners"

    partner_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[str | None] = mapped_column(String(8))
    """None: it is not registered."""
    is_raw: Mapped[bool]
    versions_url: Mapped[str] = mapped_column(String(LONGEST_URL), default="")
    token: Mapped[str] = mapped_column(String(400), default="")
    """By which we call it, encrypted. Empty: it gave none."""
    hub_country_code: Mapped[str] = mapped_column(String(2), default="")
    hub_party_id: Mapped[str] = mapped_column(String(3), default="")
    hub_consent_time: Mapped[datetime | None]
    """When the operator said that it may be a hub. None: it may not."""
    is_broadcast: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the hub is sent once what all behind it may see, and sends it on."""
    create_time: Mapped[datetime]
    register_time: Mapped[datetime | None]
    suspend_time: Mapped[datetime | None]


class PartnerPartyRow(Table):
    """A party behind a connection, in one role. No two partners have the same party in the same role."""

    __tablename__ = "partner_parties"

    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), index=True)
    business_details: Mapped[dict[str, Any]]


class WaitingPartyRow(Table):
    """A party that a partner named when it changed its credentials, and that the operator has not accepted yet.

    Nothing is its own before: whoever says first that it is somebody keeps nobody else from being that.
    """

    __tablename__ = "waiting_parties"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    country_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    party_id: Mapped[str] = mapped_column(String(3), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    business_details: Mapped[dict[str, Any]]
    is_hub: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it is the party of the hub itself, once it is accepted."""


class EndpointRow(Table):
    """An endpoint of a partner."""

    __tablename__ = "partner_endpoints"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    module: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)
    url: Mapped[str] = mapped_column(String(LONGEST_URL))


class IssuedTokenRow(Table):
    """A credentials token by which a partner calls us. Only its hash is stored."""

    __tablename__ = "issued_tokens"
    __table_args__ = (Index(None, "partner_id", "token_id"),)

    token_id: Mapped[BigId]
    """Newer ones have larger ids."""
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    is_invitation: Mapped[bool]
    """Whether it is a token A: good until the registration alone."""
    is_confirmed: Mapped[bool]
    """Whether the exchange that it is of is over, so that its first use ends those before it."""
    create_time: Mapped[datetime]
    first_use_time: Mapped[datetime | None]
