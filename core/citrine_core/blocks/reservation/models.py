"""Tables of functional block H."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.station_requests import StationRequest

__all__ = ["Reservation"]

_ACTIVE = text("state = 2")
_DOUBTFUL = text("clean_up_time IS NOT NULL")
_UNBILLED = text("bill_time IS NOT NULL")


class Reservation(StationRequest, Model):
    """One reservation: the request to the station, and its state.

    `state` is a citrine.api.v1.ReservationState, `status` a citrine.ocpp.v2.ReserveNowStatusEnum.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "state", "id"),
        Index(None, "tenant_id", "station_id", "id"),
        Index(None, "tenant_id", "create_time", "id"),
        Index(None, "tenant_id", "update_time", "id"),
        Index(None, "tenant_id", "station_id", "reservation_id"),
        Index(None, "tenant_id", "id_token_lookup"),
        # A station has one reservation with an id; a second one replaces the first (H01.FR.02).
        PartialIndex(
            "uq_reservations_active",
            "tenant_id",
            "station_id",
            "reservation_id",
            unique=True,
            where=_ACTIVE,
        ),
        Index(None, "tenant_id", "station_id", "state"),
        # The job finds due reservations quickly, whatever the number of stored ones.
        Index(None, "state", "expire_time"),
        PartialIndex("ix_reservations_doubtful", "clean_up_time", where=_DOUBTFUL),
        PartialIndex("ix_reservations_unbilled", "bill_time", where=_UNBILLED),
    )

    reservation_id: Mapped[int] = mapped_column(Integer)
    """Id within the station."""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    """EVSE that is reserved. None: any."""
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """The same text for all spellings of the token (see lookup_of)."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.ReserveNowRequest."""
    expire_time: Mapped[datetime]
    """expiryDateTime of the request."""
    deadline_time: Mapped[datetime] = mapped_column()
    """When its command must have ended."""
    resends: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """How often it was resent, because the station may have lost it."""
    is_told: Mapped[bool] = mapped_column(default=False)
    """True: the station reported the final state. False: the core inferred it."""
    transaction_id: Mapped[str] = mapped_column(String(36), default="")
    status_update: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The last ReservationStatusUpdateRequest of citrine.ocpp.v2, serialised. None: there was none."""
    clean_up_time: Mapped[datetime | None]
    """When to cancel a reservation that the station may have accepted without an answer. None: never."""
    accept_time: Mapped[datetime | None]
    """When the station's Accepted was received. None: it was not."""
    bill_time: Mapped[datetime | None]
    """When its cost is due to be computed. None: it is computed, or the reservation has not ended."""
