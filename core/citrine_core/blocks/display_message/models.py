"""Tables of functional block O."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex
from citrine_core.resources.station_requests import StationRequest

__all__ = ["DisplayMessage"]

_SET = text("state = 2")


class DisplayMessage(StationRequest, Model):
    """One message of a station's display: as it was set or reported, and what became of it.

    Its states are of citrine.api.v1.DisplayMessageState, its statuses of citrine.ocpp.v2.DisplayMessageStatusEnum.
    """

    __tablename__ = "display_messages"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "station_id", "message_id"),
        # A station holds one message of an id; a second one replaces the first (O06.FR.01).
        PartialIndex(
            "uq_display_messages_set",
            "tenant_id",
            "station_id",
            "message_id",
            unique=True,
            where=_SET,
        ),
        Index(None, "tenant_id", "transaction_id"),
        # Who looks for what ends by itself finds little, however many messages there were.
        Index(None, "state", "end_time"),
    )

    message_id: Mapped[int] = mapped_column(Integer)
    """Its id at the station."""
    priority: Mapped[int] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MessagePriorityEnum"""
    shown_in: Mapped[int | None] = mapped_column(SmallInteger)
    """citrine.ocpp.v2.MessageStateEnum of the station in which it is shown. None: in any."""
    transaction_id: Mapped[str] = mapped_column(String(36), default="")
    """Transaction that it is for. Empty: none."""
    end_time: Mapped[datetime | None]
    """endDateTime of the message. None: it has none."""
    message: Mapped[bytes] = mapped_column(LargeBinary)
    """Serialised citrine.ocpp.v2.MessageInfo."""
    is_doubtful: Mapped[bool] = mapped_column(default=False)
    """True: the station did not answer, and may hold it."""
    awaited_request_id: Mapped[int | None] = mapped_column(Integer)
    """Report that should bring it, and has not yet. None: there is none."""
    report_request_id: Mapped[int | None] = mapped_column(Integer)
    """Report that brought it last. None: none did."""
    report_time: Mapped[datetime | None]
    """When that was."""
