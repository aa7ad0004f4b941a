"""The table of how far feeds were followed."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table

__all__ = ["FeedRow"]


class FeedRow(Table):
    """A feed, and who follows it."""

    __tablename__ = "feeds"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(200))
    """Of the last event whose effects are stored. Empty: it begins."""
    event_time: Mapped[datetime | None]
    """About when that event happened: what changed since is listed if events are no longer retained."""
    follower_id: Mapped[str] = mapped_column(String(36))
    """The process that follows it."""
    lease_time: Mapped[datetime]
    """Until when it does."""
