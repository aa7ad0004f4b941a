"""The table of tariffs that partners were sent."""

from sqlalchemy import ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table

__all__ = ["SentTariffRow"]


class SentTariffRow(Table):
    """A tariff that a partner has, or gets: it is sent again only when it is another."""

    __tablename__ = "sent_tariffs"

    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.partner_id", ondelete="CASCADE"), primary_key=True)
    tariff_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """Of the tariff as it was sent, and of the registration that it was sent in."""
    party: Mapped[str] = mapped_column(String(6))
    """Our party that it was sent of, as NL-CTR."""
    receivers: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """Parties behind a hub that it was sent to, as NL-TNM, separated by blanks. Empty: the partner as a whole."""
