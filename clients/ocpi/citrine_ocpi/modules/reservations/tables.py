"""The table of what partners call reservations."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_ocpi.db import Table

__all__ = ["LONGEST_LOOKUP", "ReservationRequest", "ReservationRow"]

LONGEST_LOOKUP = 36


@dataclass(frozen=True)
class ReservationRequest:
    """What a partner said of a reservation when it asked for it."""

    response_url: str
    """Where it is told what becomes of it. Empty: not known."""
    routing: dict[str, Any]
    """Headers of what it is told."""
    correlation_id: str
    reference: str
    """What it calls the authorization. Empty: nothing."""
    expire_time: datetime

    def stored(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "expire_time": self.expire_time.isoformat()}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "ReservationRequest":
        """Return it from JSON."""
        return cls(**{**stored, "expire_time": datetime.fromisoformat(stored["expire_time"])})


class ReservationRow(Table):
    """What a partner calls a reservation, and what its station does."""

    __tablename__ = "partner_reservations"

    partner_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(LONGEST_LOOKUP), primary_key=True)
    """The partner's id in small letters; that of a party behind a hub with the party, as a digest."""
    station_id: Mapped[str] = mapped_column(String(255))
    reservation_id: Mapped[int]
    """Of OCPP."""
    expire_time: Mapped[datetime]
    response_url: Mapped[str] = mapped_column(String(255), server_default=text("''"))
    """Where the partner is told what becomes of it. Empty: it was asked for before this was stored."""
    routing: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Headers of what the partner is told."""
    correlation_id: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    reference: Mapped[str] = mapped_column(String(36), server_default=text("''"))
    """What the partner calls its authorization. Empty: nothing."""
    is_given_up: Mapped[bool] = mapped_column(server_default=false())
    """Whether the partner wants it no more, or was told that it was cancelled. It is so until it is made anew."""

    __table_args__ = (
        Index("ix_partner_reservations_expire_time", "expire_time"),
        Index("ix_partner_reservations_station_id_reservation_id", "station_id", "reservation_id"),
    )

    @property
    def requested(self) -> ReservationRequest:
        """What the partner said of it last."""
        return ReservationRequest(
            self.response_url, self.routing or {}, self.correlation_id, self.reference, self.expire_time
        )
