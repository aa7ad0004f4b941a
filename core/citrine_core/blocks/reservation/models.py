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
    """One reservation: what a station was asked, and what became of it.

    Its states are of citrine.api.v1.ReservationState, its statuses of citrine.ocpp.v2.ReserveNowStatusEnum.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "reservation_id"),
        Index(None, "tenant_id", "id_token_lookup"),
        # A station holds one reservation of an id; a second one replaces the first (H01.FR.02).
        PartialIndex(
            "uq_reservations_active",
            "tenant_id",
            "station_id",
            "reservation_id",
            unique=True,
            where=_ACTIVE,
        ),
        Index(None, "tenant_id", "station_id", "state"),
        # Who looks for what ends by itself finds little, however many reservations there were.
        Index(None, "state", "expire_time"),
        PartialIndex("ix_reservations_doubtful", "clean_up_time", where=_DOUBTFUL),
        PartialIndex("ix_reservations_unbilled", "bill_time", where=_UNBILLED),
    )

    reservation_id: Mapped[int] = mapped_column(Integer)
    """Its id at the station."""
    evse_id: Mapped[int | None] = mapped_column(Integer)
    """EVSE that is kept. None: any."""
    id_token_lookup: Mapped[str] = mapped_column(String(255))
    """What is the same for all spellings of the token, to look for."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.ReserveNowRequest."""
    expire_time: Mapped[datetime]
    """expiryDateTime of the request."""
    deadline_time: Mapped[datetime] = mapped_column()
    """When the end of its command is known in any case."""
    resends: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """How often the station was asked for it again, because it may have lost it."""
    is_told: Mapped[bool] = mapped_column(default=False)
    """True: a final state is the station's own word, not our belief."""
    transaction_id: Mapped[str] = mapped_column(String(36), default="")
    status_update: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.ReservationStatusUpdateRequest, the last one. None: there was none."""
    clean_up_time: Mapped[datetime | None]
    """When to tell the station to cancel what it may hold without our knowing. None: there is no need."""
    accept_time: Mapped[datetime | None]
    """When the station's Accepted came. None: it did not."""
    bill_time: Mapped[datetime | None]
    """When it is to be looked at what it costs. None: that is known, or it goes on."""
